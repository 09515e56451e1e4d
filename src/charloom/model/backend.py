"""Keras, on the PyTorch backend unless the user chose another.

The only place that imports Keras first: KERAS_BACKEND must be set before.
"""

from __future__ import annotations

import os
import warnings
from types import ModuleType

from charloom.text import SettingError


def import_keras() -> ModuleType:
    """Keras, with the backend chosen by KERAS_BACKEND or else PyTorch.

    Raises:
        SettingError: if there is no such backend here.
    """
    chosen = os.environ.setdefault("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        # Notices of libraries that Keras imports are no matter of the user's.
        warnings.simplefilter("ignore")
        try:
            import keras
        except (ImportError, ValueError) as error:
            raise SettingError(
                f"Keras cannot run on {chosen!r}, which KERAS_BACKEND names ({error}); "
                "install it, or choose torch, jax or tensorflow."
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
