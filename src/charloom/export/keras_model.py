"""A model as a plain stock-Keras one, without a class of Charloom's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from charloom.model import ModelData, write_atomically
from charloom.text import writing_to


def write_keras(data: ModelData, path: Path, name: str) -> None:
    """Write a `.keras` file: architecture and weights."""
    _save(build(data, name).save, path, ".keras")


def write_keras_weights(data: ModelData, path: Path, name: str) -> None:
    """Write a `.weights.h5` file: the weights of the model that `build` makes."""
    _save(build(data, name).save_weights, path, ".weights.h5")


def build(data: ModelData, name: str) -> Any:
    """Embedding, LSTM layers and a dense layer that gives logits; stock Keras layers only.

    The input is ids, shape (batch, time); the output logits (batch, time, vocabulary). With
    `stateful=True` in a layer's configuration Keras carries the state on itself.
    """
    from charloom.model.backend import import_keras

    keras = import_keras()
    shape, weights = data.shape, data.weights
    embeddings = weights["embedding.embeddings"]
    if shape.labels:  # all of them evenly
        embeddings = embeddings + weights["labels.embeddings"].mean(axis=0)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((None,), dtype="int32"),
            layers.Embedding(shape.vocabulary, shape.embedding, name="embedding"),
            *(
                layers.LSTM(shape.units, return_sequences=True, name=f"lstm_{number}")
                for number in range(shape.layers)
            ),
            layers.Dense(shape.vocabulary, name="dense"),
        ],
        name=_identifier(name),
    )
    values = [array for label, array in weights.items() if not label.startswith(("emb", "labels"))]
    model.set_weights([embeddings, *values])
    return model


def _identifier(name: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)
    return kept if kept[:1].isalpha() else f"model_{kept}"


def _save(save: Callable[[Path], None], path: Path, ending: str) -> None:
    """By way of another folder: Keras writes in pieces, and a full disk would leave some."""
    with tempfile.TemporaryDirectory() as folder, writing_to(path):
        whole = Path(folder) / f"model{ending}"
        save(whole)
        write_atomically(path, whole.read_bytes())
