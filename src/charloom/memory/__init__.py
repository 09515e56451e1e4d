"""A memory of the training text: what followed each context, of any length, in NumPy alone."""

from .gate import Evidence, Gate, entropies, features, fit_gate, fitted_across, joined, log_of
from .index import MOST_REMEMBERED, ORDERS, Index, build_index
from .memory import Memory, MemoryState
from .search import WIDTH, Search

__all__ = [
    "MOST_REMEMBERED",
    "ORDERS",
    "WIDTH",
    "Evidence",
    "Gate",
    "Index",
    "Memory",
    "MemoryState",
    "Search",
    "build_index",
    "entropies",
    "features",
    "fit_gate",
    "fitted_across",
    "joined",
    "log_of",
]
