"""The network's shape, and the tensors that a network of that shape has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from charloom.text import MOST_LABELS, ModelError, SettingError

# Bounds that no sensible model passes, so that a damaged file cannot ask for more.
MOST_UNITS = 8192
MOST_LAYERS = 16
MOST_VOCABULARY = 1 << 17

Weights = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class NetworkShape:
    """Embedding, LSTM layers, dense layer: everything that fixes the tensors' shapes."""

    vocabulary: int
    units: int
    layers: int = 1
    embedding: int = 64
    labels: int = 0  # each with an embedding of its own, added to every character's

    def __post_init__(self) -> None:
        bounds = {
            "vocabulary": MOST_VOCABULARY,
            "units": MOST_UNITS,
            "layers": MOST_LAYERS,
            "embedding": 4096,
        }
        for name, most in bounds.items():
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise SettingError(f"{name} must be a whole number from 1 to {most}, not {value}.")
        if type(self.labels) is not int or not 0 <= self.labels <= MOST_LABELS:
            raise SettingError(f"There are at most {MOST_LABELS} labels, not {self.labels}.")

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Every tensor's name and shape, in the order the data flows through them."""
        shapes: dict[str, tuple[int, ...]] = {
            "embedding.embeddings": (self.vocabulary, self.embedding)
        }
        if self.labels:
            shapes["labels.embeddings"] = (self.labels, self.embedding)
        for layer in range(self.layers):
            inputs = self.embedding if layer == 0 else self.units
            shapes[f"lstm_{layer}.kernel"] = (inputs, 4 * self.units)
            shapes[f"lstm_{layer}.recurrent_kernel"] = (self.units, 4 * self.units)
            shapes[f"lstm_{layer}.bias"] = (4 * self.units,)
        shapes["dense.kernel"] = (self.units, self.vocabulary)
        shapes["dense.bias"] = (self.vocabulary,)
        return shapes

    @property
    def parameters(self) -> int:
        """The number of trained numbers."""
        return sum(int(np.prod(shape)) for shape in self.tensors().values())

    def to_dict(self) -> dict[str, int]:
        data = asdict(self)
        if not self.labels:  # as files had it before there were labels
            del data["labels"]
        return data

    @classmethod
    def from_dict(cls, data: Any) -> NetworkShape:
        """Read back what `to_dict` gave.

        Raises:
            ModelError: if it is anything else.
        """
        try:
            return cls(**data)
        except (TypeError, SettingError) as error:
            raise ModelError(
                f"The model's network description is damaged ({error}); get the file again."
            ) from None
