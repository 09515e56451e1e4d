"""Texts with labels: learned, kept, written under and scored under."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import run_charloom, run_here

import charloom
from charloom.model import ModelData, NetworkShape, load_model, save_model, transfer
from charloom.model.network import Network
from charloom.text import Reading, Stretches, prepare
from charloom.writing import Engine, engine_of, label_weights

KINDS = {"first": "abcd", "second": "wxyz"}
QUICKLY = {"learning_rate": 5e-3, "dropout": 0.1}


class Heard(charloom.Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.samples: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def check(self, check: charloom.Check, sample: str) -> None:
        self.samples.append(sample)


def text_of(kind: str, draw: random.Random) -> str:
    """Doubled letters in words: "aabb ccaadd"."""
    words = ("".join(2 * draw.choice(KINDS[kind]) for _ in range(3)) for _ in range(6))
    return " ".join(words)


def own_share(kind: str, text: str) -> float:
    """The share of a text's letters that are of a kind."""
    letters = text.replace(" ", "").replace("\n", "")
    return sum(c in KINDS[kind] for c in letters) / max(1, len(letters))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts of two kinds, those of one behind those of the other, as a sorted table has them."""
    path = tmp_path_factory.mktemp("texts") / "kinds.jsonl"
    draw = random.Random(1)
    lines = [
        json.dumps({"body": text_of(kind, draw), "who": kind}) for kind in KINDS for _ in range(80)
    ]
    path.write_text("\n".join(lines), "utf-8")
    return path


@pytest.fixture(scope="module", params=[True, False], ids=["memory", "network alone"])
def labelled(
    request: pytest.FixtureRequest, rows: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Heard]:
    model, heard = tmp_path_factory.mktemp("models") / "kinds", Heard()
    options = {"units": 32, "epochs": 20, "seed": 1, **QUICKLY, "memory": request.param}
    charloom.train(rows, model, field="body", label="who", observer=heard, **options)
    return model, heard


def test_it_writes_in_a_labels_manner(labelled: tuple[Path, Heard]) -> None:
    model = charloom.load(labelled[0])
    assert model.labels == ("first", "second")
    for kind in KINDS:
        texts = model.write(count=6, length=60, seed=3, label=kind)
        assert own_share(kind, "".join(texts)) > 0.95, texts


def test_a_mixture_gives_both_kinds(labelled: tuple[Path, Heard]) -> None:
    model = charloom.load(labelled[0])
    evenly = model.write(count=40, length=60, seed=3)
    assert 0.1 < own_share("first", "".join(evenly)) < 0.9
    assert evenly == model.write(count=40, length=60, seed=3, label={"first": 2, "second": 2})
    shares = [
        own_share("first", "".join(model.write(count=40, length=60, seed=3, label=label)))
        for label in ("first=0.2,second=0.8", "first,second", {"first": 0.8, "second": 0.2})
    ]
    assert shares == sorted(shares)
    assert shares[0] < shares[2]


def test_the_right_label_scores_better(labelled: tuple[Path, Heard]) -> None:
    model = charloom.load(labelled[0])
    text = text_of("second", random.Random(9))
    right, wrong = (model.score(text, label=kind) for kind in ("second", "first"))
    assert right.bits_per_character < model.score(text).bits_per_character
    assert right.bits_per_character < wrong.bits_per_character - 1
    # Four letters, doubled, and a blank after three: 6 bits for 7 characters.
    assert right.bits_per_character < 1.3
    assert model.scores["validation_bits_per_character"] < 1.3


def test_suggestions_are_of_the_label(labelled: tuple[Path, Heard]) -> None:
    model = charloom.load(labelled[0])
    found = model.suggest("", 2, label="second")
    assert own_share("second", "".join(s.text for s in found)) > 0.9


def test_labels_are_shown(labelled: tuple[Path, Heard]) -> None:
    folder, heard = labelled
    assert any("2 labels: first (" in note for note in heard.notes)
    assert any("from every label its share" in note for note in heard.notes)
    starts = {sample.split(":")[0] for sample in heard.samples}
    assert starts <= set(KINDS)
    card = (folder / "README.md").read_text("utf-8")
    assert "labels, with their characters: first (3,280), second (3,280)" in card
    assert "--label first" in card


def test_errors_about_labels_are_clear(
    labelled: tuple[Path, Heard], trained: Path, tmp_path: Path
) -> None:
    model = charloom.load(labelled[0])
    for label, what in (
        ("third", r"no label 'third'; it has 'first', 'second'"),
        ("first=x", "no label with a weight"),
        ("first=-1", "from 0 on"),
        ("first=nan", "from 0 on"),
        ({"first": 0.0}, "over 0"),
        ("", "no label ''"),
    ):
        with pytest.raises(charloom.SettingError, match=what):
            model.write(label=label)
    with pytest.raises(charloom.SettingError, match="has no labels; train one"):
        charloom.load(trained).write(label="first")
    many = [f"n{k}" for k in range(30)]
    with pytest.raises(charloom.SettingError, match="'n19' and 10 more"):
        label_weights(many, "x")

    table = tmp_path / "table.jsonl"
    table.write_text('{"body": "aa", "who": "x"}\n{"body": "bb", "by": "x"}\n', "utf-8")
    with pytest.raises(charloom.TextError, match=r"Line 2 of .* no field 'who'.*: body, by"):
        charloom.train(table, tmp_path / "m", field="body", label="who")
    table.write_text('{"body": "aa", "who": null}\n', "utf-8")
    with pytest.raises(charloom.TextError, match="nothing in its field 'who'"):
        charloom.train(table, tmp_path / "m", field="body", label="who")
    table.write_text("".join(f'{{"body": "aa", "who": {n}}}\n' for n in range(4097)), "utf-8")
    with pytest.raises(charloom.TextError, match="over 4,096 different labels"):
        charloom.train(table, tmp_path / "m", field="body", label="who")
    plain = tmp_path / "plain.txt"
    plain.write_text("a text\n", "utf-8")
    with pytest.raises(charloom.TextError, match="has no fields"):
        charloom.train(plain, tmp_path / "m", label="who")
    with pytest.raises(charloom.TextError, match="lies in no sub-folder"):
        charloom.train(plain, tmp_path / "m", label="folder")


def test_names_may_hold_signs() -> None:
    labels = ["a,b", "a", "c=1"]
    np.testing.assert_array_equal(label_weights(labels, "a,b"), [1, 0, 0])
    np.testing.assert_array_equal(label_weights(labels, "c=1"), [0, 0, 1])
    np.testing.assert_array_equal(label_weights(labels, "c=1=3, a=1"), [0, 0.25, 0.75])
    np.testing.assert_array_equal(label_weights(labels, "c=1,a"), [0, 0.5, 0.5])


def test_the_file_keeps_labels(labelled: tuple[Path, Heard], tmp_path: Path) -> None:
    data = load_model(labelled[0])
    save_model(tmp_path / "again.safetensors", data)
    again = load_model(tmp_path / "again.safetensors")
    assert again.labels == data.labels
    assert again.remembered == data.remembered
    assert sum(data.remembered) == (0 if data.memory is None else len(data.memory))
    for labels in (("first",), ("first", "first"), ("first", "")):
        broken = ModelData(data.shape, data.vocabulary, data.weights, data.opening, labels=labels)
        save_model(tmp_path / "broken.safetensors", broken)
        with pytest.raises(charloom.ModelError, match="labels disagree"):
            load_model(tmp_path / "broken.safetensors")


def test_a_file_without_labels_is_as_before(trained: Path) -> None:
    data = load_model(trained)
    assert data.labels == ()
    assert "labels" not in data.shape.to_dict()
    assert NetworkShape.from_dict(data.shape.to_dict()) == data.shape
    content = (trained / "model.safetensors").read_bytes()
    assert b"labels" not in content[: 8 + int.from_bytes(content[:8], "little")]


def test_engine_and_network_agree_on_labels() -> None:
    shape = NetworkShape(7, 12, 2, labels=3)
    network = Network(shape, seed=4, compute="float32")
    weights = network.get_arrays()
    assert {name: array.shape for name, array in weights.items()} == shape.tensors()
    ids = np.random.default_rng(1).integers(7, size=(2, 9))
    for label in (None, 0, 2):
        labels = None if label is None else np.full((2, 9), label)
        expected = network(ids, network.initial_states(2), labels=labels)[0].detach().numpy()
        mix = None if label is None else np.eye(3)[label]
        engine = Engine(shape, weights, mix)
        np.testing.assert_allclose(engine.run(ids, engine.initial_states(2)), expected, atol=1e-5)
    # Without labels every initial weight is what it always was.
    plain = Network(NetworkShape(7, 12, 2), seed=4).get_arrays()
    assert all((array == weights[name]).all() for name, array in plain.items())


def test_the_memory_is_that_of_the_label(labelled: tuple[Path, Heard]) -> None:
    data = load_model(labelled[0])
    if data.memory is None:
        return
    engine = engine_of(data, np.array([0.0, 1.0]))
    assert not isinstance(engine, Engine)
    own = {data.vocabulary.ids[ord(c)] for c in KINDS["second"]}
    others = {data.vocabulary.ids[ord(c)] for c in KINDS["first"]}
    remembered = set(engine.memory.index.ids.tolist())
    assert own <= remembered
    assert not others & remembered


def test_every_label_is_learned_and_held_out(tmp_path: Path) -> None:
    """One long text, one short, and many tiny ones, in this order."""
    texts = [("long", "l" * 9000), ("short", "s" * 49), *[("tiny", "tt")] * 500]
    path = tmp_path / "texts.csv"
    path.write_text("text,label\n" + "".join(f"{t},{name}\n" for name, t in texts), "utf-8")
    corpus = prepare([path], Reading(field="text", label="label"))
    assert corpus.labels is not None
    assert corpus.labels.characters == {"long": 9000, "short": 49, "tiny": 1000}
    laid, split = corpus.cut(0.1)
    assert len(laid) == len(corpus)
    assert isinstance(laid.numbers, Stretches)
    # Nothing is lost, and every place has the label of its own text.
    places = np.arange(len(laid))
    labels = laid.numbers.labels_at(places)
    symbols = np.array(corpus.symbols)[laid.numbers[places]]
    letters = symbols < 0x80
    assert (symbols[letters] == np.array([ord(c) for c in "lst"])[labels[letters]]).all()
    assert laid.counts(len(laid)) == corpus.counts(len(corpus))
    learned, held_out = np.bincount(labels[:split]), np.bincount(labels[split:])
    np.testing.assert_allclose(held_out / (learned + held_out), 0.1, atol=0.02)
    # Any first part of what is held out has every label's share.
    start = np.bincount(labels[split : split + 1000 + 120], minlength=3)
    assert (start > 0).all()
    # The end of a label's texts, newest last.
    tail = laid.numbers.end_of(2, 4)
    assert "".join(chr(corpus.symbols[n]) for n in tail).replace("\udfff", "|") == "|tt|"
    assert len(laid.numbers.end_of(1, 10**6)) == 50


def test_a_run_goes_on_exactly(rows: Path, tmp_path: Path) -> None:
    options = {"field": "body", "label": "who", "units": 16, "epochs": 2, "memory": False}
    whole = charloom.train(rows, tmp_path / "whole", **options)
    from charloom.training.checkpoint import load_checkpoint
    from charloom.training.folder import ModelFolder
    from charloom.training.run import Run
    from charloom.training.settings import Settings

    folder = ModelFolder(tmp_path / "stopped")
    reading = Reading(field="body", label="who")
    settings = Settings(
        reading=reading, units=16, epochs=2, memory=False, start="nothing", vocabulary="characters"
    )
    corpus = prepare([rows], reading)
    with folder.locked():
        run = Run(folder, corpus, [rows], settings, charloom.Observer()).start()
        run.trainer._warm_up()
        run.trainer.clock.start(run.trainer.progress)
        for _ in range(5):
            run.trainer._step()
            run.trainer.clock.tick(run.trainer.progress)
        run._checkpoint()
    assert load_checkpoint(folder.checkpoint).progress.step == 5
    resumed = charloom.resume(folder.path)
    assert resumed.labels == whole.labels
    for name, array in whole.data.weights.items():
        np.testing.assert_array_equal(resumed.data.weights[name], array)


def test_folders_are_labels(tmp_path: Path) -> None:
    draw = random.Random(2)
    for kind in KINDS:
        for number in range(12):
            file = tmp_path / "letters" / kind / "deep" / f"{number}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(text_of(kind, draw) for _ in range(5)), "utf-8")
    letters = tmp_path / "letters"
    options = {"units": 24, "epochs": 15, **QUICKLY, "memory": False}
    model = charloom.train(letters, tmp_path / "model", label="folder", **options)
    assert model.labels == ("first", "second")
    assert own_share("second", model.write(length=200, seed=1, label="second")) > 0.9
    # Another folder's name is another label, though every file is the same.
    (letters / "second").rename(letters / "other")
    assert prepare([letters], Reading(label="folder")).labels.names == ("first", "other")  # type: ignore[union-attr]
    (letters / "loose.txt").write_text("a", "utf-8")
    with pytest.raises(charloom.TextError, match=r"loose.txt lies in no sub-folder"):
        prepare([letters], Reading(label="folder"))


def test_rows_in_folders_take_either(tmp_path: Path) -> None:
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "x.jsonl").write_text('{"t": "ab", "who": "me"}\n' * 2, "utf-8")
    by_folder = prepare([tmp_path], Reading(field="t", label="folder"))
    by_field = prepare([tmp_path], Reading(field="t", label="who"))
    assert by_folder.labels is not None
    assert by_folder.labels.characters == {"first": 4, "second": 4}
    assert by_field.labels is not None
    assert by_field.labels.characters == {"me": 8}


def test_bytes_and_a_start_from_a_labelled_model(
    labelled: tuple[Path, Heard], rows: Path, tmp_path: Path
) -> None:
    options = {"field": "body", "label": "who", "epochs": 1, "memory": False}
    model = charloom.train(rows, tmp_path / "bytes", vocabulary="bytes", units=8, **options)
    assert model.data.vocabulary.kind == "bytes"
    assert len(model.write(length=10, seed=1, label="first")) <= 10
    on = charloom.train(rows, tmp_path / "on", start=str(labelled[0]), **options)
    assert on.labels == ("first", "second")
    # Without labels, what stays of them is their even mixture.
    data = load_model(labelled[0])
    shape, weights = transfer(data, data.vocabulary)
    assert set(weights) == set(shape.tensors())
    ids = np.array([[1, 2, 3]])
    one, other = Engine(data.shape, data.weights), Engine(shape, weights)
    np.testing.assert_allclose(
        one.run(ids, one.initial_states(1)), other.run(ids, other.initial_states(1)), atol=1e-5
    )


def test_one_text_under_a_label_keeps_its_end(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({"t": "ab " * 500, "who": 7}), "utf-8")
    model = charloom.train(path, tmp_path / "m", field="t", label="who", units=8, epochs=1)
    assert model.labels == ("7",)
    assert model.data.vocabulary.end is not None
    assert model.write(length=5, seed=1, label="7")


def test_the_command_line_knows_labels(rows: Path, tmp_path: Path) -> None:
    model, text = tmp_path / "model", tmp_path / "text.txt"
    options = ["--field", "body", "--label", "who", "--units", 24, "--epochs", 15, "--no-memory"]
    options += ["--learning-rate", 5e-3, "--dropout", 0.1]
    run_here("train", rows, "-o", model, "--quiet", *options)
    written = run_charloom("write", model, "--label", "second", "--seed", 2).stdout
    assert own_share("second", written) > 0.9
    mixed = run_charloom("write", model, "--label", "first=0.7,second=0.3", "--json").stdout
    assert json.loads(mixed)["texts"]
    text.write_text(text_of("first", random.Random(3)), "utf-8")
    right, wrong = (
        json.loads(run_charloom("score", model, text, "--label", kind, "--json").stdout)
        for kind in ("first", "second")
    )
    assert right["bits_per_character"] < wrong["bits_per_character"]
    result = run_charloom("write", model, "--label", "third", check=False)
    assert result.returncode != 0
    assert "it has 'first', 'second'" in result.stderr
    assert "first (3,280)" in run_charloom("info", model).stdout
    said = run_charloom("write", model, "--interactive", "--label", "second", stdin="1\n.\n").stdout
    assert own_share("second", said.splitlines()[-1]) > 0.9
