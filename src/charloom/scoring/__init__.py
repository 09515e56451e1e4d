"""How well a text is predicted, beside yardsticks that anyone can check."""

from .evaluate import Forward, Readable, nats_by_character
from .score import Passage, Reading, Score, opening_or_default, spread_nats
from .yardsticks import ORDER, ngram_nats, xz_bits

__all__ = [
    "ORDER",
    "Forward",
    "Passage",
    "Readable",
    "Reading",
    "Score",
    "nats_by_character",
    "ngram_nats",
    "opening_or_default",
    "spread_nats",
    "xz_bits",
]
