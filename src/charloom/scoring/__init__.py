"""How well a text is predicted, beside yardsticks that anyone can check."""

from .evaluate import Forward, Readable, nats_by_character, read_through
from .features import FEATURES
from .labelled import nats_by_label, score_with_memories
from .memory import Recalled, log_expected, recall, score_with_memory
from .originality import Copy, Originality, excerpts, originality_of, originality_scores
from .score import Passage, Reading, Score, encode, opening_or_default, spread_nats
from .units import Follower, Units, correlations
from .yardsticks import MOST_XZ, ORDER, ngram_nats, xz_bits

__all__ = [
    "FEATURES",
    "MOST_XZ",
    "ORDER",
    "Copy",
    "Follower",
    "Forward",
    "Originality",
    "Passage",
    "Readable",
    "Reading",
    "Recalled",
    "Score",
    "Units",
    "correlations",
    "encode",
    "excerpts",
    "log_expected",
    "nats_by_character",
    "nats_by_label",
    "ngram_nats",
    "opening_or_default",
    "originality_of",
    "originality_scores",
    "read_through",
    "recall",
    "score_with_memories",
    "score_with_memory",
    "spread_nats",
    "xz_bits",
]
