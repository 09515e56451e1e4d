"""The network and the memory as one: what each expects next, mixed by the gate."""

from __future__ import annotations

import copy

import numpy as np

from charloom.memory import Gate, Index, Memory, build_index, entropies, features, log_of
from charloom.model import ModelData, NetworkShape

from .engine import Engine, Product, State


class Mixture:
    """Runs a network and a memory side by side; used just as an `Engine` is.

    Its states are the engine's, and the memory's behind them.
    """

    def __init__(self, engine: Engine, memory: Memory, gate: Gate) -> None:
        self.engine, self.memory, self.gate = engine, memory, gate
        self.weights_Fx2 = np.array(gate.weights).T
        self.dense_V = engine.dense_V  # the average character's logits

    @property
    def shape(self) -> NetworkShape:
        return self.engine.shape

    @property
    def product(self) -> Product:
        return self.engine.product

    def with_product(self, product: Product) -> Mixture:
        """As `Engine.with_product`."""
        other = copy.copy(self)
        other.engine = self.engine.with_product(product)
        return other

    def products(self) -> list[np.ndarray]:
        """As `Engine.products`."""
        return [*self.engine.products(), self.weights_Fx2]

    def initial_states(self, batch: int) -> State:
        """Zero states, and a memory that has read nothing."""
        return [*self.engine.initial_states(batch), self.memory.initial_state(batch)]

    def idle_states(self, batch: int) -> State:
        """As `Engine.idle_states`: these cost the memory next to nothing."""
        return [*self.engine.idle_states(batch), self.memory.idle_state(batch)]

    def step(self, ids_B: np.ndarray, states: State) -> np.ndarray:
        """As `Engine.step`."""
        logits_BxV = self.engine.step(ids_B, states[:-1])
        self.memory.advance(ids_B, states[-1])
        return self._mixed(logits_BxV, states)

    def read(self, ids_B: np.ndarray, states: State) -> None:
        """As `Engine.read`."""
        self.engine.read(ids_B, states[:-1])
        self.memory.advance(ids_B, states[-1])

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
        network_BxV = logits_BxV - logits_BxV.max(axis=1, keepdims=True)
        p_BxV = np.exp(network_BxV)
        sums_B = p_BxV.sum(axis=1)
        # The entropy of softmax, without its logarithm: log sum - the mean of the logits.
        network_entropy_B = np.log(sums_B) - (p_BxV * network_BxV).sum(axis=1) / sums_B
        p_BxV, facts_Bx3 = self.memory.predict(states[-1])
        memory_BxV = log_of(p_BxV)
        x_BxF = features(facts_Bx3, entropies(p_BxV, memory_BxV), network_entropy_B)
        exponents_Bx2 = self.engine.product(x_BxF, self.weights_Fx2).astype(np.float32)
        network_BxV *= exponents_Bx2[:, :1]
        memory_BxV *= exponents_Bx2[:, 1:]
        network_BxV += memory_BxV
        return network_BxV


def engine_of(model: ModelData, label_weights_L: np.ndarray | None = None) -> Engine | Mixture:
    """What writes and scores with a model: its network, with its memory if it has one.

    Args:
        model: the model.
        label_weights_L: how much of each label; evenly of all by default.
    """
    engine = Engine(model.shape, model.weights, label_weights_L)
    memory = model.memory if label_weights_L is None else _memory_of(model, label_weights_L)
    if memory is None:
        return engine
    return Mixture(engine, Memory(memory, model.vocabulary.size), model.gate)


def _memory_of(model: ModelData, label_weights_L: np.ndarray) -> Index | None:
    """The memory of the texts whose labels are meant, however little of each."""
    if model.memory is None or label_weights_L.all():
        return model.memory
    parts = np.split(model.memory.ids, np.cumsum(model.remembered)[:-1])
    meant = [part for part, weight in zip(parts, label_weights_L, strict=True) if weight]
    ids = np.concatenate(meant)
    return build_index(ids) if len(ids) else None
