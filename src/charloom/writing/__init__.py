"""New text from a model, with NumPy alone: neither Keras nor PyTorch is imported."""

from .copying import remembered
from .engine import Engine, State
from .labels import SHOWN as SHOWN_LABELS
from .labels import Label, label_weights
from .mixture import Mixture, engine_of
from .sampler import Sampling, draw, probabilities
from .suggestions import Suggestion, suggest
from .watching import Written, watch
from .writer import Request, new_seed, stream

__all__ = [
    "SHOWN_LABELS",
    "Engine",
    "Label",
    "Mixture",
    "Request",
    "Sampling",
    "State",
    "Suggestion",
    "Written",
    "draw",
    "engine_of",
    "label_weights",
    "new_seed",
    "probabilities",
    "remembered",
    "stream",
    "suggest",
    "watch",
]
