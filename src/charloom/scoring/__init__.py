"""How well a text is predicted, beside yardsticks that anyone can check."""

from .evaluate import Forward, Readable, nats_by_character, read_through
from .memory import Both, Evidence, gate_from, memory_evidence, network_evidence
from .score import Passage, Reading, Score, spread_nats
from .yardsticks import MOST_XZ, ORDER, ngram_nats, xz_bits

__all__ = [
    "MOST_XZ",
    "ORDER",
    "Both",
    "Evidence",
    "Forward",
    "Passage",
    "Readable",
    "Reading",
    "Score",
    "gate_from",
    "memory_evidence",
    "nats_by_character",
    "network_evidence",
    "ngram_nats",
    "read_through",
    "spread_nats",
    "xz_bits",
]
