"""Choosing the next character from logits: pure functions of numbers, over a whole batch."""

from __future__ import annotations

import math
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


def _check(name: str, value: float, least: float, most: float) -> None:
    if not (isinstance(value, int | float) and math.isfinite(value) and least <= value <= most):
        raise SettingError(f"{name} must be a number from {least:g} to {most:g}, not {value}.")


def probabilities(
    logits_BxV: np.ndarray,
    sampling: Sampling,
    allowed_BxV: np.ndarray,
    recent_BxN: np.ndarray | None = None,
) -> np.ndarray:
    """The distribution that the next character is drawn from, in float64.

    Args:
        logits_BxV: the network's logits.
        sampling: how to choose.
        allowed_BxV: True for ids that may be written; at least one a row. It may
            have one row for all texts.
        recent_BxN: the last ids of every text, -1 where there are none yet.

    Returns:
        shape (B, V); every row sums to 1 and is 0 where not allowed.
    """
    # float64: the sums below then agree between machines to far below what a draw sees.
    z = np.where(allowed_BxV, logits_BxV.astype(np.float64), -np.inf)
    if sampling.repetition_penalty > 1 and recent_BxN is not None:
        z = _penalised(z, sampling.repetition_penalty, recent_BxN)
    z -= z.max(axis=1, keepdims=True)
    if sampling.deterministic:
        best = np.zeros_like(z)
        best[np.arange(len(z)), z.argmax(axis=1)] = 1.0
        return best
    # A temperature near 0 would overflow; exp(-700) is already nothing.
    with np.errstate(over="ignore"):
        p = np.exp(np.maximum(z / sampling.temperature, -1e4))
    p[~np.isfinite(z)] = 0.0
    p /= p.sum(axis=1, keepdims=True)
    # p is a fresh array: the cuts below may change it in place.
    if sampling.top_k is not None and sampling.top_k < p.shape[1]:
        kth = np.partition(p, -sampling.top_k, axis=1)[:, -sampling.top_k, None]
        p[p < kth] = 0.0
    if sampling.min_p:
        p[p < sampling.min_p * p.max(axis=1, keepdims=True)] = 0.0
    if sampling.top_p is not None and sampling.top_p < 1:
        p = _nucleus(p / p.sum(axis=1, keepdims=True), sampling.top_p)
    return p / p.sum(axis=1, keepdims=True)


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


def _penalised(z_BxV: np.ndarray, penalty: float, recent_BxN: np.ndarray) -> np.ndarray:
    seen = np.zeros(z_BxV.shape, bool)
    rows, columns = np.nonzero(recent_BxN >= 0)
    seen[rows, recent_BxN[rows, columns]] = True
    # From log-probabilities, which are all negative: the penalty then has one meaning.
    finite = np.where(np.isfinite(z_BxV), z_BxV, -1e9)
    top = finite.max(axis=1, keepdims=True)
    logp = z_BxV - (top + np.log(np.exp(finite - top).sum(axis=1, keepdims=True)))
    return np.where(seen, logp * penalty - 1e-9, logp)


def _nucleus(p_BxV: np.ndarray, top_p: float) -> np.ndarray:
    order = np.argsort(-p_BxV, axis=1, kind="stable")
    ranked = np.take_along_axis(p_BxV, order, axis=1)
    # Kept while what comes before is short of top_p: the likeliest always stays.
    before = np.cumsum(ranked, axis=1) - ranked
    ranked[before >= top_p] = 0.0
    ranked[:, 0] = np.maximum(ranked[:, 0], np.finfo(float).tiny)
    kept = np.empty_like(p_BxV)
    np.put_along_axis(kept, order, ranked, axis=1)
    return kept
