"""How well a model predicts a text: the score, and its most surprising passages."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from charloom.model import ModelData
from charloom.text import END, UNICODE_CHARACTERS, TextError, Vocabulary

from .evaluate import Forward, nats_by_character

LN2 = math.log(2)
PASSAGE = 60  # characters in a "most surprising passage"


@dataclass(frozen=True)
class Score:
    """What a model makes of a text.

    Every character counts, in one reading from start to end, and the end of
    each text where the model learned ends. A character that the model never saw
    costs what its unknown id costs, times an even spread over the rest of Unicode.
    """

    nats: float
    characters: int
    bytes: int
    unseen: Counter[str]

    @property
    def nats_per_character(self) -> float:
        return self.nats / self.characters

    @property
    def bits_per_character(self) -> float:
        return self.nats_per_character / LN2

    @property
    def bits_per_byte(self) -> float:
        """Bits for each byte of the text's UTF-8 form."""
        return self.nats / LN2 / self.bytes

    @property
    def perplexity(self) -> float:
        """As if the model chose between so many equally likely characters."""
        return math.exp(self.nats_per_character)

    def to_dict(self) -> dict[str, Any]:
        """What `charloom score --json` prints."""
        return {
            "bits_per_character": self.bits_per_character,
            "bits_per_byte": self.bits_per_byte,
            "nats_per_character": self.nats_per_character,
            "perplexity": self.perplexity,
            "characters": self.characters,
            "unseen_characters": sum(self.unseen.values()),
        }


@dataclass(frozen=True)
class Passage:
    """A stretch of a text, and how surprising it was on average."""

    position: int  # of its first character
    text: str
    bits_per_character: float


class Reading:
    """One text read by one model: the surprise of every id, and what follows from it.

    Args:
        forward: runs the model's network.
        model: its vocabulary and opening.
        text: the text; END within it separates several texts.
    """

    def __init__(self, forward: Forward, model: ModelData, text: str) -> None:
        if not text.strip(END):
            raise TextError("There is no text to score; give a file with something in it.")
        # A model of one text knows no ends, so several texts are read as one.
        self.text = text if model.vocabulary.end is not None else text.replace(END, "")
        self.ids, self.unseen = encode(model.vocabulary, self.text)
        self.vocabulary = model.vocabulary
        nats = nats_by_character(forward, self.ids, opening_or_default(model))
        self.nats = nats + spread_nats(model.vocabulary, self.ids)

    def score(self) -> Score:
        plain = self.text.replace(END, "")
        size = len(plain.encode("utf-8", "surrogatepass"))
        return Score(float(self.nats.sum()), len(plain), size, self.unseen)

    def worst(self, count: int) -> list[Passage]:
        """The `count` most surprising passages that do not overlap, worst first."""
        nats = self.nats_by_position()
        width = min(PASSAGE, len(nats))
        sums = np.convolve(nats, np.ones(width), "valid")
        found: list[Passage] = []
        for _ in range(count):
            at = int(sums.argmax())
            if not np.isfinite(sums[at]):
                break
            passage = self.text[at : at + width].replace(END, "")
            found.append(Passage(at, passage, float(sums[at]) / width / LN2))
            sums[max(0, at - width + 1) : at + width] = -np.inf
        return found

    def nats_by_position(self) -> np.ndarray:
        """The surprise of every character of `text`, in nats; shape (C,), float64."""
        if self.vocabulary.kind == "characters":
            return self.nats
        # Bytes of one character are surprising together.
        sizes = [1 if c == END else len(c.encode("utf-8")) for c in self.text]
        return np.add.reduceat(self.nats, np.cumsum([0, *sizes[:-1]]))


def encode(vocabulary: Vocabulary, text: str) -> tuple[np.ndarray, Counter[str]]:
    """A text as ids, END included where the model knows ends and left out where not."""
    parts = text.split(END)
    unseen: Counter[str] = Counter()
    ids: list[np.ndarray] = []
    for number, part in enumerate(parts):
        if number and vocabulary.end is not None:
            ids.append(np.array([vocabulary.end], np.int64))
        encoded, missing = vocabulary.encode(part)
        ids.append(encoded)
        unseen += missing
    return np.concatenate(ids), unseen


def spread_nats(vocabulary: Vocabulary, ids: np.ndarray) -> np.ndarray:
    """What it costs besides to say which unknown character each unknown id is, in nats."""
    rest = UNICODE_CHARACTERS - len(vocabulary.symbols)
    return np.where(ids == vocabulary.unknown, math.log(rest), 0.0)


def opening_or_default(model: ModelData) -> np.ndarray:
    """What a text silently follows; the network needs one id at least to start from."""
    return np.array(model.opening or (0,), np.int64)
