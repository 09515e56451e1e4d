"""How well a text is predicted, beside yardsticks that anyone can check."""

from .evaluate import Forward, Readable, nats_by_character
from .score import Passage, Reading, Score, spread_nats
from .yardsticks import MOST_XZ, ORDER, ngram_nats, xz_bits

__all__ = [
    "MOST_XZ",
    "ORDER",
    "Forward",
    "Passage",
    "Readable",
    "Reading",
    "Score",
    "nats_by_character",
    "ngram_nats",
    "spread_nats",
    "xz_bits",
]
