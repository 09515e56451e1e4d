"""What a run does otherwise where texts have labels."""

from __future__ import annotations

import numpy as np

from charloom.memory import MOST_REMEMBERED, Gate, Memory, build_index
from charloom.scoring import score_with_memories
from charloom.text import Ids
from charloom.writing import SHOWN_LABELS, Engine


def ends_by_label(ids: Ids, labels: int) -> list[np.ndarray]:
    """The ends of every label's texts: together as much as a memory holds.

    Each gets its share, so that none is forgotten for coming first.
    """
    sizes_L = ids.sizes_by_label(labels)
    share = min(1.0, (MOST_REMEMBERED - labels) / len(ids))
    return [ids.end_of(label, int(share * size) + 1) for label, size in enumerate(sizes_L.tolist())]


def score_by_label(
    engine: Engine, learned: Ids, ids: np.ndarray, labels_T: np.ndarray, opening: np.ndarray
) -> tuple[np.ndarray, Gate]:
    """Held-out ids under network and memory, each label's under its own, and the gate."""
    ends = ends_by_label(learned, engine.shape.labels)

    def memory_of(label: int) -> Memory:
        return Memory(build_index(ends[label]), engine.shape.vocabulary)

    return score_with_memories(engine, memory_of, ids, labels_T, opening)


def labels_in_words(characters: dict[str, int]) -> str:
    """Labels, up to SHOWN_LABELS of them, and how many characters each has."""
    shown = [f"{name} ({count:,})" for name, count in characters.items()]
    more = len(shown) - SHOWN_LABELS
    rest = f" and {more:,} more" if more > 0 else ""
    return ", ".join(shown[:SHOWN_LABELS]) + rest


def sorted_by_label(ids: Ids, stop: int) -> Ids:
    """The first ids of a part, those of one label together, as they are read for a score."""
    numbers = ids.numbers[0:stop]
    labels_T = ids.labels_at(np.arange(len(numbers)))
    order = slice(None) if labels_T is None else np.argsort(labels_T, kind="stable")
    return Ids(numbers[order], ids.table)
