"""A memory beside a trained network: what both give a held-out text, and the gate between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from charloom.memory import Gate, Memory, MemoryState, entropies, fit_gate, fitted_across
from charloom.memory import features as gate_features
from charloom.model import NetworkShape
from charloom.writing import softmax

from .evaluate import Forward, Readable, read_through

LEAST = 1e-30  # of a probability: less is beyond what float32 tells from nothing


@dataclass(frozen=True)
class Evidence:
    """What was expected before every id of a text, by a network or a memory.

    Args:
        p_T: the probability that the id was given.
        entropy_T: of the whole distribution, in nats.
        facts_Tx3: from a memory only, what `Memory.predict` says of its match.
    """

    p_T: np.ndarray
    entropy_T: np.ndarray
    facts_Tx3: np.ndarray | None = None


@dataclass(frozen=True)
class Both:
    """A network's evidence and a memory's on the same text."""

    network: Evidence
    memory: Evidence

    @cached_property
    def features(self) -> np.ndarray:
        """What the gate looks at, shape (T, FEATURES)."""
        assert self.memory.facts_Tx3 is not None
        return gate_features(self.memory.facts_Tx3, self.memory.entropy_T, self.network.entropy_T)

    def fitted_across(self) -> tuple[Gate, np.ndarray]:
        """A gate, and every id's nats under one fitted on the text's other half."""
        return fitted_across(self.features, self.network.p_T, self.memory.p_T)

    def nats(self, gate: Gate) -> np.ndarray:
        """Every id's nats under a gate."""
        return gate.nats(self.features, self.network.p_T, self.memory.p_T)


def gate_from(found: Sequence[Both]) -> Gate:
    """One gate fitted on several held-out texts."""
    return fit_gate(
        np.concatenate([both.features for both in found]),
        np.concatenate([both.network.p_T for both in found]),
        np.concatenate([both.memory.p_T for both in found]),
    )


def network_evidence(forward: Forward, ids: Readable, opening: np.ndarray) -> Evidence:
    """What a network expects before every id of a text."""

    def measure(logits_TxV: np.ndarray, ids_T: np.ndarray) -> np.ndarray:
        p_TxV = softmax(logits_TxV)
        return np.stack([p_TxV[np.arange(len(ids_T)), ids_T], entropies(p_TxV)], axis=1)

    kept = read_through(forward, ids, opening, measure, columns=2)
    return Evidence(np.maximum(kept[:, 0], LEAST), kept[:, 1])


def memory_evidence(memory: Memory, ids: Readable, opening: np.ndarray) -> Evidence:
    """What a memory expects before every id of a text."""
    size = memory.vocabulary

    def measure(parts_TxP: np.ndarray, ids_T: np.ndarray) -> np.ndarray:
        p_TxV = parts_TxP[:, :size]
        chosen_T = p_TxV[np.arange(len(ids_T)), ids_T]
        first = np.stack([chosen_T, entropies(p_TxV)], axis=1)
        return np.concatenate([first, parts_TxP[:, size:]], axis=1)

    kept = read_through(_Recall(memory), ids, opening, measure, columns=5)
    return Evidence(np.maximum(kept[:, 0], LEAST), kept[:, 1], kept[:, 2:])


class _Recall:
    """A memory read as networks are: its probabilities, and the facts of its match."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.shape = NetworkShape(memory.vocabulary, 1)

    def initial_states(self, batch: int) -> list[MemoryState]:
        return [self.memory.initial_state(batch)]

    def run(self, ids_BxT: np.ndarray, states: list[MemoryState]) -> np.ndarray:
        parts_BxTxP = np.empty((*ids_BxT.shape, self.memory.vocabulary + 3), np.float32)
        for t in range(ids_BxT.shape[1]):
            self.memory.advance(ids_BxT[:, t], states[0])
            p_BxV, facts_Bx3 = self.memory.predict(states[0])
            parts_BxTxP[:, t, :-3], parts_BxTxP[:, t, -3:] = p_BxV, facts_Bx3
        return parts_BxTxP
