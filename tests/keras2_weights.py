"""Makes weights files as Keras 2's `save_weights` laid them out, from that layout's description.

    /                    attributes: layer_names, backend, keras_version
    /lstm_1              attribute weight_names: lstm_1/kernel:0, lstm_1/recurrent_kernel:0, ...
    /lstm_1/lstm_1/...   one dataset for each of those names
    /dropout_1           weight_names is empty
    /dense_1             likewise: dense_1/kernel:0, dense_1/bias:0

`model.save` put the same under /model_weights. The LSTM's kernels have the gates i f c o.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np


def random_weights(units: int, classes: int, seed: int = 0) -> list[np.ndarray]:
    """Weights large enough that gates of another kind or order give other results."""
    rng = np.random.default_rng(seed)
    gates = 4 * units
    shapes = [(1, gates), (units, gates), (gates,), (units, classes), (classes,)]
    return [rng.normal(0, 1.0, shape).astype(np.float32) for shape in shapes]


def write_keras2_weights(
    path: Path, weights: Sequence[np.ndarray], version: str = "2.3.1", whole_model: bool = False
) -> Path:
    """Write a file; `version` is what Keras called itself."""
    cell = "lstm_1/lstm_cell" if version.endswith("-tf") else "lstm_1"
    layers = {
        "lstm_1": [f"{cell}/{name}:0" for name in ("kernel", "recurrent_kernel", "bias")],
        "dropout_1": [],
        "dense_1": ["dense_1/kernel:0", "dense_1/bias:0"],
    }
    rest = iter(weights)
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole_model else file
        root.attrs["layer_names"] = [name.encode() for name in layers]
        root.attrs["backend"] = b"tensorflow"
        root.attrs["keras_version"] = version.encode()
        for layer, names in layers.items():
            group = root.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name in names:
                group.create_dataset(name, data=next(rest))
    return path


def predict(weights: Sequence[np.ndarray], X_BxTx1: np.ndarray, hard_gates: bool) -> np.ndarray:
    """What the three layers make of windows, in plain NumPy: the equations, step by step.

    Gates as in Keras 2: sigmoid, or before 2.3 clip(0.2 x + 0.5, 0, 1).
    """
    kernel, recurrent, bias, dense, dense_bias = (w.astype(np.float64) for w in weights)
    h = c = np.zeros((len(X_BxTx1), len(recurrent)))

    def gate(x: np.ndarray) -> np.ndarray:
        return np.clip(0.2 * x + 0.5, 0, 1) if hard_gates else 1 / (1 + np.exp(-x))

    for x_Bx1 in X_BxTx1.transpose(1, 0, 2):
        i, f, new, o = np.split(x_Bx1 @ kernel + h @ recurrent + bias, 4, axis=1)
        c = gate(f) * c + gate(i) * np.tanh(new)
        h = gate(o) * np.tanh(c)
    logits = h @ dense + dense_bias
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
