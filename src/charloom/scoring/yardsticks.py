"""Two yardsticks on the same text: what xz and an order-5 n-gram make of it."""

from __future__ import annotations

import lzma

import numpy as np

from .evaluate import Readable

ORDER = 5  # characters of context
DISCOUNT = 0.8  # tried on tiny Shakespeare and Othello: 0.7 to 0.9 differ by under 0.01 bits
MOST_TRAINING = 4_000_000  # ids; more would take a second and 100 MB for each further million
MOST_XZ = 4_000_000  # bytes; xz reads about 1 MB a second


def ngram_nats(train: Readable, test: Readable, vocabulary: int) -> float:
    """The mean surprise of `test` under an order-5 n-gram of `train`, in nats per id.

    Interpolated absolute discounting (Ney, Essen and Kneser 1994): every order
    gives a share of its counts to the next shorter context, down to an even spread.
    Only the last MOST_TRAINING ids of `train` are counted.
    """
    learned = train[max(0, len(train) - MOST_TRAINING) : len(train)]
    scored = test[0 : len(test)]
    text = np.concatenate([learned[-ORDER:], scored])  # the first ids need their contexts
    p = np.full(len(scored), 1.0 / vocabulary)
    contexts, contexts_scored = np.zeros(len(learned), np.uint64), np.zeros(len(text), np.uint64)
    for order in range(ORDER + 1):
        # Keys by position: of the `order` ids before it, and of those with the id itself.
        pairs, pairs_scored = _extend(contexts, learned), _extend(contexts_scored, text)
        seen_pairs, first, counts = np.unique(pairs[order:], return_index=True, return_counts=True)
        seen_contexts, of_pair = np.unique(contexts[order:][first], return_inverse=True)
        totals, kinds = np.bincount(of_pair, weights=counts), np.bincount(of_pair)

        context_keys = contexts_scored[-len(scored) :]
        n_pair = _look_up(seen_pairs, counts, pairs_scored[-len(scored) :])
        n_context = _look_up(seen_contexts, totals, context_keys)
        n_kinds = _look_up(seen_contexts, kinds, context_keys)
        known = n_context > 0
        shared = DISCOUNT * n_kinds[known] * p[known]
        p[known] = (np.maximum(n_pair[known] - DISCOUNT, 0) + shared) / n_context[known]
        contexts, contexts_scored = _shift(pairs), _shift(pairs_scored)
    return float(-np.log(p).mean())


def xz_bits(train: bytes, test: bytes) -> int:
    """The bits by which `test` makes the xz file of `train` larger.

    Only the last MOST_XZ bytes of `train` are compressed.
    """
    train = train[-MOST_XZ:]
    return 8 * (len(lzma.compress(train + test)) - len(lzma.compress(train)))


def _extend(keys: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Keys with one more id mixed in: a product that wraps, an odd multiplier (splitmix64's)."""
    mixed = (keys + ids.astype(np.uint64) + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(29))


def _shift(pairs: np.ndarray) -> np.ndarray:
    """What was read up to a position is the context of the next."""
    return np.concatenate([np.zeros(1, np.uint64), pairs[:-1]])


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value at each wanted key, 0 where there is none."""
    if not len(keys):
        return np.zeros(len(wanted))
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)
