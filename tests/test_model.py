"""The network in Keras and in NumPy, and the model's file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from charloom import ModelError, load
from charloom.model import ModelData, NetworkShape, load_model, save_model
from charloom.text import SettingError, build_vocabulary
from charloom.writing import Engine

SHAPE = NetworkShape(vocabulary=30, units=24, layers=2, embedding=12)


@pytest.fixture(scope="module")
def network():
    from charloom.model.network import Network

    # float32, whatever the processor has: it is compared with NumPy's.
    return Network(SHAPE, seed=3, compute="float32")


def test_the_fast_lstm_gives_the_stock_layers_numbers_and_gradients() -> None:
    import torch

    from charloom.model.lstm import FastLSTM, keras

    options = {"return_sequences": True, "return_state": True}
    fast, stock = FastLSTM(20, compute="float32", **options), keras.layers.LSTM(20, **options)
    x = torch.randn(5, 17, 8)
    states = [torch.randn(5, 20), torch.randn(5, 20)]
    results = []
    for layer in (fast, stock):
        layer.build(x.shape)
        layer.set_weights(results[0][2] if results else layer.get_weights())
        given = x.clone().requires_grad_()
        outputs, h, c = layer(given, initial_state=states)
        (outputs.square().sum() + (h * 2).sum() + c.sum()).backward()
        gradients = [given.grad, *(v.value.grad for v in layer.trainable_variables)]
        results.append(([outputs, h, c], gradients, layer.get_weights()))
    (forward, backward, _), (stock_forward, stock_backward, _) = results
    for ours, theirs in zip(forward + backward, stock_forward + stock_backward, strict=True):
        assert ours is not None
        np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=1e-4, atol=1e-4)


def test_the_fast_path_is_taken_and_left_when_it_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from charloom.model.lstm import FastLSTM

    calls = []
    fused = torch._VF.lstm
    monkeypatch.setattr(torch._VF, "lstm", lambda *a: calls.append(1) or fused(*a))
    x = torch.randn(2, 4, 3)
    FastLSTM(5)(x)
    assert len(calls) == 1
    FastLSTM(5, recurrent_dropout=0.5)(x, training=True)
    FastLSTM(5, activation="relu")(x)
    FastLSTM(5)(x, mask=torch.ones(2, 4, dtype=torch.bool))
    assert len(calls) == 1


def test_bfloat16_is_close_to_float32() -> None:
    import torch

    from charloom.model.lstm import FastLSTM

    half, full = FastLSTM(16, compute="bfloat16"), FastLSTM(16, compute="float32")
    x = torch.randn(3, 9, 8)
    half.build(x.shape)
    full.build(x.shape)
    half.set_weights(full.get_weights())
    with torch.no_grad():
        difference = (half(x) - full(x)).abs().max()
    assert 0 < difference < 0.02


def test_numpy_and_keras_give_the_same_logits(network) -> None:
    import torch

    ids = np.random.default_rng(0).integers(30, size=(4, 50))
    with torch.no_grad():
        logits, states = network(torch.from_numpy(ids), network.initial_states(4))
    engine = Engine(SHAPE, network.get_arrays())
    own = engine.initial_states(4)
    np.testing.assert_allclose(engine.run(ids, own), logits, atol=1e-5)
    for (h, c), (own_h, own_c) in zip(states, own, strict=True):
        np.testing.assert_allclose(own_h, h, atol=1e-5)
        np.testing.assert_allclose(own_c, c, atol=1e-5)


def test_state_carried_over_is_the_same_as_one_reading(network) -> None:
    import torch

    ids = torch.randint(30, (2, 21))
    with torch.no_grad():
        whole, _ = network(ids, network.initial_states(2))
        first, states = network(ids[:, :8], network.initial_states(2))
        rest, _ = network(ids[:, 8:], states)
    np.testing.assert_allclose(torch.cat([first, rest], 1), whole, atol=1e-5)


def test_the_shape_names_every_tensor(network) -> None:
    arrays = network.get_arrays()
    assert {name: a.shape for name, a in arrays.items()} == SHAPE.tensors()
    assert sum(a.size for a in arrays.values()) == SHAPE.parameters == network.count_params()


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(SettingError, match="units"):
        NetworkShape(vocabulary=10, units=0)
    with pytest.raises(ModelError):
        NetworkShape.from_dict({"vocabulary": 10, "units": 10**9})
    with pytest.raises(ModelError):
        NetworkShape.from_dict({"vocabulary": 10, "units": 4, "colour": 1})


@pytest.fixture
def saved(tmp_path: Path, network) -> Path:
    vocabulary = build_vocabulary(dict.fromkeys(range(97, 97 + 29), 1), "characters", False)
    data = ModelData(SHAPE, vocabulary.vocabulary, network.get_arrays(), (0,), {"name": "t"})
    save_model(tmp_path / "model.safetensors", data)
    return tmp_path / "model.safetensors"


def test_a_model_file_comes_back_whole(saved: Path, network) -> None:
    data = load_model(saved)
    assert data.shape == SHAPE
    assert data.opening == (0,)
    assert data.text == {"name": "t"}
    for name, array in network.get_arrays().items():
        np.testing.assert_array_equal(data.weights[name], array)
    assert load_model(saved.parent).vocabulary == data.vocabulary


def change(path: Path, metadata: dict[str, str | None], tensors: dict | None = None) -> None:
    """Write a model file again with some of it changed."""
    with safe_open(str(path), "numpy") as file:
        before = file.metadata()
    after = {k: v for k, v in {**before, **metadata}.items() if v is not None}
    save_file({**load_file(path), **(tensors or {})}, path, after)


@pytest.mark.parametrize(
    ("metadata", "tensors", "words"),
    [
        ({"format": "pt"}, {}, "not a Charloom model"),
        ({"format_version": "99"}, {}, "install a newer"),
        ({"network": None}, {}, "network"),
        ({"network": "[]"}, {}, "network"),
        ({"network": json.dumps({**SHAPE.to_dict(), "units": 10**12})}, {}, "units"),
        ({"network": json.dumps({**SHAPE.to_dict(), "vocabulary": 31})}, {}, "disagree"),
        ({"network": json.dumps({**SHAPE.to_dict(), "units": 25})}, {}, "belongs"),
        ({"network": json.dumps({**SHAPE.to_dict(), "layers": 3})}, {}, "tensors"),
        ({"opening": "[30]"}, {}, "disagree"),
        ({"scores": "3"}, {}, "scores"),
        ({}, {"dense.bias": np.zeros(7, np.float32)}, "dense.bias"),
        ({}, {"dense.bias": np.zeros(30, np.float64)}, "F64"),
        ({}, {"dense.bias": np.full(30, np.nan, np.float32)}, "not numbers"),
        ({}, {"extra": np.zeros(1, np.float32)}, "tensors"),
    ],
)
def test_a_foreign_or_damaged_model_is_one_sentence(
    saved: Path, metadata: dict, tensors: dict, words: str
) -> None:
    change(saved, metadata, tensors)
    with pytest.raises(ModelError, match=words):
        load(saved)


def test_a_file_cut_anywhere_is_one_sentence(saved: Path) -> None:
    whole = saved.read_bytes()
    for length in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:length])
        with pytest.raises(ModelError, match=r"damaged|cut short"):
            load(saved)


def test_no_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no model"):
        load(tmp_path / "nothing")
    (tmp_path / "begun" / "training").mkdir(parents=True)
    with pytest.raises(ModelError, match="--resume"):
        load(tmp_path / "begun")


def test_the_file_alone_is_the_model(trained: Path, tmp_path: Path) -> None:
    copy = shutil.copy(trained / "model.safetensors", tmp_path / "elsewhere.safetensors")
    there, here = load(trained), load(copy)
    assert there.write("The ", length=50, seed=1) == here.write("The ", length=50, seed=1)
    assert there.score("To be") == here.score("To be")
