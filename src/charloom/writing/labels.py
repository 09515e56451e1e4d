"""Which labels to write in the manner of, and how much of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from charloom.text import SettingError

SHOWN = 20  # labels that are named at most

Label = str | Mapping[str, float]


def label_weights(labels: Sequence[str], label: Label) -> np.ndarray:
    """How much of each label is meant, summing to 1; shape (L,).

    Args:
        labels: those that a model knows.
        label: a name, names with weights ("a=0.7,b=0.3"; a name without one counts as 1),
            or the weights by name.

    Raises:
        SettingError: if there is no such label, or a weight makes no sense.
    """
    if not labels:
        raise SettingError(
            "This model has no labels; train one that has with: "
            "charloom train TEXTS.jsonl --field TEXT --label FIELD"
        )
    parts = _parts(labels, label) if isinstance(label, str) else dict(label)
    numbers = {name: number for number, name in enumerate(labels)}
    weights_L = np.zeros(len(labels))
    for name, weight in parts.items():
        if name not in numbers:
            raise SettingError(f"The model has no label {name!r}; it has {listed(labels)}.")
        if not (math.isfinite(weight) and weight >= 0):
            raise SettingError(f"A label's weight must be a number from 0 on, not {weight}.")
        weights_L[numbers[name]] = weight
    if not weights_L.sum() > 0:
        raise SettingError("At least one label needs a weight over 0, as in: a=0.7,b=0.3")
    return weights_L / weights_L.sum()


def listed(labels: Sequence[str]) -> str:
    """Some labels for a message, and how many more there are."""
    shown = ", ".join(map(repr, labels[:SHOWN]))
    return shown + (f" and {len(labels) - SHOWN:,} more" if len(labels) > SHOWN else "")


def _parts(labels: Sequence[str], label: str) -> dict[str, float]:
    if label in labels:  # also one that has a comma in it
        return {label: 1.0}
    parts = {}
    for part in label.split(","):
        name, equals, weight = part.strip().rpartition("=")
        if not equals or part.strip() in labels:
            name, weight = part.strip(), "1"
        try:
            parts[name.strip()] = float(weight)
        except ValueError:
            raise SettingError(
                f"{part.strip()!r} is no label with a weight; give one such as {labels[0]}=0.7."
            ) from None
    return parts
