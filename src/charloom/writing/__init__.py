"""New text from a model, with NumPy alone: neither Keras nor PyTorch is imported."""

from .engine import Engine, State
from .sampler import Sampling, draw, probabilities
from .suggestions import Suggestion, suggest
from .writer import Request, new_seed, stream

__all__ = [
    "Engine",
    "Request",
    "Sampling",
    "State",
    "Suggestion",
    "draw",
    "new_seed",
    "probabilities",
    "stream",
    "suggest",
]
