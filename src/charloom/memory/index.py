"""The suffix array of a text's ids: what a model file keeps of its memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from charloom.text import ModelError

ORDERS = 16  # ids of context that are counted; beyond, a unique match is followed in the text
# A longer match says no more. And as no length is over this, parts of a text that are read side
# by side soon agree on it, even where the text is the one that is remembered.
MOST_MATCHED = 32
# 7 bytes an id in the file: 14 MB. A text this long is known to the network itself, and
# what comes before its last two million characters adds little to an n-gram.
MOST_REMEMBERED = 2_000_000


@dataclass(frozen=True)
class Index:
    """A text and its sorted suffixes.

    Args:
        ids: the text, shape (n,), uint8 or uint16.
        suffixes: where each suffix starts, in their sorted order; shape (n,), int32.
        common: how many ids each suffix shares with the one before it, at most
            ORDERS + 1; shape (n,), uint8.
    """

    ids: np.ndarray
    suffixes: np.ndarray
    common: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def tensors(self) -> dict[str, np.ndarray]:
        """The arrays by the names they have in a model file."""
        return {
            "memory.ids": self.ids,
            "memory.suffixes": self.suffixes,
            "memory.common": self.common,
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray], vocabulary: int) -> Index:
        """Read back what `tensors` gave.

        Raises:
            ModelError: if the arrays do not belong together.
        """
        ids, suffixes = tensors["memory.ids"], tensors["memory.suffixes"]
        common = tensors["memory.common"]
        n = len(ids)
        met = np.zeros(n, bool)
        sound = (
            0 < n <= MOST_REMEMBERED
            and suffixes.shape == common.shape == (n,)
            and int(ids.max()) < vocabulary
            and int(suffixes.min()) >= 0
            and int(suffixes.max()) < n
            and int(common.max()) <= ORDERS + 1
            and common[0] == 0
        )
        if sound:
            met[suffixes] = True
        if not (sound and met.all()):
            raise ModelError("The model's memory of its text is damaged; get the file again.")
        return cls(ids, suffixes, common)


def build_index(ids: np.ndarray) -> Index:
    """Index a text (its last MOST_REMEMBERED ids), by libdivsufsort: 0.1 s a million ids."""
    import pydivsufsort

    ids = ids[-MOST_REMEMBERED:]
    narrow = np.ascontiguousarray(ids, np.uint8 if int(ids.max()) < 256 else np.uint16)
    suffixes = np.asarray(pydivsufsort.divsufsort(narrow), np.int32)
    return Index(narrow, suffixes, _common(narrow, suffixes))


def _common(ids: np.ndarray, suffixes: np.ndarray) -> np.ndarray:
    """The length of what neighbouring suffixes share, up to ORDERS + 1."""
    n = len(ids)
    common = np.zeros(n, np.uint8)
    rows = np.arange(1, n)  # those that have shared everything so far
    for length in range(ORDERS + 1):
        here, before = suffixes[rows] + length, suffixes[rows - 1] + length
        inside = (here < n) & (before < n)
        rows, here, before = rows[inside], here[inside], before[inside]
        rows = rows[ids[here] == ids[before]]
        common[rows] += 1
    return common
