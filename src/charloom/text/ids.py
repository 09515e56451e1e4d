"""Parts of a corpus as ids, looked up as they are read; nothing is copied."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

BATCH = 1 << 20  # numbers looked at at a time


@dataclass(frozen=True)
class Stretches:
    """Stretches of a corpus laid end to end, each of one label; nothing is copied.

    Read like an array of numbers, by slice or by places.

    Args:
        numbers: the corpus's, shape (n,).
        starts: where each stretch begins in it, shape (S,).
        sizes: how long each is, shape (S,).
        labels: and its label's number, shape (S,).
    """

    numbers: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray

    @cached_property
    def stops(self) -> np.ndarray:
        """Where each ends among the others, shape (S,)."""
        return np.cumsum(self.sizes)

    def __len__(self) -> int:
        return int(self.stops[-1]) if len(self.stops) else 0

    @property
    def dtype(self) -> np.dtype:
        return self.numbers.dtype

    def __getitem__(self, where: slice | np.ndarray) -> np.ndarray:
        places = np.arange(*where.indices(len(self))) if isinstance(where, slice) else where
        at = self._stretch(places)
        return self.numbers[self.starts[at] + places - (self.stops[at] - self.sizes[at])]

    def labels_at(self, places: np.ndarray) -> np.ndarray:
        """The label's number at these places, in an array of the same shape."""
        found: np.ndarray = self.labels[self._stretch(places)].astype(np.int64)
        return found

    def part(self, start: int, stop: int) -> Stretches:
        """Places `start` to `stop`, still uncopied."""
        begins = self.stops - self.sizes
        low, high = np.clip(start, begins, self.stops), np.clip(stop, begins, self.stops)
        kept = high > low
        starts = self.starts + low - begins
        return Stretches(self.numbers, starts[kept], (high - low)[kept], self.labels[kept])

    def counts(self, stop: int, size: int) -> np.ndarray:
        """How often each number under `size` occurs before place `stop`."""
        total = np.zeros(size, np.int64)
        for start in range(0, stop, BATCH):
            total += np.bincount(self[start : min(start + BATCH, stop)], minlength=size)
        return total

    def sizes_by_label(self, labels: int) -> np.ndarray:
        """How many ids each label has, shape (labels,)."""
        return np.bincount(self.labels, self.sizes, labels).astype(np.int64)

    def end_of(self, label: int, most: int) -> np.ndarray:
        """The last `most` numbers of one label."""
        own = np.flatnonzero(self.labels == label)
        near = own[np.cumsum(self.sizes[own][::-1])[::-1] - self.sizes[own] < most]
        pieces = [self.numbers[self.starts[s] : self.starts[s] + self.sizes[s]] for s in near]
        found = np.concatenate([self.numbers[:0], *pieces])
        return found[max(0, len(found) - most) :]

    def _stretch(self, places: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.stops, places, "right")


@dataclass(frozen=True)
class Ids:
    """A part of a corpus as ids, looked up as they are read."""

    numbers: np.ndarray | Stretches
    table: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, where: slice) -> np.ndarray:
        return self.table[self.numbers[where]]

    def at(self, places: np.ndarray) -> np.ndarray:
        """The ids at these places, in an array of the same shape."""
        return self.table[self.numbers[places]]

    def sizes_by_label(self, labels: int) -> np.ndarray:
        """How many ids each label has, shape (labels,)."""
        assert isinstance(self.numbers, Stretches)
        return self.numbers.sizes_by_label(labels)

    def end_of(self, label: int, most: int) -> np.ndarray:
        """The last `most` ids of a label's texts."""
        assert isinstance(self.numbers, Stretches)
        return self.table[self.numbers.end_of(label, most)]

    def labels_at(self, places: np.ndarray) -> np.ndarray | None:
        """The number of the label at these places; None where texts have no labels."""
        return self.numbers.labels_at(places) if isinstance(self.numbers, Stretches) else None
