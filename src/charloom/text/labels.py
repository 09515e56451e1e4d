"""Labels: which kind each text of a corpus is of, and a corpus cut in two label by label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import TextError
from .ids import BATCH, Stretches

FOLDER = "folder"  # as `--label folder` calls the names of sub-folders
MOST_LABELS = 4096
# Held-out text of all labels is dealt out in pieces of so many ids, divided by the number of
# labels: so a check that reads the first 8,192 meets all of them.
DEALT, SHORTEST_DEALT = 4096, 64


class LabelCount:
    """The labels of texts as they are read: one for each END that comes after a text."""

    def __init__(self) -> None:
        self.characters: dict[str, int] = {}  # by label, in the order they first occur
        self.of_text: list[int] = []
        self._numbers: dict[str, int] = {}
        self._name = ""

    def begin(self, name: str) -> None:
        """A text with this label begins.

        Raises:
            TextError: if there are too many labels.
        """
        if name not in self._numbers:
            if len(self._numbers) == MOST_LABELS:
                raise TextError(
                    f"There are over {MOST_LABELS:,} different labels, as many as texts perhaps; "
                    "label them by something that more of them share."
                )
            self._numbers[name] = len(self._numbers)
            self.characters[name] = 0
        self._name = name
        self.of_text.append(self._numbers[name])

    def add(self, characters: int) -> None:
        """So much of the text was read."""
        self.characters[self._name] += characters

    def save(self, path: Path) -> None:
        """Keep the texts' labels; the names belong with what else is said of the corpus."""
        np.save(path, np.array(self.of_text, np.uint16))


@dataclass(frozen=True)
class Labels:
    """The labels of a corpus.

    Args:
        characters: how many each label's texts have, by name, in the order of their numbers.
        of_text: the label's number of every text, shape (texts,).
    """

    characters: dict[str, int]
    of_text: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.characters)

    @classmethod
    def load(cls, characters: dict[str, int], path: Path, texts: int) -> Labels:
        """Read back what `LabelCount.save` kept.

        Raises:
            ValueError: if it is of another corpus.
        """
        of_text = np.load(path, allow_pickle=False)
        if of_text.shape != (texts,) or int(of_text.max(initial=0)) >= len(characters):
            raise ValueError(f"{path} does not fit its corpus")
        return cls(characters, of_text)


def cut(numbers: np.ndarray, end: int, labels: Labels, share: float) -> tuple[Stretches, int]:
    """A corpus with the last share of every label's texts behind all the rest.

    So a label whose texts come last (as folders and sorted tables have them) is learned
    too, and every label is validated on. What is held out is dealt out in turn, so that
    its first part alone stands for all of it.

    Args:
        numbers: the corpus, shape (n,).
        end: the number after every text.
        labels: of the texts.
        share: what is held out.

    Returns:
        the corpus laid out anew, and where its held-out part begins.
    """
    of_text = labels.of_text.astype(np.int64)
    ends = _places_of(numbers, end)
    starts = np.append(0, ends[:-1] + 1)
    sizes = ends + 1 - starts
    totals = np.bincount(of_text, sizes, len(labels.names)).astype(np.int64)
    kept = np.maximum(1, (totals * (1 - share)).astype(np.int64)) if share else totals
    learned = np.clip(kept[of_text] - _before(sizes, of_text), 0, sizes)
    first = Stretches(numbers, starts, learned, of_text)

    # The rest of every text, in pieces, each to come as far on as it stands in its label.
    left, piece = sizes - learned, max(SHORTEST_DEALT, DEALT // len(labels.names))
    pieces = -(-left // piece)
    text = np.repeat(np.arange(len(left)), pieces)
    offset = piece * (np.arange(len(text)) - np.repeat(np.cumsum(pieces) - pieces, pieces))
    size = np.minimum(piece, left[text] - offset)
    label = of_text[text]
    reached = _before(size, label) / np.maximum(1, totals - kept)[label]
    order = np.argsort(reached, kind="stable")
    rest = [(starts + learned)[text] + offset, size, label]

    laid = [np.append(a, b[order]) for a, b in zip((starts, learned, of_text), rest, strict=True)]
    whole = Stretches(numbers, *laid)
    return whole.part(0, len(whole)), len(first)


def _places_of(numbers: np.ndarray, number: int) -> np.ndarray:
    found = [
        start + np.flatnonzero(numbers[start : start + BATCH] == number)
        for start in range(0, len(numbers), BATCH)
    ]
    return np.concatenate(found)


def _before(sizes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much of the same label stands before each stretch."""
    order = np.argsort(labels, kind="stable")
    ordered = sizes[order]
    total = np.cumsum(ordered) - ordered
    first = np.searchsorted(labels[order], labels[order])  # where its label begins
    before = np.empty_like(total)
    before[order] = total - total[first]
    return before


def each_label(labels_T: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Every label that occurs, and the places where it does."""
    for label in np.unique(labels_T):
        yield int(label), np.flatnonzero(labels_T == label)
