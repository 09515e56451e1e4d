"""The network and the memory as one: what each expects next, mixed by the gate."""

from __future__ import annotations

import numpy as np

from charloom.memory import Gate, Memory, entropies
from charloom.model import ModelData, NetworkShape

from .engine import Engine, State


class Mixture:
    """Runs a network and a memory side by side; used just as an `Engine` is.

    Its states are the engine's, and the memory's behind them. Its logits are
    logarithms of probabilities.
    """

    def __init__(self, engine: Engine, memory: Memory, gate: Gate) -> None:
        self.engine, self.memory, self.gate = engine, memory, gate
        self.dense_V = engine.dense_V  # the average character's logits

    @property
    def shape(self) -> NetworkShape:
        return self.engine.shape

    def initial_states(self, batch: int) -> State:
        """Zero states, and a memory that has read nothing."""
        return [*self.engine.initial_states(batch), self.memory.initial_state(batch)]

    def step(self, ids_B: np.ndarray, states: State) -> np.ndarray:
        """As `Engine.step`."""
        logits_BxV = self.engine.step(ids_B, states[:-1])
        self.memory.advance(ids_B, states[-1])
        return self._mixed(logits_BxV, states)

    def run(self, ids_BxT: np.ndarray, states: State) -> np.ndarray:
        """As `Engine.run`."""
        logits_BxTxV = self.engine.run(ids_BxT, states[:-1])
        for t in range(ids_BxT.shape[1]):
            self.memory.advance(ids_BxT[:, t], states[-1])
            logits_BxTxV[:, t] = self._mixed(logits_BxTxV[:, t], states)
        return logits_BxTxV

    def feed(self, ids_T: np.ndarray, states: State) -> None:
        """As `Engine.feed`."""
        self.engine.feed(ids_T, states[:-1])
        for number in ids_T:
            self.memory.advance(np.array([number]), states[-1])

    def _mixed(self, logits_BxV: np.ndarray, states: State) -> np.ndarray:
        network_BxV = softmax(logits_BxV)
        memory_BxV, facts_Bx3 = self.memory.predict(states[-1])
        shares_B = self.gate.shares(facts_Bx3, entropies(memory_BxV), entropies(network_BxV))
        memory_BxV -= network_BxV
        memory_BxV *= shares_B[:, None]
        memory_BxV += network_BxV
        return np.log(memory_BxV)


def engine_of(model: ModelData) -> Engine | Mixture:
    """What writes and scores with a model: its network, with its memory if it has one."""
    engine = Engine(model.shape, model.weights)
    if model.memory is None:
        return engine
    return Mixture(engine, Memory(model.memory, model.vocabulary.size), model.gate)


def softmax(logits_BxV: np.ndarray) -> np.ndarray:
    """Probabilities in float64, shape (B, V)."""
    p_BxV = logits_BxV.astype(np.float64)
    p_BxV -= p_BxV.max(axis=1, keepdims=True)
    np.exp(p_BxV, out=p_BxV)
    p_BxV /= p_BxV.sum(axis=1, keepdims=True)
    return p_BxV
