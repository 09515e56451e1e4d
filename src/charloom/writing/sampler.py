"""Choosing the next character from logits: pure functions of numbers, over a whole batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charloom.text import SettingError

# How far back a repetition penalty looks. Every text repeats its letters, so the
# penalty is only felt sensibly within about a word.
PENALTY_WINDOW = 16


@dataclass(frozen=True)
class Sampling:
    """How the next character is chosen.

    Args:
        temperature: logits are divided by it; under 1 safer, over 1 bolder.
        top_k: only the k likeliest characters.
        top_p: only the likeliest characters that together reach this probability
            (nucleus sampling, Holtzman et al. 2019, arXiv 1904.09751).
        min_p: only characters at least this likely relative to the likeliest
            (Nguyen et al. 2024, arXiv 2407.01082).
        repetition_penalty: over 1, makes the last few characters less likely
            (Keskar et al. 2019, arXiv 1909.05858).
        greedy: always the likeliest character, as the tutorial does.

    Raises:
        SettingError: if a value is out of its range.
    """

    temperature: float = 0.8
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float = 1.0
    greedy: bool = False

    def __post_init__(self) -> None:
        _check("temperature", self.temperature, 0.0, 100.0)
        _check("repetition_penalty", self.repetition_penalty, 1.0, 100.0)
        if self.top_p is not None:
            _check("top_p", self.top_p, 0.0, 1.0)
        if self.min_p is not None:
            _check("min_p", self.min_p, 0.0, 1.0)
        if self.top_k is not None and self.top_k < 1:
            raise SettingError(f"top_k must be at least 1, not {self.top_k}.")

    @property
    def deterministic(self) -> bool:
        return self.greedy or self.temperature == 0

    @property
    def penalised(self) -> bool:
        return self.repetition_penalty > 1


class Samplings:
    """How the next character of each of several texts is chosen, all of them in one go.

    Gives what `Sampling` gives for each row alone, to the last bit.

    Args:
        settings: of every text, in their order.
    """

    def __init__(self, settings: Sequence[Sampling]) -> None:
        greedy = [s.deterministic for s in settings]
        self.greedy_rows = np.flatnonzero(greedy)
        self.temperature_Bx1 = _column(
            [1.0 if g else s.temperature for s, g in zip(settings, greedy, strict=True)]
        )
        self.penalty = _rows([s.repetition_penalty if s.penalised else None for s in settings])
        self.top_k = _rows([s.top_k for s in settings])
        self.min_p = _rows([s.min_p or None for s in settings])
        self.top_p = _rows([s.top_p if s.top_p is None or s.top_p < 1 else None for s in settings])

    @classmethod
    def of(cls, settings: Sequence[Sampling]) -> Sampling | Samplings:
        """As simple as can be: mostly all texts are written with the same settings."""
        first = settings[0]
        return first if all(s == first for s in settings) else cls(settings)

    @property
    def penalised(self) -> bool:
        return len(self.penalty[0]) > 0


Rows = tuple[np.ndarray, np.ndarray]  # the rows that have a setting, and its values as a column


def _rows(values: Sequence[float | None]) -> Rows:
    rows = [row for row, value in enumerate(values) if value is not None]
    return np.array(rows, np.int64), _column([value for value in values if value is not None])


def _column(values: Sequence[float]) -> np.ndarray:
    return np.array(values, np.float64)[:, None]


def _check(name: str, value: float, least: float, most: float) -> None:
    if not (isinstance(value, int | float) and math.isfinite(value) and least <= value <= most):
        raise SettingError(f"{name} must be a number from {least:g} to {most:g}, not {value}.")


def probabilities(
    logits_BxV: np.ndarray,
    sampling: Sampling | Samplings,
    allowed_BxV: np.ndarray,
    recent_BxN: np.ndarray | None = None,
) -> np.ndarray:
    """The distribution that the next character is drawn from, in float64.

    Args:
        logits_BxV: the network's logits.
        sampling: how to choose, in all rows or in each.
        allowed_BxV: True for ids that may be written; at least one a row. It may
            have one row for all texts.
        recent_BxN: the last ids of every text, -1 where there are none yet.

    Returns:
        shape (B, V); every row sums to 1 and is 0 where not allowed.
    """
    # float64: the sums below then agree between machines to far below what a draw sees.
    z = np.where(allowed_BxV, logits_BxV.astype(np.float64), -np.inf)
    if isinstance(sampling, Samplings):
        return _probabilities_by_row(z, sampling, recent_BxN)
    if sampling.penalised and recent_BxN is not None:
        z = _penalised(z, sampling.repetition_penalty, recent_BxN)
    z -= z.max(axis=1, keepdims=True)
    if sampling.deterministic:
        best = np.zeros_like(z)
        best[np.arange(len(z)), z.argmax(axis=1)] = 1.0
        return best
    p = _softmax(z, sampling.temperature)
    # p is a fresh array: the cuts below may change it in place.
    if sampling.top_k is not None and sampling.top_k < p.shape[1]:
        kth = np.partition(p, -sampling.top_k, axis=1)[:, -sampling.top_k, None]
        p[p < kth] = 0.0
    if sampling.min_p:
        p[p < sampling.min_p * p.max(axis=1, keepdims=True)] = 0.0
    if sampling.top_p is not None and sampling.top_p < 1:
        p = _nucleus(p / p.sum(axis=1, keepdims=True), sampling.top_p)
    return p / p.sum(axis=1, keepdims=True)


def _probabilities_by_row(
    z: np.ndarray, sampling: Samplings, recent_BxN: np.ndarray | None
) -> np.ndarray:
    """As `probabilities` goes on, with the settings of every row."""
    rows, penalty = sampling.penalty
    if len(rows) and recent_BxN is not None:
        z[rows] = _penalised(z[rows], penalty, recent_BxN[rows])
    z -= z.max(axis=1, keepdims=True)
    p = _softmax(z, sampling.temperature_Bx1)
    rows, top_k = sampling.top_k
    if len(rows):
        some = p[rows]
        k = np.minimum(top_k.astype(np.int64), p.shape[1])
        some[some < np.take_along_axis(np.sort(some, axis=1), p.shape[1] - k, axis=1)] = 0.0
        p[rows] = some
    rows, min_p = sampling.min_p
    if len(rows):
        some = p[rows]
        some[some < min_p * some.max(axis=1, keepdims=True)] = 0.0
        p[rows] = some
    rows, top_p = sampling.top_p
    if len(rows):
        some = p[rows]
        p[rows] = _nucleus(some / some.sum(axis=1, keepdims=True), top_p)
    p /= p.sum(axis=1, keepdims=True)
    rows = sampling.greedy_rows
    if len(rows):
        p[rows] = 0.0
        p[rows, z[rows].argmax(axis=1)] = 1.0
    return p


def _softmax(z_BxV: np.ndarray, temperature: float | np.ndarray) -> np.ndarray:
    # A temperature near 0 would overflow; exp(-700) is already nothing.
    with np.errstate(over="ignore"):
        p = np.exp(np.maximum(z_BxV / temperature, -1e4))
    p[~np.isfinite(z_BxV)] = 0.0
    p /= p.sum(axis=1, keepdims=True)
    return p


def draw(p_BxV: np.ndarray, u_B: np.ndarray) -> np.ndarray:
    """One id a row, by inverting the cumulative distribution at u.

    Args:
        p_BxV: probabilities.
        u_B: numbers in [0, 1).
    """
    cumulative = np.cumsum(p_BxV, axis=1)
    # Scaled by the last sum, so that rounding can never draw past the end.
    chosen = (cumulative <= (u_B * cumulative[:, -1])[:, None]).sum(axis=1)
    return np.minimum(chosen, p_BxV.shape[1] - 1)


def _penalised(
    z_BxV: np.ndarray, penalty: float | np.ndarray, recent_BxN: np.ndarray
) -> np.ndarray:
    seen = np.zeros(z_BxV.shape, bool)
    rows, columns = np.nonzero(recent_BxN >= 0)
    seen[rows, recent_BxN[rows, columns]] = True
    # From log-probabilities, which are all negative: the penalty then has one meaning.
    finite = np.where(np.isfinite(z_BxV), z_BxV, -1e9)
    top = finite.max(axis=1, keepdims=True)
    logp = z_BxV - (top + np.log(np.exp(finite - top).sum(axis=1, keepdims=True)))
    return np.where(seen, logp * penalty - 1e-9, logp)


def _nucleus(p_BxV: np.ndarray, top_p: float | np.ndarray) -> np.ndarray:
    order = np.argsort(-p_BxV, axis=1, kind="stable")
    ranked = np.take_along_axis(p_BxV, order, axis=1)
    # Kept while what comes before is short of top_p: the likeliest always stays.
    before = np.cumsum(ranked, axis=1) - ranked
    ranked[before >= top_p] = 0.0
    ranked[:, 0] = np.maximum(ranked[:, 0], np.finfo(float).tiny)
    kept = np.empty_like(p_BxV)
    np.put_along_axis(kept, order, ranked, axis=1)
    return kept
