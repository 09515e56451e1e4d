"""The tutorial's recipe and Charloom's own training side by side: same text, split and time."""

from .compare import Comparison, compare
from .task import Side

__all__ = ["Comparison", "Side", "compare"]
