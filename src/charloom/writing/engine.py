"""The network in NumPy alone: ids in, logits out, state carried. It speaks only ids.

Three things make it fast. The embedding times the first layer's kernel plus
its bias is one table with a row per character. The gates i, f and o need
sigmoid(x) = (1 + tanh(x / 2)) / 2, so their columns are halved once and one tanh
serves all four gates. The states are updated in place.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from charloom.model import NetworkShape, Weights

State = list[tuple[np.ndarray, np.ndarray]]
Product = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of matrices, (B, K) by (K, N)


@dataclass(frozen=True)
class _Layer:
    """One LSTM layer; gate columns in the order i f o c, those of i, f, o halved."""

    inputs_FxG: np.ndarray | None  # None for the first layer: it is in the table
    recurrent_HxG: np.ndarray
    bias_G: np.ndarray


class Engine:
    """Runs a trained network, one character or many at a time.

    Args:
        shape: the network's sizes.
        weights: its tensors, float32, as in a model file.
        label_weights_L: how much of each label to write with; evenly of all by default.
    """

    def __init__(
        self, shape: NetworkShape, weights: Weights, label_weights_L: np.ndarray | None = None
    ) -> None:
        self.shape = shape
        self.product: Product = np.matmul
        self.table_VxG = np.empty(0)
        self.layers: list[_Layer] = []
        for number in range(shape.layers):
            name = f"lstm_{number}."
            inputs = _fold(weights[name + "kernel"])
            bias = _fold(weights[name + "bias"])
            if number == 0:
                self.table_VxG = np.ascontiguousarray(
                    weights["embedding.embeddings"] @ inputs + bias
                )
                if shape.labels:
                    self.unlabelled_VxG = self.table_VxG
                    self.labels_LxG = weights["labels.embeddings"] @ inputs
            self.layers.append(
                _Layer(inputs if number else None, _fold(weights[name + "recurrent_kernel"]), bias)
            )
        self.dense_HxV = np.ascontiguousarray(weights["dense.kernel"])
        self.dense_V = weights["dense.bias"]
        if shape.labels:
            self._label(label_weights_L)

    def with_labels(self, label_weights_L: np.ndarray) -> Engine:
        """The same network with another mixture of its labels; all but a table is shared."""
        other = copy.copy(self)
        other._label(label_weights_L)
        return other

    def with_product(self, product: Product) -> Engine:
        """The same network with another way to multiply matrices; all else is shared."""
        other = copy.copy(self)
        other.product = product
        return other

    def products(self) -> list[np.ndarray]:
        """The matrices that a batch is multiplied by in a step."""
        inputs = [layer.inputs_FxG for layer in self.layers if layer.inputs_FxG is not None]
        return [*(layer.recurrent_HxG for layer in self.layers), *inputs, self.dense_HxV]

    def _label(self, weights_L: np.ndarray | None) -> None:
        # A label's embedding is added to every character's, so it folds into every row.
        if weights_L is None:
            weights_L = np.full(self.shape.labels, 1 / self.shape.labels)
        self.table_VxG = self.unlabelled_VxG + weights_L.astype(np.float32) @ self.labels_LxG

    def initial_states(self, batch: int) -> State:
        """Zero states for `batch` texts: for each layer h_BxH and c_BxH."""
        size = (batch, self.shape.units)
        return [(np.zeros(size, np.float32), np.zeros(size, np.float32)) for _ in self.layers]

    def idle_states(self, batch: int) -> State:
        """States of rows that only fill a batch up."""
        return self.initial_states(batch)

    def step(self, ids_B: np.ndarray, states: State) -> np.ndarray:
        """Read one character of every text; `states` are updated in place.

        Args:
            ids_B: shape (B,).
            states: as `initial_states` gives them.

        Returns:
            the logits of the next character, shape (B, vocabulary).
        """
        return self.product(self._read(ids_B, states), self.dense_HxV) + self.dense_V

    def run(self, ids_BxT: np.ndarray, states: State) -> np.ndarray:
        """Read T characters of every text; `states` are updated in place.

        Returns:
            the logits after each, shape (B, T, vocabulary).
        """
        batch, length = ids_BxT.shape
        h_BxTxH = np.empty((batch, length, self.shape.units), np.float32)
        for t in range(length):
            h_BxTxH[:, t] = self._read(ids_BxT[:, t], states)
        logits = h_BxTxH.reshape(batch * length, -1) @ self.dense_HxV
        logits += self.dense_V
        return logits.reshape(batch, length, -1)

    def feed(self, ids_T: np.ndarray, states: State) -> None:
        """Read T characters into a batch of one text, without logits."""
        for number in ids_T:
            self._read(np.array([number]), states)

    def read(self, ids_B: np.ndarray, states: State) -> None:
        """Read one character of every text, as `step` does, without logits."""
        self._read(ids_B, states)

    def _read(self, ids_B: np.ndarray, states: State) -> np.ndarray:
        units = self.shape.units
        x_BxH = np.empty(0)
        for layer, (h_BxH, c_BxH) in zip(self.layers, states, strict=True):
            gates_BxG = self.product(h_BxH, layer.recurrent_HxG)
            if layer.inputs_FxG is None:
                gates_BxG += self.table_VxG[ids_B]
            else:
                gates_BxG += self.product(x_BxH, layer.inputs_FxG)
                gates_BxG += layer.bias_G
            np.tanh(gates_BxG, out=gates_BxG)
            sigmoids = gates_BxG[:, : 3 * units]
            sigmoids *= 0.5
            sigmoids += 0.5
            i, f, o = (gates_BxG[:, k * units : (k + 1) * units] for k in range(3))
            np.multiply(c_BxH, f, out=c_BxH)
            i *= gates_BxG[:, 3 * units :]
            c_BxH += i
            np.tanh(c_BxH, out=h_BxH)
            h_BxH *= o
            x_BxH = h_BxH
        return x_BxH


def _fold(kernel: np.ndarray) -> np.ndarray:
    """Keras' gates i f c o to i f o c, with i, f and o halved for the tanh form of sigmoid."""
    i, f, c, o = np.split(kernel, 4, axis=-1)
    return np.ascontiguousarray(np.concatenate([0.5 * i, 0.5 * f, 0.5 * o, c], axis=-1))


def take_states(states: State, rows: np.ndarray | list[int]) -> State:
    """A copy of some rows of a batch's states."""
    return [(h[rows], c[rows]) for h, c in states]
