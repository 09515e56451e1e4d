"""Held-out text of several labels: each label's is read from start to end on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from charloom.memory import Evidence, Gate, Memory, fitted_across, joined
from charloom.text import each_label
from charloom.writing import Engine, Mixture

from .evaluate import nats_by_character
from .memory import MOST_EVIDENCE, log_expected, recall


def nats_by_label(
    engine: Engine, ids: np.ndarray, labels_T: np.ndarray | None, opening: np.ndarray
) -> np.ndarray:
    """The surprise of every id, in nats, shape (n,), each under the label of its text.

    A label's texts are read one after another, behind the opening, as `charloom score
    --label` reads them.

    Args:
        engine: the network.
        ids: the texts.
        labels_T: the number of the label of each id; None where there are no labels.
        opening: the ids that a text silently follows, at least one.
    """
    if labels_T is None:
        return nats_by_character(engine, ids, opening)
    nats = np.empty(len(ids))
    for _, one, places in _by_label(engine, labels_T):
        nats[places] = nats_by_character(one, ids[places], opening)
    return nats


def score_with_memories(
    engine: Engine,
    memory_of: Callable[[int], Memory],
    ids: np.ndarray,
    labels_T: np.ndarray,
    opening: np.ndarray,
) -> tuple[np.ndarray, Gate]:
    """As `score_with_memory`, each label's texts under its network and its memory.

    The gate is one for all labels.

    Args:
        memory_of: the memory of what the network learned under a label.
        engine, ids, labels_T, opening: as for `nats_by_label`.
    """
    part = min(len(ids), max(1000, MOST_EVIDENCE // engine.shape.vocabulary))
    read, seen = [], []
    for label, one, places in _by_label(engine, labels_T[:part]):
        own = ids[places]
        recalled = recall(memory_of(label), own, opening)
        seen.append(recalled.beside(log_expected(one, own, opening), own))
        read.append(places)
    evidence, order = joined(seen), np.argsort(np.concatenate(read))
    gate, nats = fitted_across(
        Evidence(
            evidence.x_TxF[order],
            evidence.network_TxV[order],
            evidence.memory_TxV[order],
            evidence.ids_T[order],
        )
    )
    if part < len(ids):
        nats = np.concatenate([nats, np.empty(len(ids) - part)])
        for label, one, places in _by_label(engine, labels_T):
            both = Mixture(one, memory_of(label), gate)
            behind = places >= part
            nats[places[behind]] = nats_by_character(both, ids[places], opening)[behind]
    return nats, gate


def _by_label(engine: Engine, labels_T: np.ndarray) -> Iterator[tuple[int, Engine, np.ndarray]]:
    """Every label that occurs, the network with it, and the places where it does."""
    for label, places in each_label(labels_T):
        weights_L = np.zeros(engine.shape.labels)
        weights_L[label] = 1.0
        yield label, engine.with_labels(weights_L), places
