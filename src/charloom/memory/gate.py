"""How much of the prediction is the memory's: a small gate, fitted on held-out text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from charloom.text import ModelError

FEATURES = 9
PULL = 2.0  # towards the starting weights, in characters: what a tiny text cannot decide
START = (-0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Gate:
    """The memory's share of each prediction: a logistic function of what is known before it.

    Args:
        weights: FEATURES numbers; see `features`.
    """

    weights: tuple[float, ...] = START

    def shares(
        self, facts_Bx3: np.ndarray, memory_entropy_B: np.ndarray, network_entropy_B: np.ndarray
    ) -> np.ndarray:
        """The memory's share for each prediction, shape (B,)."""
        x_BxF = features(facts_Bx3, memory_entropy_B, network_entropy_B)
        return _shares(np.array(self.weights), x_BxF)

    def nats(self, x_TxF: np.ndarray, network_T: np.ndarray, memory_T: np.ndarray) -> np.ndarray:
        """What each id costs when its two probabilities are mixed, in nats; shape (T,)."""
        share_T = _shares(np.array(self.weights), x_TxF)
        return -np.log(share_T * memory_T + (1 - share_T) * network_T)

    def to_list(self) -> list[float]:
        return list(self.weights)

    @classmethod
    def from_list(cls, data: Any) -> Gate:
        """Read back what `to_list` gave.

        Raises:
            ModelError: if it is anything else.
        """
        if not (
            isinstance(data, list)
            and len(data) == FEATURES
            and all(isinstance(w, float | int) and math.isfinite(w) for w in data)
        ):
            raise ModelError("The model's memory of its text is damaged; get the file again.")
        return cls(tuple(float(w) for w in data))


def features(
    facts_Bx3: np.ndarray, memory_entropy_B: np.ndarray, network_entropy_B: np.ndarray
) -> np.ndarray:
    """What the gate looks at, shape (B, FEATURES), each of about unit size."""
    length_B = np.minimum(facts_Bx3[:, 0], 32)
    x_BxF = np.empty((len(length_B), FEATURES))
    x_BxF[:, 0] = 1.0
    x_BxF[:, 1] = np.minimum(length_B, 8) / 4
    x_BxF[:, 2] = np.maximum(length_B - 8, 0) / 8
    np.log1p(facts_Bx3[:, 1:], out=x_BxF[:, 3:5])
    x_BxF[:, 3] /= 4
    x_BxF[:, 4] /= 2
    x_BxF[:, 5] = memory_entropy_B
    x_BxF[:, 6] = network_entropy_B
    x_BxF[:, 7] = memory_entropy_B * network_entropy_B
    x_BxF[:, 8] = network_entropy_B < 0.5
    return x_BxF


def entropies(p_BxV: np.ndarray) -> np.ndarray:
    """The entropy of each distribution, in nats."""
    return -(p_BxV * np.log(np.maximum(p_BxV, 1e-12))).sum(axis=1)


def fit_gate(x_TxF: np.ndarray, network_T: np.ndarray, memory_T: np.ndarray) -> Gate:
    """The gate under which a held-out text is likeliest, by Newton's method.

    Args:
        x_TxF: the features before each id.
        network_T: the probability that the network gave each id.
        memory_T: and the memory.
    """
    start = np.array(START)
    best, best_loss, damping = start, _loss(start, x_TxF, network_T, memory_T), 1.0
    for _ in range(60):
        share = _shares(best, x_TxF)
        p = share * memory_T + (1 - share) * network_T
        slope = share * (1 - share) * (memory_T - network_T) / p
        gradient = PULL * (best - start) - x_TxF.T @ slope
        # The square of the slope stands for the curvature (Gauss-Newton): always positive.
        hessian = (x_TxF * (slope**2)[:, None]).T @ x_TxF + (PULL + damping) * np.eye(FEATURES)
        tried = best - np.linalg.solve(hessian, gradient)
        loss = _loss(tried, x_TxF, network_T, memory_T)
        if loss < best_loss - 1e-9:
            best, best_loss, damping = tried, loss, damping / 3
        elif damping > 1e9:
            break
        else:
            damping *= 5
    return Gate(tuple(best.tolist()))


def _shares(weights: np.ndarray, x_TxF: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x_TxF @ weights, -50, 50)))


def _loss(
    weights: np.ndarray, x_TxF: np.ndarray, network_T: np.ndarray, memory_T: np.ndarray
) -> float:
    share = _shares(weights, x_TxF)
    p = share * memory_T + (1 - share) * network_T
    return float(-np.log(p).sum() + 0.5 * PULL * ((weights - np.array(START)) ** 2).sum())


def fitted_across(
    x_TxF: np.ndarray, network_T: np.ndarray, memory_T: np.ndarray
) -> tuple[Gate, np.ndarray]:
    """A gate, and what a text costs under gates that were each fitted on its other half.

    So every id's cost is one of a gate that never saw it, and none is lost for fitting.

    Returns:
        the gate fitted on all of it, and the surprise of every id in nats, shape (T,).
    """
    half = len(x_TxF) // 2
    nats_T = np.zeros(len(x_TxF))
    first, second = slice(0, half), slice(half, None)
    for scored, fitted in ((first, second), (second, first)):
        gate = fit_gate(x_TxF[fitted], network_T[fitted], memory_T[fitted])
        nats_T[scored] = gate.nats(x_TxF[scored], network_T[scored], memory_T[scored])
    return fit_gate(x_TxF, network_T, memory_T), nats_T
