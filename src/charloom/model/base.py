"""The base model that comes with Charloom: it can read already, and is tuned on small texts."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from .file import FILE_NAME, ModelData, load_model

FOLDER = Path(__file__).parents[1] / "base"
NAME = "base"  # as `--from base` calls it


@cache
def load_base() -> ModelData:
    """The base model. It knows bytes, so it can read and write anything.

    Raises:
        ModelError: if this installation lacks it, or it is damaged.
    """
    return load_model(FOLDER / FILE_NAME)
