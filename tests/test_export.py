"""Exports, each loaded by the software that it is for: the same logits, the same text."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import charloom
from charloom.export import FORMATS
from charloom.export.base import in_half, network_alone
from charloom.language_model import LanguageModel
from charloom.model import ModelData, load_model, save_model
from charloom.writing import Engine
from conftest import run_charloom
from untrained import untrained

SEED = 11
PIECE = "Now, by heaven,\nMy blood begins my safer guides to rule; "


@pytest.fixture(scope="module", params=["characters", "bytes", "layers"])
def folder(
    request: pytest.FixtureRequest,
    trained: Path,
    trained_bytes: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    if request.param == "layers":  # and labels, whose even mixture is exported
        made = tmp_path_factory.mktemp("layers")
        text = charloom.sample("othello")[:6000] + PIECE
        labelled = untrained(text=text, layers=2, labels=("Ann", "Ben"), has_end=True)
        save_model(made / "model.safetensors", labelled)
        return made
    return trained if request.param == "characters" else trained_bytes


@pytest.fixture(scope="module")
def alone(folder: Path) -> LanguageModel:
    """The network without its memory: what is exported."""
    return LanguageModel(network_alone(load_model(folder)))


def some_ids(data: ModelData) -> np.ndarray:
    """A thousand ids that the network reads one after another."""
    ids = data.vocabulary.encode(PIECE * 30)[0][:1000]
    assert len(ids) == 1000
    return ids


def expected_logits(data: ModelData) -> np.ndarray:
    engine = Engine(data.shape, data.weights)
    if labels := len(data.labels):
        engine = engine.with_labels(np.full(labels, 1 / labels))
    return engine.run(some_ids(data)[None], engine.initial_states(1))[0]


def test_the_formats_are_those_of_the_command() -> None:
    from charloom.cli.export import FORMATS as NAMED

    assert tuple(FORMATS) == NAMED


def test_numpy_writes_the_same_in_a_process_without_charloom(
    folder: Path, alone: LanguageModel, tmp_path: Path
) -> None:
    run_charloom("export", folder, "--to", "numpy", "-o", tmp_path / "m")
    assert {p.name for p in (tmp_path / "m").iterdir()} == {
        "charloom_model.py",
        "model.safetensors",
    }
    assert len((tmp_path / "m/charloom_model.py").read_text("utf-8").splitlines()) < 150
    options = ["--length", "400", "--seed", str(SEED)]
    script = [sys.executable, "-I", "-X", "utf8", str(tmp_path / "m/charloom_model.py")]
    result = subprocess.run(
        [*script, PIECE, *options], capture_output=True, check=True, encoding="utf-8"
    )
    assert result.stdout == alone.write(PIECE, length=400, seed=SEED) + "\n"


def test_numpy_gives_the_same_logits(alone: LanguageModel, tmp_path: Path) -> None:
    charloom.export_model(alone, "numpy", tmp_path / "m")
    program = _module(tmp_path / "m" / "charloom_model.py")
    model = program.Model(tmp_path / "m" / "model.safetensors")
    state, logits = model.initial_state(), []
    for number in some_ids(alone.data).tolist():
        found, state = model.step(number, state)
        logits.append(found)
    np.testing.assert_allclose(np.array(logits), expected_logits(alone.data), atol=1e-4)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("half", "tolerance"), [(False, 1e-4), (True, 1e-2)])
def test_onnx_runs_with_the_state_carried(
    folder: Path, alone: LanguageModel, tmp_path: Path, half: bool, tolerance: float
) -> None:
    import onnxruntime

    file = tmp_path / "m.onnx"
    run_charloom("export", folder, "--to", "onnx", "-o", file, *(["--half"] if half else []))
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    data, ids = alone.data, some_ids(alone.data)
    real = np.float16 if half else np.float32
    zeros = {
        f"{p}_{n}": np.zeros((2, data.shape.units), real)
        for n in range(data.shape.layers)
        for p in "hc"
    }
    outputs, states = [], zeros
    for piece in np.split(ids, [1, 8, 400]):  # pieces of any length, two texts at once
        logits, *after = session.run(None, {"ids": np.stack([piece, piece]), **states})
        states = dict(zip(zeros, after, strict=True))
        outputs.append(logits)
    found = np.concatenate(outputs, axis=1)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0], expected_logits(data), atol=tolerance)
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["opening"]) == list(data.opening)
    assert properties["vocabulary"] == data.vocabulary.to_json()


def test_the_example_in_the_docs_writes(trained: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs/export.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.S)
    charloom.export_model(trained, "onnx", tmp_path / "model.onnx")
    result = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", example],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    assert len(result.stdout) == 200
    assert set(result.stdout) <= set(charloom.load(trained).characters)


KERAS = """
import sys
import numpy as np
import keras
file, weights, ids, out = sys.argv[1:]
model = keras.saving.load_model(file)
assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
ids = np.load(ids)[None]
found = [model.predict(ids, verbose=0)[0]]
for layer in model.layers:
    for variable in layer.weights:
        variable.assign(0 * variable)
model.load_weights(weights)
found.append(model.predict(ids, verbose=0)[0])
np.save(out, np.stack(found))
assert "charloom" not in sys.modules
"""


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_plain_keras_loads_it(alone: LanguageModel, tmp_path: Path, backend: str) -> None:
    model, weights = tmp_path / "m.keras", tmp_path / "m.weights.h5"
    charloom.export_model(alone, "keras", model)
    charloom.export_model(alone, "keras-weights", weights)
    np.save(tmp_path / "ids.npy", some_ids(alone.data))
    (tmp_path / "load.py").write_text(KERAS)
    arguments = [model, weights, tmp_path / "ids.npy", tmp_path / "out.npy"]
    subprocess.run(
        [sys.executable, str(tmp_path / "load.py"), *map(str, arguments)],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    for found in np.load(tmp_path / "out.npy"):
        np.testing.assert_allclose(found, expected_logits(alone.data), atol=1e-4)


def test_the_hubs_folder(folder: Path, alone: LanguageModel, tmp_path: Path) -> None:
    import tokenizers

    run_charloom("export", folder, "--to", "hf", "-o", tmp_path / "m")
    vocabulary = alone.data.vocabulary
    tokenizer = tokenizers.Tokenizer.from_file(str(tmp_path / "m/tokenizer.json"))
    assert tokenizer.get_vocab_size() == vocabulary.size
    for text in (PIECE, "  a\n\n\tb  ", "Größe – 東京 🎭", "<unk>", ""):
        ids = tokenizer.encode(text).ids
        expected, _ = vocabulary.encode(text)
        assert ids == expected.tolist()
        assert tokenizer.decode(ids) == vocabulary.decode(expected)
    config = json.loads((tmp_path / "m/config.json").read_text("utf-8"))
    assert config["vocab_size"] == vocabulary.size
    card = (tmp_path / "m/README.md").read_text("utf-8")
    assert re.match(r"---\nlibrary_name: charloom\n(.+\n)+?---\n\n# ", card)
    model = charloom.load(tmp_path / "m")
    assert model.data.memory is None
    assert model.write(PIECE, seed=SEED) == alone.write(PIECE, seed=SEED)


def test_the_text_does_not_leave_with_an_export(
    othello: Path, trained: Path, tmp_path: Path
) -> None:
    line = max(othello.read_text("utf-8").splitlines(), key=len)
    ids = load_model(trained).vocabulary.encode(line)[0].astype(np.uint8).tobytes()
    assert ids in (trained / "model.safetensors").read_bytes()  # the memory is the text
    for to, chosen in FORMATS.items():
        path = charloom.export_model(trained, to, tmp_path / f"m{chosen.suffix}")
        files = [path] if path.is_file() else list(path.iterdir())
        for file in files:
            content = file.read_bytes()
            assert ids not in content
            assert line.encode() not in content
            assert str(othello.parent).encode() not in content


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{model}", "--to", "html", "-o", "{file}"], "there already"),
        (["{model}", "--to", "html", "-o", "no/such/m.html"], "no folder"),
        (["{model}", "--to", "keras", "--half"], "leave --half out"),
        (["missing", "--to", "numpy"], "There is no model"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], words: str, trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("years of work")
    names = {"model": trained, "file": tmp_path / "file"}
    result = run_charloom("export", *(a.format(**names) for a in arguments), check=False)
    assert result.returncode == 1
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert (tmp_path / "file").read_text() == "years of work"


def test_a_weight_too_large_for_half_precision_is_one_sentence(trained: Path) -> None:
    data = load_model(trained)
    large = {**data.weights, "dense.bias": np.full_like(data.weights["dense.bias"], 1e6)}
    with pytest.raises(charloom.SettingError, match="half precision"):
        in_half(replace(data, weights=large))


def test_llm_writes_with_it(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "play").symlink_to(trained)
    environment = {**os.environ, "LLM_USER_PATH": str(tmp_path / "llm")}
    command = [sys.executable, "-m", "llm", "-m", "charloom/play", PIECE]
    options = ["-o", "seed", str(SEED), "-o", "length", "80"]
    for more in ([], ["--no-stream"]):
        result = subprocess.run(
            [*command, *options, *more],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
        )
        assert result.returncode == 0, result.stderr
        assert result.stdout.rstrip("\n") == charloom.load(trained).write(
            PIECE, length=80, seed=SEED
        ).rstrip("\n")
