"""Keras, on the PyTorch backend unless the user chose another.

The only place that imports Keras first: KERAS_BACKEND must be set before.
"""

from __future__ import annotations

import os
import warnings
from types import ModuleType

from charloom.text import SettingError

BACKENDS = ("torch", "jax", "tensorflow")  # those of Keras' that can train


def import_keras() -> ModuleType:
    """Keras, with the backend chosen by KERAS_BACKEND or else PyTorch.

    Raises:
        SettingError: if there is no such backend here.
    """
    chosen = os.environ.setdefault("KERAS_BACKEND", "torch")
    if chosen not in BACKENDS:
        raise SettingError(
            f"KERAS_BACKEND is {chosen!r}; choose {', '.join(BACKENDS)}, or unset it for torch."
        )
    with warnings.catch_warnings():
        # Notices of libraries that Keras imports are no matter of the user's.
        warnings.simplefilter("ignore")
        try:
            import keras
        except ImportError as error:
            raise SettingError(
                f"Keras cannot run on {chosen!r}, which KERAS_BACKEND names ({error}); "
                f"install it, or choose another of {', '.join(BACKENDS)}."
            ) from None
    return keras


def require_torch() -> ModuleType:
    """Keras on PyTorch, which training needs.

    Raises:
        SettingError: if KERAS_BACKEND names another backend.
    """
    chosen = os.environ.get("KERAS_BACKEND", "torch")
    if chosen != "torch":
        raise SettingError(
            f"Charloom trains on Keras' PyTorch backend, and KERAS_BACKEND is {chosen!r}; unset it."
        )
    return import_keras()
