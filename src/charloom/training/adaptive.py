"""Adaptive scores: network, memory and gate learn from each piece of a text once it is scored.

They are kept apart from `charloom.scoring`, whose scores are of a model as it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from charloom.language_model import LanguageModel
from charloom.memory import (
    ORDERS,
    Evidence,
    Gate,
    Index,
    Memory,
    build_index,
    entropies,
    log_of,
)
from charloom.model import ModelData
from charloom.scoring import Recalled, encode, opening_or_default, spread_nats
from charloom.text import END, TextError

from .signals import Interrupted, caught_signals

LN2 = math.log(2)
# Ids between two steps. On 30,000 characters of tiny Shakespeare's training part that a model
# had not read, 32, 64 and 128 gave its network 2.255, 2.271 and 2.296 bits per character
# (static 2.514); each halving takes up to twice the time.
PIECE = 64
# The memory is built anew when the text has grown by so many ids, or this share of all that
# it holds. There a memory of 500,000 characters and another network gave 2.036 bits with 1 %
# and 2.028 with 0.25 % (2.047 when it stayed as it was). Of a million ids one takes a second.
GROWN, GROWN_SHARE = 500, 0.0025
REREAD = 32  # ids by which a new memory finds its place; the gate tells no longer matches apart
# Of the gate's curvature before anything is scored: 3, 30, 300 gave 2.031, 2.030 and 2.028
# bits, a gate that learns nothing 2.032, the one that was best in hindsight 2.023.
CAUTION = 300.0


@dataclass(frozen=True)
class AdaptiveScore:
    """What a model makes of a text from which it learns as it reads.

    Every character is scored before anything is learned from it, and counts as in a
    `Score`. Yet it is no score of the model as it is: compare it only with other
    adaptive ones.
    """

    nats: float
    characters: int
    bytes: int
    unseen: Counter[str]

    @property
    def adaptive_nats_per_character(self) -> float:
        return self.nats / self.characters

    @property
    def adaptive_bits_per_character(self) -> float:
        return self.adaptive_nats_per_character / LN2

    @property
    def adaptive_bits_per_byte(self) -> float:
        """Bits for each byte of the text's UTF-8 form."""
        return self.nats / LN2 / self.bytes

    def to_dict(self) -> dict[str, Any]:
        """What `charloom score --adaptive --json` prints."""
        return {
            "adaptive_bits_per_character": self.adaptive_bits_per_character,
            "adaptive_bits_per_byte": self.adaptive_bits_per_byte,
            "adaptive_nats_per_character": self.adaptive_nats_per_character,
            "characters": self.characters,
            "unseen_characters": sum(self.unseen.values()),
        }


def score_adaptively(
    model: LanguageModel, text: str, progress: Callable[[float], None] | None = None
) -> AdaptiveScore:
    """How well a model predicts a text when it learns from each piece once that is scored.

    The model itself stays as it is. Without a memory the network learns alone.

    Args:
        model: the model.
        text: the text; END within it separates several texts.
        progress: told after every piece which share of the text is scored.

    Raises:
        TextError: if there is no text.
        Interrupted: if it was stopped by Ctrl-C or SIGTERM.
    """
    if not text.strip(END):
        raise TextError("There is no text to score; give a file with something in it.")
    data = model.data
    ids, unseen = encode(data.vocabulary, text)

    with caught_signals() as caught:

        def tell(done: int) -> None:
            if caught:
                message = "Scoring was stopped; an adaptive score needs the whole text."
                raise Interrupted(message, caught[0])
            if progress is not None:
                progress(done / len(ids))

        nats = adaptive_nats(data, ids, tell) + spread_nats(data.vocabulary, ids)
    plain = text.replace(END, "")
    size = len(plain.encode("utf-8", "surrogatepass"))
    return AdaptiveScore(float(nats.sum()), len(plain), size, unseen)


def adaptive_nats(
    data: ModelData, ids: np.ndarray, tell: Callable[[int], None] = lambda done: None
) -> np.ndarray:
    """The surprise of every id of a text, in nats, shape (n,).

    That of an id depends on those before it alone; `tell` gets how many are scored.
    """
    from .dynamic import LearningNetwork, one_thread  # PyTorch, only now

    opening = opening_or_default(data)
    network, memory, gate = LearningNetwork(data, opening), None, LearningGate(data.gate)
    if data.memory is not None:
        memory = LearningMemory(data.memory, data.vocabulary.size, opening)
    nats = np.empty(len(ids))
    for start in range(0, len(ids), PIECE):
        ids_T = ids[start : start + PIECE]
        with one_thread():
            network_TxV = network.read(ids_T)
        if memory is None:
            nats_T = -network_TxV[np.arange(len(ids_T)), ids_T].astype(np.float64)
        else:
            nats_T = gate.read(memory.read(ids_T).beside(network_TxV, ids_T))
        nats[start : start + PIECE] = nats_T
        tell(start + len(ids_T))
    return nats


class LearningMemory:
    """A memory of the training text that takes in what is scored, from time to time.

    Args:
        index: the model's own.
        vocabulary: V, the number of ids.
        opening: the ids that the text silently follows, at least one.
    """

    def __init__(self, index: Index, vocabulary: int, opening: np.ndarray) -> None:
        self.memory = Memory(index, vocabulary)
        self.text, self.new = index.ids, opening[:0]  # what it knows, and what it does not yet
        self.last = opening  # what was read last, to find the place again
        self._find_place()

    def read(self, ids_T: np.ndarray) -> Recalled:
        """What is expected before each id of the text's next piece; then take it in."""
        p_TxV = np.empty((len(ids_T), self.memory.vocabulary))
        facts_Tx3 = np.empty((len(ids_T), 3))
        before_T = np.concatenate([self.last[-1:], ids_T[:-1]])
        for t in range(len(ids_T)):
            self.memory.advance(before_T[t : t + 1], self.state)
            p_TxV[t : t + 1], facts_Tx3[t : t + 1] = self.memory.predict(self.state)
        self._take_in(ids_T)
        logp_TxV = log_of(p_TxV)
        return Recalled(logp_TxV, facts_Tx3, entropies(p_TxV, logp_TxV))

    def _take_in(self, ids_T: np.ndarray) -> None:
        self.last = np.concatenate([self.last, ids_T])[-REREAD - 1 :]
        self.new = np.concatenate([self.new, ids_T])
        if len(self.new) >= max(GROWN, GROWN_SHARE * len(self.text)):
            self.text, self.new = np.concatenate([self.text, self.new]), self.new[:0]
            self.memory = Memory(build_index(self.text), self.memory.vocabulary)
            self._find_place()
            # The text's own end matches itself there, and nothing follows that: the match
            # is the longest context that something follows.
            nodes_BxK, match_Bx2 = self.state
            match_Bx2[0, 1] = ORDERS - (nodes_BxK[0] >= 0).argmax()

    def _find_place(self) -> None:
        """A state belongs to one index: read again what leads up to the last id."""
        self.state = self.memory.initial_state(1)
        for number in self.last[:-1]:
            self.memory.advance(np.array([number]), self.state)


class LearningGate:
    """A gate that makes one Newton step a piece (Hazan et al. 2007, online Newton steps).

    A plain gradient step was as good within 0.003 bits at the best learning rate and
    diverged at ten times that; here the curvature that adds up makes the steps smaller.
    """

    def __init__(self, gate: Gate) -> None:
        self.weights = np.array(gate.weights)
        self.curvature = CAUTION * np.eye(self.weights.size)

    def read(self, piece: Evidence) -> np.ndarray:
        """The nats of a piece's ids, shape (T,); then learn from it."""
        x_TxF, rows = piece.x_TxF, np.arange(len(piece.ids_T))
        experts_2xTxV = np.stack([piece.network_TxV, piece.memory_TxV]).astype(np.float64)
        logits_TxV = np.einsum("te,etv->tv", x_TxF @ self.weights.T, experts_2xTxV)
        logits_TxV -= logits_TxV.max(axis=1, keepdims=True)
        logp_TxV = logits_TxV - np.log(np.exp(logits_TxV).sum(axis=1, keepdims=True))

        weighted_2xTxV = np.exp(logp_TxV) * experts_2xTxV
        mean_2xT = weighted_2xTxV.sum(axis=2)
        gradient = (mean_2xT - experts_2xTxV[:, rows, piece.ids_T]) @ x_TxF
        covariance_2x2xT = np.einsum("dtv,etv->det", weighted_2xTxV, experts_2xTxV)
        covariance_2x2xT -= mean_2xT[:, None] * mean_2xT
        curvature = np.einsum("det,tf,tg->dfeg", covariance_2x2xT, x_TxF, x_TxF)
        self.curvature += curvature.reshape(self.curvature.shape)
        step = np.linalg.solve(self.curvature, gradient.ravel())
        self.weights -= step.reshape(self.weights.shape)
        nats_T: np.ndarray = -logp_TxV[rows, piece.ids_T]
        return nats_T
