"""What is asked of a batcher, and how what it writes is handed over. No web in here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from charloom.text import Vocabulary
from charloom.writing import Engine, Mixture, Text

END_SHOWN = "<|endoftext|>"  # among the likeliest others, as OpenAI's interface names it


@dataclass(frozen=True)
class Entry:
    """A character, the logarithm of its probability, and the likeliest others with theirs."""

    token: str
    logprob: float | None
    top: dict[str, float]


class Odds:
    """How likely what is read or written was, character by character, in natural logarithms.

    That is by what the model itself expects: temperature 1, nothing cut.

    Args:
        vocabulary: the model's.
        top: how many of the likeliest are kept for each character.
        prompt: where in the ids that are read the prompt begins, if it is wanted too.

    Attributes:
        read: the prompt's characters, as far as it was read.
        entries: those written since the last `take`.
    """

    def __init__(self, vocabulary: Vocabulary, top: int, prompt: int | None = None) -> None:
        self.vocabulary, self.top, self.prompt = vocabulary, top, prompt
        self.read: list[Entry] = []
        self.entries: deque[Entry] = deque()
        self._begin()

    def _begin(self) -> None:
        """A character begins: one of bytes may take several ids."""
        self.data, self.logprob, self.others = bytearray(), 0.0, dict[str, float]()

    def note(self, number: int, p_V: np.ndarray | None) -> None:
        """Take an id of the prompt, and what was expected before it; None for the first of all."""
        if entry := self._entry(number, p_V):
            self.read.append(entry)

    def add(self, number: int, p_V: np.ndarray) -> None:
        """Take an id that was written, and what was expected before it."""
        if entry := self._entry(number, p_V):
            self.entries.append(entry)

    def take(self, count: int) -> list[Entry]:
        """The next entries, for so many characters that are shown."""
        return [self.entries.popleft() for _ in range(min(count, len(self.entries)))]

    def _entry(self, number: int, p_V: np.ndarray | None) -> Entry | None:
        """The character that is whole with this id, if one is."""
        if number == self.vocabulary.end:
            return None
        logprob = None if p_V is None else _log(p_V[number])
        if self.vocabulary.kind == "characters":
            token = self.vocabulary.decode([number])
            return Entry(token, logprob, self._likeliest(number, p_V))
        if not self.data:
            self.others = self._likeliest(number, p_V)
        self.data.append(number)
        self.logprob += logprob or 0.0
        try:
            token = self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":
                return None
            token = "\ufffd"  # a prompt's cut start
        entry = Entry(token, None if p_V is None else self.logprob, self.others)
        self._begin()
        return entry

    def _likeliest(self, number: int, p_V: np.ndarray | None) -> dict[str, float]:
        if not self.top or p_V is None:
            return {}
        best = np.argsort(-p_V, kind="stable")[: self.top].tolist()
        numbers = best if number in best else [*best, number]
        return {self._name(n): _log(p_V[n]) for n in numbers if p_V[n] > 0}

    def _name(self, number: int) -> str:
        if number == self.vocabulary.end:
            return END_SHOWN
        if self.vocabulary.kind == "bytes" and number >= 0x80:
            return f"bytes:\\x{number:02x}"
        return self.vocabulary.decode([number])


def _log(p: float) -> float:
    return float(np.log(max(p, 1e-300)))  # what was drawn at a high temperature may be nothing


class Ticket:
    """One text that somebody has asked for.

    The batcher's thread fills it, another reads it: `take` may be called meanwhile.

    Args:
        text: how it is written.
        odds: kept where they are wanted.
        streamed: whether it is read as it is written; else there is news at its end alone.

    Attributes:
        done: whether nothing more will come; read it before `take`.
        error: what went wrong, once it is done.
        wake: called by whoever brings the news, where it brings it.
    """

    def __init__(self, text: Text, odds: Odds | None = None, streamed: bool = True) -> None:
        self.text, self.odds, self.streamed = text, odds, streamed
        self.pieces: deque[str] = deque()
        self.done = self.cancelled = self.listed = False
        self.error: Exception | None = None
        self.wake: Callable[[], None] = lambda: None

    def take(self) -> str:
        """What has been written since the last time."""
        taken = []
        while self.pieces:
            taken.append(self.pieces.popleft())
        return "".join(taken)


@dataclass(frozen=True)
class Manner:
    """An engine whose steps do not depend on company, for a label or a mixture of them.

    Args:
        engine: see `charloom.writing.steady`.
        rows: what its batches have a multiple of.
        plain: the same as it is for one text; scores are read with it.
    """

    engine: Engine | Mixture
    rows: int
    plain: Engine | Mixture


@dataclass
class Job:
    """Texts that go on from the same prompt: it is read once for all of them.

    Args:
        manner: what writes them.
        ids: what they go on from, shape (T,): the opening and the prompt.
        tickets: one for each text.
        at: how many of the ids are read.
    """

    manner: Manner
    ids: np.ndarray
    tickets: list[Ticket]
    at: int = 0

    @property
    def odds(self) -> list[Odds]:
        """Those of its texts that want the prompt's as well."""
        found = [ticket.odds for ticket in self.tickets]
        return [odds for odds in found if odds is not None and odds.prompt is not None]
