"""How far the network and the memory are each trusted: a small gate, fitted on held-out text.

Both predictions are mixed as logarithms: p is proportional to network^a memory^c, with a
and c linear in what is known beforehand. On Moby Dick, beside a network that never read
it, that needs 2.252, 2.185 and 2.108 bits per byte with memories of 10, 100 and 300 KB,
where shares of plain probabilities (a + (1 - a)) need 2.291, 2.204 and 2.127. The loss is
convex, so a gate is found exactly and at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from charloom.text import ModelError

FEATURES = 9
PULL = 1.0  # towards START: what a tiny text cannot decide
LEAST = 1e-9  # of a memory's probability: less is beyond what it can know

Weights2 = tuple[tuple[float, ...], tuple[float, ...]]
START: Weights2 = ((0.9, *(FEATURES - 1) * (0.0,)), (0.2, *(FEATURES - 1) * (0.0,)))


@dataclass(frozen=True)
class Gate:
    """The exponents of both predictions, from what is known before the id.

    Args:
        weights: FEATURES numbers for the network's and as many for the memory's.
    """

    weights: Weights2 = START

    def exponents(self, x_BxF: np.ndarray) -> np.ndarray:
        """The network's and the memory's, shape (B, 2); see `features`."""
        return x_BxF @ np.array(self.weights).T

    def to_list(self) -> list[list[float]]:
        return [list(row) for row in self.weights]

    @classmethod
    def from_list(cls, data: Any) -> Gate:
        """Read back what `to_list` gave.

        Raises:
            ModelError: if it is anything else.
        """
        rows: list[Any] = data if isinstance(data, list) and len(data) == 2 else [None]
        if not all(_is_row(row) for row in rows):
            raise ModelError("The model's memory of its text is damaged; get the file again.")
        network, memory = (tuple(float(w) for w in row) for row in rows)
        return cls((network, memory))


def _is_row(row: Any) -> bool:
    """Whether this is a gate's row: FEATURES finite numbers."""
    if not isinstance(row, list) or len(row) != FEATURES:
        return False
    return all(isinstance(w, float | int) and math.isfinite(w) for w in row)


def features(
    facts_Bx3: np.ndarray, memory_entropy_B: np.ndarray, network_entropy_B: np.ndarray
) -> np.ndarray:
    """What the gate looks at, shape (B, FEATURES), each of about unit size."""
    if len(facts_Bx3) == 1:  # one text: plain numbers are faster
        length, count, kinds = facts_Bx3[0].tolist()
        memory, network = float(memory_entropy_B[0]), float(network_entropy_B[0])
        few, more = min(length, 8) / 4, max(length - 8, 0) / 8
        counted = [math.log1p(count) / 4, math.log1p(kinds) / 2]
        return np.array(
            [[1.0, few, more, *counted, memory, network, memory * network, network < 0.5]]
        )
    length_B = facts_Bx3[:, 0]
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


def entropies(p_BxV: np.ndarray, logp_BxV: np.ndarray) -> np.ndarray:
    """The entropy of each distribution, in nats."""
    return -(p_BxV * logp_BxV).sum(axis=1)


def log_of(p_BxV: np.ndarray) -> np.ndarray:
    """Logarithms of a memory's probabilities, in float32."""
    return np.log(np.maximum(p_BxV, LEAST)).astype(np.float32)


@dataclass(frozen=True)
class Evidence:
    """What was expected before every id of a text, and the id.

    Args:
        x_TxF: the gate's features.
        network_TxV: logarithms of the network's probabilities.
        memory_TxV: and of the memory's.
        ids_T: what came.
    """

    x_TxF: np.ndarray
    network_TxV: np.ndarray
    memory_TxV: np.ndarray
    ids_T: np.ndarray

    def __getitem__(self, part: slice) -> Evidence:
        return Evidence(
            self.x_TxF[part], self.network_TxV[part], self.memory_TxV[part], self.ids_T[part]
        )

    def nats(self, gate: Gate) -> np.ndarray:
        """What each id costs under a gate, shape (T,)."""
        return self._mixed(gate.exponents(self.x_TxF))[0]

    def _mixed(self, exponents_Tx2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each id's cost, and the mixed probabilities."""
        exponents_Tx2 = exponents_Tx2.astype(np.float32)
        logits_TxV = exponents_Tx2[:, :1] * self.network_TxV
        logits_TxV += exponents_Tx2[:, 1:] * self.memory_TxV
        logits_TxV -= logits_TxV.max(axis=1, keepdims=True)
        chosen_T = logits_TxV[np.arange(len(self.ids_T)), self.ids_T].astype(np.float64)
        p_TxV = np.exp(logits_TxV, out=logits_TxV)
        sums_T = p_TxV.sum(axis=1, dtype=np.float64)
        p_TxV /= sums_T[:, None].astype(np.float32)
        return np.log(sums_T) - chosen_T, p_TxV


def joined(parts: list[Evidence]) -> Evidence:
    """Several texts' evidence as one."""
    return Evidence(
        np.concatenate([part.x_TxF for part in parts]),
        np.concatenate([part.network_TxV for part in parts]),
        np.concatenate([part.memory_TxV for part in parts]),
        np.concatenate([part.ids_T for part in parts]),
    )


def fit_gate(evidence: Evidence) -> Gate:
    """The gate under which a held-out text is likeliest, by Newton's method."""
    start = np.array(START).ravel()
    x_TxF, ids_T = evidence.x_TxF, evidence.ids_T
    rows = np.arange(len(ids_T))
    experts = evidence.network_TxV, evidence.memory_TxV
    given_Tx2 = np.stack([logp_TxV[rows, ids_T] for logp_TxV in experts], axis=1)

    def look(weights: np.ndarray) -> tuple[float, np.ndarray]:
        nats_T, p_TxV = evidence._mixed(x_TxF @ weights.reshape(2, -1).T)
        return float(nats_T.sum()) + 0.5 * PULL * float(((weights - start) ** 2).sum()), p_TxV

    best = start
    loss, p_TxV = look(best)
    for _ in range(15):
        weighted = [p_TxV * logp_TxV for logp_TxV in experts]
        mean_Tx2 = np.stack([one.sum(axis=1) for one in weighted], axis=1).astype(np.float64)
        gradient = ((mean_Tx2 - given_Tx2).T @ x_TxF).ravel() + PULL * (best - start)
        hessian = np.empty((2, FEATURES, 2, FEATURES))
        for a in range(2):
            for b in range(2):
                second_T = np.einsum("tv,tv->t", weighted[a], experts[b], dtype=np.float64)
                covariance_T = second_T - mean_Tx2[:, a] * mean_Tx2[:, b]
                hessian[a, :, b] = (x_TxF * covariance_T[:, None]).T @ x_TxF
        square = hessian.reshape(2 * FEATURES, -1) + PULL * np.eye(2 * FEATURES)
        step = np.linalg.solve(square, gradient)
        for share in (1.0, 0.5, 0.25, 0.1, 0.02):
            tried = best - share * step
            new_loss, new_p_TxV = look(tried)
            if new_loss < loss:
                break
        else:
            break
        gained, best, loss, p_TxV = loss - new_loss, tried, new_loss, new_p_TxV
        if gained < 1e-5 * len(ids_T):
            break
    if not math.isfinite(loss):
        return Gate()
    network, memory = best.reshape(2, -1).tolist()
    return Gate((tuple(network), tuple(memory)))


def fitted_across(evidence: Evidence) -> tuple[Gate, np.ndarray]:
    """A gate, and what a text costs under gates that were each fitted on its other half.

    So every id's cost is one of a gate that never saw it, and none is lost for fitting.

    Returns:
        the gate fitted on all of it, and the surprise of every id in nats, shape (T,).
    """
    half = len(evidence.ids_T) // 2
    first, second = evidence[:half], evidence[half:]
    nats = [first.nats(fit_gate(second)), second.nats(fit_gate(first))]
    return fit_gate(evidence), np.concatenate(nats)
