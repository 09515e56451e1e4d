"""The tutorial's recipe, on each backend that is asked for, and weights from elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pexpect
import pytest

from charloom import ModelError, SettingError, TextError
from charloom.model import read_tutorial_weights
from conftest import run_charloom, run_here
from keras2_weights import predict, random_weights, write_keras2_weights

# `make test-backends` names tensorflow here.
BACKENDS = os.environ.get("CHARLOOM_TEST_BACKENDS", "torch jax").split()
# A recipe that takes a second.
SMALL = ("--window", 20, "--units", 16, "--epochs", 2, "--batch", 64, "--length", 30)
ALPHABET = "\n ',-.;abcdefghiklmnopqrstuvwy"


@pytest.fixture(scope="module")
def tutorial():
    from charloom import tutorial

    return tutorial


@pytest.fixture
def text_file(monologue: str, tmp_path: Path) -> Path:
    path = tmp_path / "mono.txt"
    path.write_text(monologue[:600], "utf-8")
    return path


def test_characters_are_numbered_in_their_order(tutorial, monologue: str) -> None:
    text = "".join(reversed(ALPHABET)) * 2
    characters, to_id, to_character = tutorial.alphabet(text)
    assert "".join(characters) == ALPHABET
    assert to_id["o"] == 20
    assert to_character[20] == "o"
    assert tutorial.alphabet(monologue.lower())[1]["o"] >= 20


def test_the_recipes_numbers_are_the_same_where_keras_is_not_imported(tutorial) -> None:
    from charloom.cli.tutorial import tutorial as command
    from charloom.comparison.compare import WINDOW
    from charloom.comparison.picture import TUTORIALS_EPOCHS

    recipe = tutorial.Recipe()
    defaults = {option.name: option.default for option in command.params}
    assert vars(recipe) == {name: defaults[name] for name in vars(recipe)}
    assert (recipe.window, recipe.epochs) == (WINDOW, TUTORIALS_EPOCHS)


def test_the_text_is_read_in_lower_case(tutorial, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Her Father", "utf-8")
    (tmp_path / "b.txt").write_text("LOVED me", "utf-8")
    assert tutorial.read([tmp_path / "a.txt", tmp_path / "b.txt"]) == "her father\nloved me"


def test_the_monologue_gives_the_tutorials_windows(tutorial, monologue: str) -> None:
    text = monologue.lower()
    characters, to_id, _ = tutorial.alphabet(text)
    ids = np.array([to_id[c] for c in text])
    X, labels = tutorial.windows(ids, 100, len(characters))
    assert X.shape == (1760, 100, 1)
    assert labels.shape == (1760,)
    assert X.dtype == np.float32
    np.testing.assert_allclose(X[7, :, 0] * len(characters), ids[7:107], atol=1e-5)
    assert labels[7] == ids[107]
    assert labels[-1] == ids[-1]


def test_an_epoch_brings_every_window_once_with_its_label(tutorial) -> None:
    ids = np.arange(50) % 7
    X, labels = tutorial.windows(ids, 10, 7)
    batches = tutorial.Batches(X, labels, 7, 16)
    assert len(batches) == 3
    first = np.concatenate([batches[n][0] for n in range(3)])
    one_hot = np.concatenate([batches[n][1] for n in range(3)])
    batches.on_epoch_end()
    second = np.concatenate([batches[n][0] for n in range(3)])
    assert one_hot.shape == (40, 7)
    assert (one_hot.sum(axis=1) == 1).all()
    # In this text the next id is the last one's successor: labels stayed with their windows.
    np.testing.assert_allclose(one_hot.argmax(axis=1), np.round(first[:, -1, 0] * 7 + 1) % 7)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(np.sort(first, axis=0), np.sort(second, axis=0))


def test_ten_megabytes_take_no_hundredfold_memory(tutorial) -> None:
    ids = np.random.default_rng(0).integers(60, size=10_000_000)
    tracemalloc.start()
    X, labels = tutorial.windows(ids, 100, 60)
    model = tutorial.build(tutorial.Recipe(units=4), 60)
    batches = tutorial.Batches(X, labels, 60, 128)
    model.fit(batches, steps_per_epoch=2, verbose=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(X) == 9_999_900
    assert peak < 30 * len(ids)  # all windows at once would be 400 bytes a character


def test_the_layer_is_charlooms_and_the_file_plain_keras(tutorial, tmp_path: Path) -> None:
    from charloom.model.lstm import FastLSTM, keras

    model = tutorial.build(tutorial.Recipe(window=9, units=8), 12)
    assert isinstance(model.layers[0], FastLSTM)
    tutorial.save(model, tmp_path / "x.weights.h5")
    layers = keras.layers
    plain = keras.Sequential(
        [layers.Input((9, 1)), layers.LSTM(8), layers.Dropout(0.2), layers.Dense(12, "softmax")]
    )
    plain.load_weights(tmp_path / "x.weights.h5")
    X = np.random.default_rng(0).random((5, 9, 1)).astype(np.float32)
    expected = plain.predict(X, verbose=0)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, atol=5e-3)  # bfloat16
    weights = read_tutorial_weights(tmp_path / "x.weights.h5")
    np.testing.assert_allclose(predict(weights.arrays, X, False), expected, atol=1e-5)
    assert [p.name for p in tmp_path.iterdir()] == ["x.weights.h5"]


def test_it_learns_what_can_be_learned(tutorial, tmp_path: Path) -> None:
    """A text that repeats: after training, argmax goes on as the text would."""
    text = "abcdefgh" * 40
    recipe = tutorial.Recipe(window=8, units=48, dropout=0.0, epochs=60, batch=32)
    lines: list[str] = []
    file = tmp_path / "x.weights.h5"
    written = "".join(
        tutorial.run(text, recipe, file, seed=3, length=40, say=lines.append, verbose=0)
    )
    seed = lines[-1].split("'")[1]
    assert len(seed) == 8
    start = "abcdefgh".index(seed[0])
    assert written == ("abcdefgh" * 7)[start : start + 40]


def test_the_window_slides_by_one(tutorial) -> None:
    """Each character is the argmax after the last W of all that stands before it."""
    tutorial.keras.utils.set_random_seed(5)
    model = tutorial.build(tutorial.Recipe(window=6, units=8), 5)
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 2, w.shape) for w in model.get_weights()])
    to_character = dict(enumerate("abcde"))
    seed = np.array([0, 1, 2, 3, 4, 0])
    written = "".join(tutorial.write(model, seed, to_character, 25))
    ids = [*seed, *("abcde".index(c) for c in written)]
    X = np.array([ids[n : n + 6] for n in range(25)])[..., None] / 5
    assert ids[6:] == model.predict(X.astype(np.float32), verbose=0).argmax(axis=1).tolist()


def test_temperature_draws_and_the_seed_fixes_it(tutorial) -> None:
    model = tutorial.build(tutorial.Recipe(window=4, units=4), 9)
    model.set_weights([w / 4 for w in random_weights(4, 9)])
    to_character = dict(enumerate("abcdefghi"))
    seed = np.zeros(4, int)

    def written(temperature: float, number: int) -> str:
        rng = np.random.default_rng(number)
        return "".join(tutorial.write(model, seed, to_character, 60, temperature, rng))

    assert written(1.0, 1) == written(1.0, 1)
    assert written(1.0, 1) != written(1.0, 2)
    assert len(set(written(1.0, 1))) > 4
    assert written(1e-4, 1) == written(0.0, 2)
    assert written(1e-310, 1) == written(0.0, 2)


def test_the_layer_tells_many_characters_apart(tutorial) -> None:
    """300 characters are 300 inputs, which bfloat16 could not tell apart."""
    model = tutorial.build(tutorial.Recipe(window=1, units=8), 300)
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 1, w.shape) for w in model.get_weights()]
    model.set_weights(weights)
    X = (np.arange(300, dtype=np.float32) / 300).reshape(300, 1, 1)
    p = model.predict(X, verbose=0, batch_size=300)
    assert len(np.unique(p[:, 0])) == 300
    np.testing.assert_allclose(p, predict(weights, X, False), atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_five_steps_and_the_weights_again(backend: str, text_file: Path) -> None:
    """Trained or loaded, the same seed gives the same text."""
    folder = text_file.parent
    file = folder / f"{backend}.weights.h5"
    options = (*SMALL, "--seed", 4, "--temperature", 0.7)
    trained = run_charloom("tutorial", text_file, "-o", file, *options, KERAS_BACKEND=backend)
    assert len(trained.stdout) == 31
    assert "580 windows of 20" in trained.stderr
    assert "loss:" in trained.stderr
    options = (*options, "--weights", file)
    loaded = run_charloom("tutorial", text_file, *options, KERAS_BACKEND=backend)
    assert loaded.stdout == trained.stdout
    assert "loss:" not in loaded.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_makes_the_same_of_a_file(backend: str, tmp_path: Path) -> None:
    weights = random_weights(12, 30)
    file = write_keras2_weights(tmp_path / "old.hdf5", weights)
    code = (
        "import json, sys; import numpy as np; from charloom import tutorial\n"
        "model = tutorial.load(sys.argv[1], tutorial.Recipe(window=15, units=12), 30)\n"
        "X = np.linspace(0, 1, 60, dtype=np.float32).reshape(4, 15, 1)\n"
        "print(json.dumps([tutorial.keras.backend.backend(), "
        "np.asarray(model.predict(X, verbose=0)).tolist()]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(file)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    name, p = json.loads(result.stdout.splitlines()[-1])
    assert name == backend
    X = np.linspace(0, 1, 60, dtype=np.float32).reshape(4, 15, 1)
    atol = 0.05 if backend == "torch" else 1e-5  # bfloat16, where the processor has it
    np.testing.assert_allclose(p, predict(weights, X, False), atol=atol)


@pytest.mark.parametrize(
    ("version", "hard"),
    [("2.0.8", True), ("2.2.4", True), ("2.3.1", False), ("2.1.6-tf", True), ("2.11.0", False)],
)
@pytest.mark.parametrize("whole_model", [False, True])
def test_weights_of_keras_2_give_what_they_gave(
    tutorial, tmp_path: Path, version: str, hard: bool, whole_model: bool
) -> None:
    weights = random_weights(10, 7)
    file = write_keras2_weights(tmp_path / "old.h5", weights, version, whole_model)
    model = tutorial.load(file, tutorial.Recipe(window=12, units=10), 7)
    X = np.random.default_rng(2).random((6, 12, 1)).astype(np.float32)
    p = model.predict(X, verbose=0)
    right, wrong = predict(weights, X, hard), predict(weights, X, not hard)
    # The fused call computes in bfloat16 where the processor has it.
    np.testing.assert_allclose(p, right, atol=1e-5 if hard else 0.05)
    assert np.abs(p - wrong).max() > 2 * np.abs(p - right).max()


def test_the_old_files_are_such_as_keras_itself_reads(tutorial, tmp_path: Path) -> None:
    """An independent look at the files that these tests make."""
    weights = random_weights(10, 7)
    model = tutorial.build(tutorial.Recipe(window=12, units=10), 7)
    model.load_weights(write_keras2_weights(tmp_path / "old.h5", weights))
    for mine, theirs in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_whole_model_says_which_gates_it_has(tmp_path: Path) -> None:
    """Also against what its version would have by default."""
    for name, hard in (("hard_sigmoid", True), ("sigmoid", False)):
        for version in ("2.2.4", "2.9.0"):
            file = write_keras2_weights(tmp_path / "m.h5", random_weights(4, 5), version, True)
            with h5py.File(file, "a") as opened:
                opened.attrs["model_config"] = json.dumps({"recurrent_activation": name})
            assert read_tutorial_weights(file).hard_gates is hard


def test_weights_of_keras_2_13_are_read(tmp_path: Path) -> None:
    weights = random_weights(4, 5)
    file = tmp_path / "old.weights.h5"
    names = [f"lstm/cell/vars/{n}" for n in range(3)] + [f"dense/vars/{n}" for n in range(2)]
    with h5py.File(file, "w") as opened:
        for name, array in zip(names, weights, strict=True):
            opened[f"_layer_checkpoint_dependencies/{name}"] = array
    for mine, theirs in zip(weights, read_tutorial_weights(file).arrays, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_weights_of_keras_2_write(text_file: Path) -> None:
    classes = len(set(text_file.read_text("utf-8").lower()))
    file = write_keras2_weights(text_file.with_name("a.hdf5"), random_weights(16, classes))
    result = run_here("tutorial", text_file, *SMALL, "--weights", file, "--seed", 1)
    assert len(result.stdout) == 31


def test_weights_that_do_not_fit_are_one_sentence(tutorial, tmp_path: Path) -> None:
    recipe = tutorial.Recipe(units=10)
    file = write_keras2_weights(tmp_path / "a.h5", random_weights(10, 7))
    with pytest.raises(ModelError, match="knows 7 different characters and this text has 9"):
        tutorial.load(file, recipe, 9)
    file = write_keras2_weights(tmp_path / "b.h5", random_weights(8, 9))
    with pytest.raises(ModelError, match="add --units 8"):
        tutorial.load(file, recipe, 9)
    with pytest.raises(ModelError, match="no weights file"):
        tutorial.load(tmp_path / "none.h5", recipe, 9)


def broken_files(folder: Path) -> list[Path]:
    """Files that are not the tutorial's weights, each in another way."""
    weights = random_weights(10, 7)
    text, cut = folder / "text.h5", folder / "cut.h5"
    text.write_text("To be")
    cut.write_bytes(write_keras2_weights(folder / "whole.h5", weights).read_bytes()[:1500])
    cudnn = write_keras2_weights(
        folder / "cudnn.h5", [*weights[:2], np.zeros(80, np.float32), *weights[3:]]
    )
    short = write_keras2_weights(folder / "nan.h5", [*weights[:4], weights[4] * np.nan])
    secret, linked = folder / "whole.h5", folder / "linked.h5"
    write_keras2_weights(linked, weights)
    with h5py.File(linked, "a") as file:
        del file["dense_1/dense_1/bias:0"]
        file["dense_1/dense_1/bias:0"] = h5py.ExternalLink(str(secret), "dense_1/dense_1/bias:0")
    os.mkfifo(folder / "pipe")  # who opened it would wait for ever
    for name in ("layers", "model_weights"):
        with h5py.File(folder / f"pipe-{name}.h5", "w") as file:
            file[name] = h5py.ExternalLink(str(folder / "pipe"), "/")
    with h5py.File(folder / "empty.h5", "w"), h5py.File(folder / "keras3.h5", "w") as file:
        file.create_group("layers/lstm")
    with h5py.File(folder / "dataset.h5", "w") as file:
        file["layers"] = np.zeros(3)
    others = ("pipe-layers", "pipe-model_weights", "empty", "keras3", "dataset")
    return [text, cut, cudnn, short, linked, *(folder / f"{name}.h5" for name in others)]


def test_other_files_are_one_sentence_and_no_link_is_followed(tmp_path: Path) -> None:
    for file in broken_files(tmp_path):
        with pytest.raises(ModelError, match="does not hold weights of the tutorial's"):
            read_tutorial_weights(file)


def test_settings_out_of_range(tutorial) -> None:
    for name, value in [("window", 0), ("units", 0), ("epochs", -1), ("batch", 0), ("dropout", 1)]:
        with pytest.raises(SettingError, match=name):
            tutorial.Recipe(**{name: value})
    for text in ("a" * 300, "ab" * 50):
        with pytest.raises(TextError, match="needs more than its window of 100"):
            list(tutorial.run(text, tutorial.Recipe(), "x.weights.h5"))
    with pytest.raises(SettingError, match=r"ends in .weights.h5, not x.h5"):
        list(tutorial.run("ab" * 90, tutorial.Recipe(), "x.h5"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.txt"], "no file, folder or match"),
        (["{text}", "-o", "weights.hdf5"], "ends in .weights.h5"),
        (["{text}", "-o", "no/such/x.weights.h5"], "no folder no/such"),
        (["{text}", "-o", "{there}"], "is there already"),
        (["{text}", "--temperature", "-1"], "temperature must be"),
        (["{text}", "--window", "600"], "needs more than its window of 600"),
        (["{text}", "--weights", "{there}"], "does not hold weights"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], words: str, text_file: Path) -> None:
    there = text_file.with_name("there.weights.h5")
    there.write_text("mine")
    filled = [a.format(text=text_file, there=there) for a in arguments]
    result = run_here("tutorial", *filled, check=False)
    assert result.returncode == 1
    assert words in result.stderr
    assert "charloom: " in result.stderr.splitlines()[-1]
    assert result.stdout == ""
    assert there.read_text() == "mine"


@pytest.mark.parametrize("name", ["theano", "numpy"])  # Keras has the latter, for writing only
def test_another_backend_is_one_sentence(name: str, text_file: Path) -> None:
    result = run_charloom("tutorial", text_file, check=False, KERAS_BACKEND=name)
    assert result.returncode == 1
    assert f"KERAS_BACKEND is '{name}'; choose torch, jax, tensorflow" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_backend_that_is_not_installed_is_one_sentence() -> None:
    code = (
        "import sys; sys.modules['jax'] = None\n"
        "from charloom.model.backend import import_keras\n"
        "try: import_keras()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert result.stdout.startswith("SettingError Keras cannot run on 'jax'"), result.stderr


def test_ctrl_c_keeps_the_weights(text_file: Path) -> None:
    """At a terminal, with Keras' progress bar."""
    arguments = ["-m", "charloom", "tutorial", str(text_file), "--window", "20", "--units", "32"]
    child = pexpect.spawn(
        sys.executable,
        [*arguments, "--epochs", "100000", "--batch", "32"],
        cwd=str(text_file.parent),
        encoding="utf-8",
        timeout=90,
    )
    child.expect("Epoch 3/100000")
    child.expect("19/19.*━━━━.*loss: ")
    child.kill(signal.SIGINT)
    child.expect("Stopped; the weights so far are in mono.weights.h5")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 128 + signal.SIGINT
    weights = read_tutorial_weights(text_file.with_name("mono.weights.h5"))
    assert weights.units == 32
