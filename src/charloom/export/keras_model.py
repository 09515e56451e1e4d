"""A model as a plain stock-Keras one, without a class of Charloom's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from charloom.model import ModelData, save_whole

from .base import embeddings_of


def write_keras(data: ModelData, path: Path, name: str) -> None:
    """Write a `.keras` file: architecture and weights."""
    save_whole(path, ".keras", build(data, name).save)


def write_keras_weights(data: ModelData, path: Path, name: str) -> None:
    """Write a `.weights.h5` file: the weights of the model that `build` makes."""
    save_whole(path, ".weights.h5", build(data, name).save_weights)


def build(data: ModelData, name: str) -> Any:
    """Embedding, LSTM layers and a dense layer that gives logits; stock Keras layers only.

    The input is ids, shape (batch, time); the output logits (batch, time, vocabulary). With
    `stateful=True` in a layer's configuration Keras carries the state on itself.
    """
    from charloom.model.backend import import_keras

    keras = import_keras()
    shape, weights = data.shape, data.weights
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
    model.set_weights([embeddings_of(data), *values])
    return model


def _identifier(name: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)
    return kept if kept[:1].isalpha() else f"model_{kept}"
