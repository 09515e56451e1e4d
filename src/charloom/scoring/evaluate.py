"""The exact mean over every character of a text, many parts at a time.

An LSTM reads strictly in order, which leaves a processor mostly idle. So the text
is cut into parts that are read side by side. Each part starts from a guess at the
state that the part before it ends in, and once all are read every guess is
compared with what the part before really ended in. Parts whose guess was off are
read again, from there, until none is. What comes out is what one reading from start
to end gives, with every start of a part within TOLERANCE of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from charloom.model import NetworkShape

WARM_UP = 256  # characters that a first guess has read
WINDOW = 128  # characters read at a time, at most
LOGITS = 4_000_000  # held at a time, at most: 16 MB, also for a vocabulary of thousands
TOLERANCE = 1e-3  # of a state, whose h lies in (-1, 1)
MOST_PARTS = 64  # where reading more side by side stops being faster
SHORTEST_PART = 1024

States = list[tuple[np.ndarray, np.ndarray]]


class Readable(Protocol):
    """Ids by slice: an array, or a part of a corpus that is looked up as it is read."""

    def __len__(self) -> int: ...
    def __getitem__(self, where: slice, /) -> np.ndarray: ...


class Forward(Protocol):
    """The network, as writing's NumPy engine and training's Keras network both offer it."""

    @property
    def shape(self) -> NetworkShape: ...
    def initial_states(self, batch: int, /) -> Any: ...
    def run(self, ids_BxT: np.ndarray, states: Any, /) -> np.ndarray: ...


def nats_by_character(
    forward: Forward, ids: Readable, opening: np.ndarray, parts: int | None = None
) -> np.ndarray:
    """The surprise of every id of a text, in nats.

    Args:
        forward: runs the network; it updates the states it is given in place.
        ids: the text, n ids.
        opening: the ids that the text silently follows, at least one.
        parts: how many parts are read side by side; by default as many as pay.

    Returns:
        shape (n,), float64.
    """
    return read_through(forward, ids, opening, _cross_entropy, parts)[:, 0]


Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def read_through(
    forward: Forward,
    ids: Readable,
    opening: np.ndarray,
    measure: Measure,
    parts: int | None = None,
    columns: int = 1,
) -> np.ndarray:
    """Read a text from start to end and measure something before every id.

    Args:
        forward, ids, opening, parts: as for `nats_by_character`.
        measure: from what `forward` gives for some places, shape (T, V), and the ids
            there, shape (T,), to what is kept of each, shape (T, C).
        columns: C.

    Returns:
        shape (n, C), float64 where C is 1, else float32.
    """
    n = len(ids)
    parts = parts or max(1, min(MOST_PARTS, n // SHORTEST_PART))
    length = -(-n // parts)
    starts = np.arange(0, n, length)
    text = _Text(ids, opening)
    # Of whole distributions there is too much for double precision.
    kept = np.zeros((n, columns), np.float64 if columns == 1 else np.float32)

    begun = _guess(forward, text, starts, length)
    ended = [(h.copy(), c.copy()) for h, c in begun]
    rows = np.arange(len(starts))  # the parts still to read
    while len(rows):
        states = [(begun_h[rows], begun_c[rows]) for begun_h, begun_c in begun]
        _read(forward, text, starts[rows], length, states, measure, kept)
        for (h, c), (new_h, new_c) in zip(ended, states, strict=True):
            h[rows], c[rows] = new_h, new_c
        rows = 1 + np.flatnonzero(_distance(begun, ended) > TOLERANCE)
        for (h, c), (ended_h, ended_c) in zip(begun, ended, strict=True):
            h[rows], c[rows] = ended_h[rows - 1], ended_c[rows - 1]
    return kept


class _Text:
    """What the network reads (each id one late, behind the opening) and what comes next."""

    def __init__(self, ids: Readable, opening: np.ndarray) -> None:
        self.ids, self.opening = ids, opening

    def inputs(self, start: int, stop: int) -> np.ndarray:
        """The ids read before positions `start` to `stop`; before the text, its opening."""
        wanted = self.ids[max(0, start - 1) : max(0, stop - 1)]
        missing = (stop - start) - len(wanted)
        if not missing:
            return wanted
        if stop > len(self.ids):  # past the end: anything, its result is not used
            return np.concatenate([wanted, np.zeros(missing, np.int64)])
        return np.concatenate([self.opening[-1:], wanted])


def _guess(forward: Forward, text: _Text, starts: np.ndarray, length: int) -> States:
    """States for the parts to start from; exact for the first."""
    first = forward.initial_states(1)
    if len(text.opening) > 1:
        forward.run(text.opening[None, :-1], first)
    states: States = [
        (np.repeat(h, len(starts), 0), np.repeat(c, len(starts), 0)) for h, c in first
    ]
    if len(starts) > 1:
        others = [(h[1:].copy(), c[1:].copy()) for h, c in states]
        warm = min(WARM_UP, length)
        forward.run(np.stack([text.inputs(s - warm, s) for s in starts[1:].tolist()]), others)
        for (h, c), (other_h, other_c) in zip(states, others, strict=True):
            h[1:], c[1:] = other_h, other_c
    return states


def _read(
    forward: Forward,
    text: _Text,
    starts: np.ndarray,
    length: int,
    states: States,
    measure: Measure,
    kept: np.ndarray,
) -> None:
    """Read parts from start to end, putting what is measured into `kept`."""
    window = max(1, min(WINDOW, LOGITS // (len(starts) * forward.shape.vocabulary)))
    for offset in range(0, length, window):
        width = min(window, length - offset)
        places = (starts + offset).tolist()
        inputs_BxT = np.stack([text.inputs(at, at + width) for at in places])
        logits_BxTxV = forward.run(inputs_BxT, states)
        for at, logits_TxV in zip(places, logits_BxTxV, strict=True):
            targets = text.ids[at : at + width]
            if len(targets):
                kept[at : at + width] = measure(logits_TxV[: len(targets)], targets)


def _cross_entropy(logits_TxV: np.ndarray, targets_T: np.ndarray) -> np.ndarray:
    top_T = logits_TxV.max(axis=1)
    sums_T = np.exp(logits_TxV - top_T[:, None]).sum(axis=1, dtype=np.float64)
    chosen_T = logits_TxV[np.arange(len(targets_T)), targets_T]
    return (np.log(sums_T) + (top_T - chosen_T))[:, None]


def _distance(begun: States, ended: States) -> np.ndarray:
    """How far each part but the first began from where the part before it ended."""
    return np.max(
        [
            np.abs(start[1:] - end[:-1]).max(axis=1, initial=0.0)
            for pair in zip(begun, ended, strict=True)
            for start, end in zip(*pair, strict=True)
        ],
        axis=0,
    )
