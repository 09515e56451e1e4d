"""Writing watched: each character as it is drawn, how likely it was, and what else might have come.

Nothing is drawn otherwise than without: an engine that keeps what it gave stands in for the
model's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from charloom.model import ModelData
from charloom.text import SettingError

from . import utf8
from .engine import Engine, State, take_states
from .mixture import Mixture
from .sampler import Sampling, probabilities
from .suggestions import Suggestion
from .texts import Request
from .writer import stream

PLAIN = Sampling(temperature=1.0)
# A first byte of a longer character is followed to the character's end only where it is this
# likely: that takes a step of the network for each byte more.
LIKELY = 0.01


@dataclass(frozen=True)
class Written:
    """One character of a text, as the model saw it coming.

    Args:
        text: the character.
        probability: what the model itself gave it, before temperature and the other settings
            had their say.
        alternatives: the likeliest characters in its place, the likeliest first; the written
            one is among them if it is that likely.
    """

    text: str
    probability: float
    alternatives: tuple[Suggestion, ...]


def watch(
    engine: Engine | Mixture, model: ModelData, request: Request, count: int = 6
) -> Iterator[Written]:
    """Write one text as `stream` does, character by character, with what else might have come.

    Args:
        engine: of the model.
        model: the model.
        request: what to write; one text, and no texts to stop at.
        count: how many alternatives are given of each character, at most.

    Raises:
        SettingError: at once, if the request is for several texts or has stops, or limits
            copies and the model has no memory.
    """
    if request.count != 1 or request.stop:
        raise SettingError("One text alone can be watched, without texts to stop at.")
    watched = _Watched(engine)
    # It has all that writing asks of an engine.
    pieces = stream(cast(Engine, watched), model, request)
    return _written(pieces, watched, _Seen(engine, model, count))


def _written(
    pieces: Iterator[tuple[int, str]], watched: _Watched, seen: _Seen
) -> Iterator[Written]:
    for _, character in pieces:
        yield seen.written(character, watched.logits, watched.states)
        watched.logits.clear()  # the next step's are those of the next character


class _Watched:
    """Runs another engine, and keeps its states and the logits of each step."""

    def __init__(self, engine: Engine | Mixture) -> None:
        self.engine, self.shape, self.dense_V = engine, engine.shape, engine.dense_V
        self.states: State = []
        self.logits: list[np.ndarray] = []  # shape (1, V) each, since the last character

    def initial_states(self, batch: int) -> State:
        self.states = self.engine.initial_states(batch)
        return self.states

    def feed(self, ids_T: np.ndarray, states: State) -> None:
        self.engine.feed(ids_T, states)

    def step(self, ids_B: np.ndarray, states: State) -> np.ndarray:
        logits_BxV = self.engine.step(ids_B, states)
        self.states = states
        self.logits.append(logits_BxV)
        return logits_BxV


class _Seen:
    """From logits to characters and their probabilities."""

    def __init__(self, engine: Engine | Mixture, model: ModelData, count: int) -> None:
        self.engine, self.vocabulary, self.count = engine, model.vocabulary, count
        self.writable_V = np.ones(self.vocabulary.size, bool)
        if self.vocabulary.unknown is not None:
            self.writable_V[self.vocabulary.unknown] = False

    def written(self, character: str, logits: list[np.ndarray], states: State) -> Written:
        """What was seen of a character.

        Args:
            logits: before each of its ids; none where a text starts from nothing at all.
            states: those that the last of them came from.
        """
        rows = logits or [self.engine.dense_V[None]]
        if self.vocabulary.kind == "characters":
            p_V = self._expected(rows[0])
            chosen = self.vocabulary.ids[ord(character)]
            best = self._likeliest(p_V)
            return self._sorted(
                character, float(p_V[chosen]), [(self._text(i), p) for i, p in best]
            )
        return self._of_bytes(character, rows, states)

    def _of_bytes(self, character: str, rows: list[np.ndarray], states: State) -> Written:
        """The same where the ids are bytes, several to some characters.

        Of a character of several bytes the alternatives are those that share all but its last,
        and those of one byte: the network was never asked about others.
        """
        data = character.encode("utf-8")
        probability, found = 1.0, list[tuple[str, float]]()
        for number, logits in enumerate(rows):
            prefix = data[:number]
            p_V = self._expected(logits, utf8.state_after(prefix))
            for chosen, p in self._likeliest(p_V):
                text = (prefix + bytes([chosen])).decode("utf-8", "ignore")
                if text:
                    found.append((text, probability * p))
                elif len(rows) == 1 and p >= LIKELY:
                    found.append(self._completed(bytes([chosen]), p, states))
            probability *= float(p_V[data[number]])
        return self._sorted(character, probability, found)

    def _completed(self, data: bytes, probability: float, states: State) -> tuple[str, float]:
        """The likeliest character that begins with these bytes, and its probability."""
        states = take_states(states, [0])
        while utf8.state_after(data) != utf8.WHOLE:
            p_V = self._expected(
                self.engine.step(np.array([data[-1]]), states), utf8.state_after(data)
            )
            best = int(p_V[:256].argmax())
            data, probability = data + bytes([best]), probability * float(p_V[best])
        return data.decode("utf-8"), probability

    def _expected(self, logits: np.ndarray, utf8_state: int = utf8.WHOLE) -> np.ndarray:
        allowed = self.writable_V[None]
        if self.vocabulary.kind == "bytes":
            allowed = utf8.allowed(self.writable_V, np.array([utf8_state]))
        return probabilities(logits, PLAIN, allowed)[0]

    def _likeliest(self, p_V: np.ndarray) -> list[tuple[int, float]]:
        """The likeliest ids, but for the end of a text, which is no character."""
        best = np.argsort(-p_V, kind="stable")[: self.count + 1].tolist()
        return [(i, float(p_V[i])) for i in best if i != self.vocabulary.end and p_V[i] > 0]

    def _text(self, number: int) -> str:
        return chr(self.vocabulary.symbols[number])

    def _sorted(self, text: str, probability: float, found: list[tuple[str, float]]) -> Written:
        best = sorted(found, key=lambda one: -one[1])[: self.count]
        return Written(text, probability, tuple(Suggestion(*one) for one in best))
