"""Tuning the base model, and going on from any model, on small texts."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import charloom
from charloom.model import grown, load_base, transfer
from charloom.text import Reading, Vocabulary
from charloom.training import Settings, begin


class Notes(charloom.Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture(scope="module")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    text = tmp_path_factory.mktemp("texts") / "letter.txt"
    text.write_text(charloom.sample("othello")[2_000:5_000], "utf-8")
    return text


@pytest.fixture(scope="module")
def tuned(letter: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    model, notes = tmp_path_factory.mktemp("tuned") / "model", Notes()
    charloom.train(letter, model, minutes=0.2, observer=notes)
    return model, notes.notes


def test_the_base_reads_english_and_any_script() -> None:
    base = charloom.base_model()
    play = charloom.sample("othello")[50_000:54_000]
    assert base.score(play).bits_per_byte < 3.0
    assert base.score("Größe, 東京, Москва").unseen == {}
    assert len(base.write("It was ", length=50, seed=1)) == 50


def test_a_small_english_text_tunes_the_base(letter: Path, tuned: tuple[Path, list[str]]) -> None:
    path, notes = tuned
    assert any("The base model needs" in note and "it is tuned" in note for note in notes)
    model = charloom.load(path)
    assert model.data.training["start"] == "base"
    assert model.data.vocabulary.kind == "bytes"
    assert model.data.vocabulary.end is None
    play = charloom.sample("othello")[100_000:104_000]
    assert model.score(play).bits_per_byte < charloom.base_model().score(play).bits_per_byte
    # From nothing 3,000 characters teach no more than an n-gram knows.
    assert (
        model.scores["validation_bits_per_character"]
        < model.scores["ngram_bits_per_character"] - 0.4
    )


def test_time_is_kept(letter: Path, tmp_path: Path) -> None:
    begun = time.monotonic()
    model = charloom.train(letter, tmp_path / "model", minutes=0.1)
    assert model.scores["seconds"] <= 0.1 * 60 * 1.5
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("def area(width, height):\n    return width * height  # in metres\n\n\n", "base"),
        ("En un lugar de la Mancha, cuyo nombre no recuerda nadie, vivía un hidalgo.\n", "nothing"),
    ],
)
def test_a_small_text_of_another_kind_needs_to_be_english(
    text: str, start: str, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_text(text * 30, "utf-8")
    _, settings, notes = begin([path], Reading(), Settings())
    assert settings.start == start
    assert len(notes) == 1


def test_another_script_starts_from_nothing(tmp_path: Path) -> None:
    text, notes = tmp_path / "text.txt", Notes()
    text.write_text("Москва слезам не верит, а делам и словам — да.\n" * 40, "utf-8")
    model = charloom.train(text, tmp_path / "model", minutes=0.03, observer=notes)
    assert any("not its kind" in note for note in notes.notes)
    assert model.data.vocabulary.kind == "characters"


def test_a_model_goes_on_with_new_text_and_new_characters(tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("the cat sat on the mat, and that was that.\n" * 60, "utf-8")
    second.write_text("the “cat” sät on the mat, and that was that.\n" * 60, "utf-8")
    charloom.train(first, tmp_path / "a", units=48, epochs=12, memory=False)
    old = charloom.load(tmp_path / "a")
    model = charloom.train(
        second, tmp_path / "b", start=str(tmp_path / "a"), epochs=4, memory=False
    )
    assert set("“ä”") <= set(model.characters)
    assert set(old.characters) <= set(model.characters)
    bits = model.scores["validation_bits_per_character"]
    assert bits < old.score(second.read_text("utf-8")).bits_per_character
    assert model.data.training["start"] == "a"


def test_transfer_keeps_what_is_known() -> None:
    base = load_base()
    vocabulary = Vocabulary("bytes", tuple(range(256)))
    shape, weights = transfer(base, vocabulary)
    assert shape.vocabulary == 256
    np.testing.assert_array_equal(weights["dense.kernel"], base.weights["dense.kernel"][:, :256])
    abc, bcd = (Vocabulary("characters", tuple(map(ord, s))) for s in ("abc", "bcd"))
    assert grown(abc, bcd).characters == "abcd"


class StopsAt(charloom.Observer):
    """Sends this process a SIGTERM, as a shell would, after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, progress: charloom.Progress) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_stopped_run_of_epochs_ends_as_one_never_stopped(letter: Path, tmp_path: Path) -> None:
    settings = {"start": "base", "epochs": 3, "keep_validation_out": True}
    whole = charloom.train(letter, tmp_path / "whole", **settings)
    with pytest.raises(charloom.Interrupted):
        charloom.train(letter, tmp_path / "stopped", observer=StopsAt(30), **settings)
    resumed = charloom.resume(tmp_path / "stopped")
    for name, array in whole.data.weights.items():
        np.testing.assert_allclose(resumed.data.weights[name], array, atol=1e-6)


def test_contradictions_are_said() -> None:
    with pytest.raises(charloom.SettingError, match="own size"):
        charloom.train("x.txt", start="base", units=12)
    with pytest.raises(charloom.SettingError, match="knows bytes"):
        charloom.train("x.txt", start="base", vocabulary="characters")
    with pytest.raises(charloom.ModelError):
        charloom.train("x.txt", start=os.devnull + "/none")
