"""The models while they are used: the last few stay loaded, and what was looked at in them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from charloom.language_model import LanguageModel, load
from charloom.scoring import Units
from charloom.text import ModelError

MOST_MODELS = 2  # kept loaded: one with a large memory takes 100 MB
MOST_READ = 2  # texts whose units are kept: 6,000 characters of 640 units are 15 MB
LONGEST_READ = 6_000  # characters of a text that are looked into: two seconds' work

Key = tuple[Any, ...]
T = TypeVar("T")


class _Recent:
    """The last few results of something that takes long, each made once."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept: OrderedDict[Key, Any] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], T]) -> T:
        with self.lock:
            if key not in self.kept:
                found = make()
                if len(self.kept) >= self.most:
                    self.kept.popitem(last=False)
                self.kept[key] = found
            self.kept.move_to_end(key)
            return self.kept[key]


class Models:
    """Loads models, and keeps the last few."""

    def __init__(self) -> None:
        self._models = _Recent(MOST_MODELS)
        self._units = _Recent(MOST_READ)

    def load(self, file: Path) -> LanguageModel:
        """A model by its file.

        Raises:
            ModelError: if it is not there yet, or damaged.
        """
        return self._models.get(self._key(file), lambda: load(file))

    def units(self, file: Path, text: str, label: str | None) -> Units:
        """What the units of a model hold over a text."""
        model = self.load(file)
        key = (*self._key(file), text, label)
        return self._units.get(key, lambda: model.units(text, label=label))

    @staticmethod
    def _key(file: Path) -> Key:
        try:
            return file, file.stat().st_mtime_ns  # a run that goes on writes it again
        except OSError:
            raise ModelError(
                "There is no model here yet: it is written when the training ends or is stopped."
            ) from None
