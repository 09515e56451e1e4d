"""A memory beside a trained network: what both expect of a held-out text, and the gate between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from charloom.memory import (
    Evidence,
    Gate,
    Memory,
    MemoryState,
    entropies,
    features,
    fitted_across,
    log_of,
)
from charloom.model import NetworkShape
from charloom.writing import Engine, Mixture

from .evaluate import Forward, Readable, nats_by_character, read_through

MOST_EVIDENCE = 8_000_000  # numbers held of each prediction while a gate is fitted: 32 MB


@dataclass(frozen=True)
class Recalled:
    """What a memory expected before every id: logarithms (T, V), facts (T, 3), entropies (T,)."""

    logp_TxV: np.ndarray
    facts_Tx3: np.ndarray
    entropy_T: np.ndarray

    def beside(self, network_TxV: np.ndarray, ids_T: np.ndarray) -> Evidence:
        """With what a network expected, as logarithms, what a gate is fitted on."""
        network_entropy_T = entropies(np.exp(network_TxV), network_TxV)
        x_TxF = features(self.facts_Tx3, self.entropy_T, network_entropy_T)
        return Evidence(x_TxF, network_TxV, self.logp_TxV, ids_T)


def recall(memory: Memory, ids: Readable, opening: np.ndarray) -> Recalled:
    """What a memory expects before every id of a text."""
    size = memory.vocabulary
    forward = _Recall(memory)
    kept = read_through(forward, ids, opening, lambda parts, _: parts, columns=size + 3)
    p_TxV = kept[:, :size]
    logp_TxV = log_of(p_TxV)
    return Recalled(logp_TxV, kept[:, size:], entropies(p_TxV, logp_TxV))


def score_with_memory(
    engine: Engine, memory: Memory, ids: Readable, opening: np.ndarray, gate: Gate | None = None
) -> tuple[np.ndarray, Gate]:
    """The surprise of every held-out id under network and memory together, and the gate.

    Without a gate one is fitted, and then each id is scored under one that never saw it: in
    the part that gates are fitted on, that of the part's other half; behind it, that of
    the part.

    Args:
        engine: the network.
        memory: of what the network was trained on.
        ids: what neither has learned from.
        opening: the ids that a text silently follows, at least one.
        gate: if it is known already.
    """
    if gate is not None:
        return nats_by_character(Mixture(engine, memory, gate), ids, opening), gate
    most = max(1000, MOST_EVIDENCE // engine.shape.vocabulary)
    part = ids[0 : min(most, len(ids))]
    network_TxV = log_expected(engine, part, opening)
    gate, nats = fitted_across(recall(memory, part, opening).beside(network_TxV, part))
    if len(part) < len(ids):
        # Read from the start: the state of both has to come from what was before.
        rest = nats_by_character(Mixture(engine, memory, gate), ids, opening)
        nats = np.concatenate([nats, rest[len(part) :]])
    return nats, gate


def log_expected(forward: Forward, ids: Readable, opening: np.ndarray) -> np.ndarray:
    """Logarithms of what a network expects before every id of a text, shape (T, V), float32."""

    def measure(logits_TxV: np.ndarray, _: np.ndarray) -> np.ndarray:
        z_TxV = logits_TxV - logits_TxV.max(axis=1, keepdims=True)
        return z_TxV - np.log(np.exp(z_TxV).sum(axis=1, keepdims=True))

    size = forward.shape.vocabulary
    return read_through(forward, ids, opening, measure, columns=size)


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
