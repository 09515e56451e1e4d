"""A memory of the training text: what followed each context, of any length, in NumPy alone."""

from .gate import Gate, entropies, features, fit_gate, fitted_across
from .index import MOST_REMEMBERED, ORDERS, Index, build_index
from .memory import Memory, MemoryState

__all__ = [
    "MOST_REMEMBERED",
    "ORDERS",
    "Gate",
    "Index",
    "Memory",
    "MemoryState",
    "build_index",
    "entropies",
    "features",
    "fit_gate",
    "fitted_across",
]
