"""Where runs of ids of any length occur in an indexed text, exactly."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np

from .index import Index

WIDTH = 2  # bytes of an id
WINDOW = 64  # ids that are compared at first; few matches are longer


class Search:
    """Finds runs of ids in a text by its suffix array.

    Runs are given as bytes, see `encode`: Python compares and slices those fastest, and
    with the high byte first they sort as the ids do.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self.text = self.encode(index.ids)
        self.suffixes: memoryview[int] = np.ascontiguousarray(index.suffixes).data

    def encode(self, ids: np.ndarray) -> bytes:
        """Ids as bytes, WIDTH for each."""
        return ids.astype(">u2").tobytes()

    def occurs(self, run: bytes) -> bool:
        """Whether the text holds a run."""
        rank = self._rank(run)
        return rank < len(self.suffixes) and self._at(rank, len(run)) == run

    def followers(self, run: bytes) -> np.ndarray:
        """The id after each place where a run occurs."""
        first = self._rank(run)
        if first == len(self.suffixes) or self._at(first, len(run)) != run:
            return self.index.ids[:0]
        size, text = len(run), self.text
        last = bisect_right(
            self.suffixes, run, lo=first, key=lambda s: text[s * WIDTH : s * WIDTH + size]
        )
        places = self.index.suffixes[first:last] + size // WIDTH
        return self.index.ids[places[places < len(self.index)]]

    def longest(self, run: bytes) -> tuple[int, int]:
        """The longest start of a run that occurs: how many ids, and where."""
        size = WINDOW * WIDTH
        while True:
            start = run[:size]
            rank = self._rank(start)
            # What shares most with it is its neighbour in the order of suffixes.
            shared, near = max(
                (_shared(self._at(near, len(start)), start), near)
                for near in (rank - 1, rank)
                if 0 <= near < len(self.suffixes)
            )
            if shared < len(start) or len(start) == len(run):
                return shared // WIDTH, self.suffixes[near]
            size *= 4

    def _rank(self, run: bytes) -> int:
        """How many suffixes come before a run."""
        size, text = len(run), self.text
        return bisect_left(self.suffixes, run, key=lambda s: text[s * WIDTH : s * WIDTH + size])

    def _at(self, rank: int, size: int) -> bytes:
        start = self.suffixes[rank] * WIDTH
        return self.text[start : start + size]


def _shared(some: bytes, other: bytes) -> int:
    """How many bytes two runs begin with in common."""
    size = min(len(some), len(other))
    differing = int.from_bytes(some[:size], "big") ^ int.from_bytes(other[:size], "big")
    return size - (differing.bit_length() + 7) // 8
