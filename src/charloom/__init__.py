"""Charloom learns how a text is written, character by character, and writes more of it.

    >>> import charloom
    >>> model = charloom.train("othello.txt", minutes=2)  # doctest: +SKIP
    >>> print(model.write("OTHELLO\\n"))                   # doctest: +SKIP

`import charloom` imports nothing else: each name is fetched when it is first used,
so that writing never waits for PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .comparison import Comparison, compare
    from .language_model import LanguageModel, base_model, load
    from .scoring import Follower, Originality, Passage, Score, Units
    from .text import (
        CharloomError,
        ModelError,
        SettingError,
        StorageError,
        TextError,
        sample,
    )
    from .training import (
        AdaptiveScore,
        Check,
        Interrupted,
        Observer,
        Progress,
        resume,
        score_adaptively,
        train,
    )
    from .writing import Sampling, Suggestion, Written

_HOMES = {
    "comparison": ("Comparison", "compare"),
    "language_model": ("LanguageModel", "base_model", "load"),
    "scoring": ("Follower", "Originality", "Passage", "Score", "Units"),
    "text": (
        "CharloomError",
        "ModelError",
        "SettingError",
        "StorageError",
        "TextError",
        "sample",
    ),
    "training": (
        "AdaptiveScore",
        "Check",
        "Interrupted",
        "Observer",
        "Progress",
        "resume",
        "score_adaptively",
        "train",
    ),
    "writing": ("Sampling", "Suggestion", "Written"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AdaptiveScore",
    "CharloomError",
    "Check",
    "Comparison",
    "Follower",
    "Interrupted",
    "LanguageModel",
    "ModelError",
    "Observer",
    "Originality",
    "Passage",
    "Progress",
    "Sampling",
    "Score",
    "SettingError",
    "StorageError",
    "Suggestion",
    "TextError",
    "Units",
    "Written",
    "base_model",
    "compare",
    "load",
    "resume",
    "sample",
    "score_adaptively",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'charloom' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"charloom.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
