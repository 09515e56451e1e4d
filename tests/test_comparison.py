"""Both sides on one text, for seconds: the real recipe, the real training."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pexpect
import pytest

import charloom
from charloom.comparison import Side
from conftest import run_charloom


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "play.txt"
    path.write_text(charloom.sample("othello")[:6000], "utf-8")
    return path


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures") / "c.png"


@pytest.fixture(scope="module")
def shown(text_file: Path, picture: Path) -> subprocess.CompletedProcess[str]:
    """The command, run once."""
    options = ("--minutes", 0.06, "--seed", 3, "-o", picture, "--json")
    return run_charloom("compare", text_file, *options)


@pytest.fixture(scope="module")
def result(shown: subprocess.CompletedProcess[str]) -> charloom.Comparison:
    data = json.loads(shown.stdout)
    sides = {name: Side.from_dict(data.pop(name)) for name in ("tutorial", "charloom")}
    return charloom.Comparison(**data, **sides)


def test_both_sides_are_measured(result: charloom.Comparison, text_file: Path) -> None:
    text = text_file.read_text("utf-8").lower()
    assert (result.characters, result.scored) == (6000, 600)
    assert result.prompt == text[5400:5500]
    for side in (result.tutorial, result.charloom):
        # Better than all characters alike, worse than anything can be.
        assert 2 < side.bits_per_character < math.log2(len(set(text)))
        assert side.epochs > 0
        assert side.trained_per_second > 0
        assert side.written_per_second > 0
        assert side.peak_memory is not None
        assert 100e6 < side.peak_memory < 4e9
        assert len(side.text) == 200
        assert set(side.text) <= set(text)
        assert len(side.curve) >= 1
        assert [p.seconds for p in side.curve] == sorted(p.seconds for p in side.curve)
    assert result.charloom.bits_per_character < result.tutorial.bits_per_character
    assert result.charloom.trained_per_second > result.tutorial.trained_per_second


def test_the_table_holds_the_figures(result: charloom.Comparison) -> None:
    rows = result.table().splitlines()
    assert rows[0].split("  ")[-1].strip() == "Charloom"
    bits = f"{result.tutorial.bits_per_character:.3f}"
    assert rows[1].split() == [
        *("held-out", "bits", "per", "character", bits),
        f"{result.charloom.bits_per_character:.3f}",
    ]
    assert rows[-1].startswith("peak memory, MB")
    assert len({len(row) for row in rows}) == 1


def test_the_picture_is_drawn_and_kept_whole(result: charloom.Comparison, tmp_path: Path) -> None:
    result.save_picture(tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(charloom.StorageError):
        result.save_picture(tmp_path / "none" / "p.png")


def test_the_tutorials_score_is_that_of_its_probabilities() -> None:
    """A dense layer of zeros gives every character the same chance: log2 of their number."""
    from charloom import tutorial
    from charloom.comparison.sides import _bits

    model = tutorial.build(tutorial.Recipe(window=5, units=3), 16)
    ids = np.random.default_rng(0).integers(16, size=3000)
    X, labels = tutorial.windows(ids, 5, 16)
    weights = model.get_weights()
    model.set_weights([*weights[:3], np.zeros((3, 16)), np.zeros(16)])
    assert _bits(model, X, labels, 128) == pytest.approx(4, abs=1e-6)
    # And one that is sure of id 3: nothing where that comes, Keras' limit of 1e-7 elsewhere.
    sure = np.where(np.arange(16) == 3, 100.0, 0.0)
    model.set_weights([*weights[:3], np.zeros((3, 16)), sure])
    share = float((labels == 3).mean())
    assert _bits(model, X, labels, 128) == pytest.approx((1 - share) * -math.log2(1e-7), rel=1e-3)


def test_the_command_prints_one_json_object_and_saves_the_picture(
    shown: subprocess.CompletedProcess[str], result: charloom.Comparison, picture: Path
) -> None:
    assert json.loads(shown.stdout) == json.loads(json.dumps(result.to_dict()))
    assert "The tutorial's recipe, on Keras:" in shown.stderr
    assert "held out" in shown.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{short}"], "too few to compare on"),
        (["{same}"], "too few to compare on"),
        (["{text}", "-o", "{text}"], "is there already"),
        (["{text}", "-o", "no/such/p.png"], "no folder"),
        (["{text}", "--minutes", "0"], "minutes must be"),
        (["missing.txt"], "no file"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], words: str, text_file: Path, tmp_path: Path
) -> None:
    texts = {"short": tmp_path / "short.txt", "same": tmp_path / "same.txt", "text": text_file}
    texts["short"].write_text("To be, or not to be")
    texts["same"].write_text("a" * 2000 + "b" * 100)
    filled = [a.format(**texts) for a in arguments]
    result = run_charloom("compare", *filled, check=False)
    assert result.returncode == 1
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert len(text_file.read_bytes()) > 1000


def test_an_error_of_a_side_is_said(text_file: Path) -> None:
    result = run_charloom("compare", text_file, check=False, KERAS_BACKEND="nonsense")
    assert result.returncode == 1
    assert "KERAS_BACKEND is 'nonsense'" in result.stderr.splitlines()[-1]


def test_ctrl_c_at_a_terminal_ends_both_at_once(text_file: Path, tmp_path: Path) -> None:
    """A terminal sends it to all that runs there."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "charloom", "compare", str(text_file)],
        cwd=str(tmp_path),
        encoding="utf-8",
        timeout=60,
    )
    child.expect("held out \\d")
    child.sendintr()
    child.expect(pexpect.EOF)  # comes only when the side has ended, too
    child.close()
    assert child.exitstatus == 128 + signal.SIGINT
    assert "Stopped; a comparison keeps nothing" in child.before
    assert "Traceback" not in child.before
    assert list(tmp_path.iterdir()) == []


def test_a_side_that_fails_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from charloom.comparison import sides
    from charloom.comparison.task import Task, write_json

    def fails(*_: object) -> None:
        raise RuntimeError("can't allocate memory")

    monkeypatch.setattr(sides, "tutorials_side", fails)
    monkeypatch.setattr(sides.os, "dup2", lambda *_: None)
    write_json(tmp_path / "task.json", vars(Task(1.0, 1, 1, "", 0)))
    (tmp_path / "text.txt").write_text("x")
    sides.main("tutorial", tmp_path)
    assert "can't allocate memory" in json.loads((tmp_path / "tutorial.json").read_text())["error"]
