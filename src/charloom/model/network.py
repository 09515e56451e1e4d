"""The network: embedding, LSTM layers, dropout, dense layer, as a pure function.

    (ids_BxT, states) -> (logits_BxTxV, states)

Import only where Keras is wanted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .lstm import FastLSTM, keras
from .shape import NetworkShape, Weights

__all__ = ["Network", "keras"]


class Network(keras.Model):
    """Charloom's network in Keras.

    Args:
        shape: the sizes.
        dropout: the share of each LSTM layer's outputs that is dropped in training.
        seed: fixes the initial weights and the dropout.
        compute: what the LSTM layers compute in; see `FastLSTM`.
    """

    def __init__(
        self, shape: NetworkShape, dropout: float = 0.0, seed: int = 0, compute: str = "auto"
    ) -> None:
        super().__init__(name="charloom")
        self.shape = shape
        draw = np.random.default_rng(seed)

        def next_seed() -> int:
            return int(draw.integers(1 << 30))

        layers, initializers = keras.layers, keras.initializers
        # Wider than Keras' 0.05: the LSTM then tells characters apart from the first step.
        spread = initializers.RandomUniform(-0.5, 0.5, seed=next_seed())
        self.embedding = layers.Embedding(
            shape.vocabulary, shape.embedding, embeddings_initializer=spread, name="embedding"
        )
        self.lstm_layers = [
            FastLSTM(
                shape.units,
                compute=compute,
                return_sequences=True,
                return_state=True,
                kernel_initializer=initializers.GlorotUniform(seed=next_seed()),
                recurrent_initializer=initializers.Orthogonal(seed=next_seed()),
                name=f"lstm_{number}",
            )
            for number in range(shape.layers)
        ]
        # One mask for all of a stream's steps (Gal and Ghahramani 2016, arXiv 1512.05287):
        # a mask a step cost 8 % of the training speed in drawing random numbers alone.
        self.dropouts = [
            layers.Dropout(dropout, noise_shape=(None, 1, None), seed=next_seed())
            for _ in self.lstm_layers
        ]
        self.dense = layers.Dense(
            shape.vocabulary,
            kernel_initializer=initializers.GlorotUniform(seed=next_seed()),
            name="dense",
        )
        # After all others, whose initial weights are as without labels. From 0.05, 0.2 and 0.5
        # two labels of made-up texts wrote 70, 98 and 99 % of their own letters, and six
        # speakers of Othello came to 2.618, 2.616 and 2.646 bits per character.
        self.labels = (
            layers.Embedding(
                shape.labels,
                shape.embedding,
                embeddings_initializer=initializers.RandomUniform(-0.2, 0.2, seed=next_seed()),
                name="labels",
            )
            if shape.labels
            else None
        )
        self._build()

    def _build(self) -> None:
        shape = self.shape
        self.embedding.build((None, None))
        if self.labels is not None:
            self.labels.build((None, None))
        width = shape.embedding
        for lstm in self.lstm_layers:
            lstm.build((None, None, width))
            width = shape.units
        self.dense.build((None, None, width))
        self.built = True

    def initial_states(self, batch: int) -> list[tuple[Any, Any]]:
        """Zero states: for each layer h_BxH and c_BxH."""
        zeros = keras.ops.zeros
        size = (batch, self.shape.units)
        return [(zeros(size), zeros(size)) for _ in self.lstm_layers]

    def call(
        self, ids: Any, states: Any, training: bool = False, labels: Any = None
    ) -> tuple[Any, Any]:
        """Predict the character after each of `ids`.

        Args:
            ids: whole numbers, shape (B, T).
            states: for each layer h and c, each of shape (B, units).
            labels: that of the text which each predicted character belongs to, shape
                (B, T); by default all labels evenly.

        Returns:
            logits of shape (B, T, vocabulary), and the states after the last id.
        """
        x = self.embedding(ids)
        if self.labels is not None and labels is not None:
            x = x + self.labels(labels)
        elif self.labels is not None:
            x = x + keras.ops.mean(self.labels.embeddings, axis=0)
        after = []
        for lstm, dropout, state in zip(self.lstm_layers, self.dropouts, states, strict=True):
            x, h, c = lstm(x, initial_state=list(state))
            x = dropout(x, training=training)
            after.append((h, c))
        return self.dense(x), after

    def tensors(self) -> dict[str, Any]:
        """The Keras variables, by the names they have in a model file."""
        named = {"embedding.embeddings": self.embedding.embeddings}
        if self.labels is not None:
            named["labels.embeddings"] = self.labels.embeddings
        for number, lstm in enumerate(self.lstm_layers):
            named[f"lstm_{number}.kernel"] = lstm.cell.kernel
            named[f"lstm_{number}.recurrent_kernel"] = lstm.cell.recurrent_kernel
            named[f"lstm_{number}.bias"] = lstm.cell.bias
        named["dense.kernel"] = self.dense.kernel
        named["dense.bias"] = self.dense.bias
        return named

    def get_arrays(self) -> dict[str, np.ndarray]:
        """A copy of the weights as NumPy arrays."""
        return {
            name: np.array(keras.ops.convert_to_numpy(variable), np.float32, order="C")
            for name, variable in self.tensors().items()
        }

    def set_arrays(self, weights: Weights) -> None:
        """Take weights by name, as `get_arrays` gave them."""
        for name, variable in self.tensors().items():
            variable.assign(weights[name])
