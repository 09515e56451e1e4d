"""New text from a model, with NumPy alone: neither Keras nor PyTorch is imported."""

from .copying import remembered
from .engine import Engine, State
from .mixture import Mixture, engine_of
from .sampler import Sampling, draw, probabilities
from .suggestions import Suggestion, suggest
from .writer import Request, new_seed, stream

__all__ = [
    "Engine",
    "Mixture",
    "Request",
    "Sampling",
    "State",
    "Suggestion",
    "draw",
    "engine_of",
    "new_seed",
    "probabilities",
    "remembered",
    "stream",
    "suggest",
]
