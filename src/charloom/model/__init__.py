"""The network and its file.

The network itself is in `charloom.model.network`, which imports Keras and is
therefore imported only where a model is trained.
"""

from .base import load_base
from .file import (
    FILE_NAME,
    ModelData,
    checked_tensors,
    load_model,
    model_file,
    model_name,
    opened,
    save_model,
    save_tensors,
    save_whole,
    write_atomically,
)
from .keras_weights import TutorialWeights, read_tutorial_weights
from .shape import NetworkShape, Weights
from .transfer import grown, transfer

__all__ = [
    "FILE_NAME",
    "ModelData",
    "NetworkShape",
    "TutorialWeights",
    "Weights",
    "checked_tensors",
    "grown",
    "load_base",
    "load_model",
    "model_file",
    "model_name",
    "opened",
    "read_tutorial_weights",
    "save_model",
    "save_tensors",
    "save_whole",
    "transfer",
    "write_atomically",
]
