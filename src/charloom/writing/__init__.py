"""New text from a model, with NumPy alone: neither Keras nor PyTorch is imported."""

from .blocks import steady
from .copying import CopyLimit, remembered
from .engine import Engine, State, take_states
from .labels import SHOWN as SHOWN_LABELS
from .labels import Label, label_weights
from .mixture import Mixture, engine_of
from .sampler import Sampling, Samplings, draw, probabilities
from .suggestions import Suggestion, suggest
from .texts import Request, Text, allowed_ids, draw_next, writable_ids
from .watching import Written, watch
from .writer import new_seed, opening_ids, stream

__all__ = [
    "SHOWN_LABELS",
    "CopyLimit",
    "Engine",
    "Label",
    "Mixture",
    "Request",
    "Sampling",
    "Samplings",
    "State",
    "Suggestion",
    "Text",
    "Written",
    "allowed_ids",
    "draw",
    "draw_next",
    "engine_of",
    "label_weights",
    "new_seed",
    "opening_ids",
    "probabilities",
    "remembered",
    "steady",
    "stream",
    "suggest",
    "take_states",
    "watch",
    "writable_ids",
]
