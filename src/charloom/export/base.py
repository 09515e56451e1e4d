"""What every export begins with: the network alone, in the precision that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from charloom.model import ModelData
from charloom.text import SettingError, StorageError


@dataclass(frozen=True)
class Format:
    """A format that models are exported to.

    Args:
        write: makes it of a model, at a path that is free.
        suffix: what its path ends in.
    """

    write: Callable[[ModelData, Path, str], None]
    suffix: str


def network_alone(data: ModelData) -> ModelData:
    """The model without the memory of its text, and without its own path: to be given away.

    What it writes is what the network alone expects; the memory needs Charloom.
    """
    scores = {name: value for name, value in data.scores.items() if name != "model"}
    return replace(data, memory=None, remembered=(), scores=scores)


def embeddings_of(data: ModelData) -> np.ndarray:
    """The characters' embeddings; of a model with labels, under all of them evenly."""
    embeddings = data.weights["embedding.embeddings"]
    if not data.shape.labels:
        return embeddings
    labels = data.weights["labels.embeddings"].mean(axis=0, dtype=np.float32)
    return (embeddings.astype(np.float32) + labels).astype(embeddings.dtype)


def in_half(data: ModelData) -> ModelData:
    """The same with half-precision weights.

    Raises:
        SettingError: if a weight is too large for that.
    """
    largest = max(float(np.abs(array).max()) for array in data.weights.values())
    if largest > float(np.finfo(np.float16).max):
        raise SettingError(
            "A weight of this model is too large for half precision; leave --half out."
        )
    weights = {name: array.astype(np.float16) for name, array in data.weights.items()}
    return replace(data, weights=weights)


def check_free(path: Path, overwrite: bool) -> None:
    """Make sure that nothing is lost where an export goes.

    Raises:
        StorageError: if something is there.
    """
    if path.exists() and not overwrite:
        raise StorageError(f"{path} is there already; give --overwrite, or another --output.")
    if not path.absolute().parent.is_dir():
        raise StorageError(f"There is no folder {path.absolute().parent}; make it first.")
