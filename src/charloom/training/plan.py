"""What a text's size and the time allow: network, batch and dropout, in one table."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from charloom.model.shape import MOST_LAYERS, MOST_UNITS
from charloom.text import SettingError

SMALLEST_SPLIT = 1000  # characters; a text this small has too little to hold any out


@dataclass(frozen=True)
class Plan:
    """How a network is trained.

    Args:
        units: of each LSTM layer.
        layers: the number of LSTM layers.
        batch: parallel streams that the text is cut into.
        steps: characters that gradients reach back over.
        dropout: the share of an LSTM layer's outputs dropped.
        learning_rate: Adam's, at its highest.
        epochs: passes over the text; None leaves it to the clock.
    """

    units: int
    layers: int
    batch: int
    steps: int
    dropout: float
    learning_rate: float
    epochs: int | None = None

    def __post_init__(self) -> None:
        _whole("units", self.units, 1, MOST_UNITS)
        _whole("layers", self.layers, 1, MOST_LAYERS)
        _whole("batch", self.batch, 1, 4096)
        _whole("steps", self.steps, 1, 4096)
        if self.epochs is not None:
            _whole("epochs", self.epochs, 1, 10**6)
        if not 0 <= self.dropout < 1:
            raise SettingError(f"dropout must be at least 0 and under 1, not {self.dropout}.")
        if not (math.isfinite(self.learning_rate) and 0 < self.learning_rate <= 1):
            raise SettingError(
                f"learning rate must be over 0 and at most 1, not {self.learning_rate}."
            )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _whole(name: str, value: int, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise SettingError(f"{name} must be a whole number from {least} to {most}, not {value}.")


# (characters at most, minutes at most, units, layers, batch, steps, dropout, learning rate)
_TABLE: tuple[tuple[float, float, int, int, int, int, float, float], ...] = (
    (5e3, math.inf, 128, 1, 4, 32, 0.5, 4e-3),
    (5e4, math.inf, 256, 1, 8, 64, 0.5, 4e-3),
    (4e5, math.inf, 384, 1, 16, 64, 0.4, 4e-3),
    (math.inf, 0.5, 256, 1, 16, 64, 0.0, 6e-3),
    (math.inf, 3, 320, 1, 16, 64, 0.0, 8e-3),
    (math.inf, math.inf, 512, 1, 32, 64, 0.2, 4e-3),
)


def choose_plan(characters: int, minutes: float) -> Plan:
    """The plan for a text of `characters` to train on for `minutes`."""
    for most, longest, units, layers, batch, steps, dropout, rate in _TABLE:
        if characters <= most and minutes <= longest:
            return Plan(units, layers, batch, steps, dropout, rate)
    raise AssertionError("the table's last row takes everything")


def fit_to_text(plan: Plan, ids: int) -> Plan:
    """The same plan with batch and steps cut down to what a text of `ids` can fill."""
    steps = min(plan.steps, max(1, (ids - 1) // 2))
    return replace(plan, steps=steps, batch=max(1, min(plan.batch, ids // (2 * steps))))


def warm_up_and_decay(progress: float) -> float:
    """The learning rate's share of its highest, as training goes from 0 to 1.

    Up over the first 2 %, then down in a straight line to nothing.
    """
    return max(0.0, min(1.0, progress / 0.02, 1.0 - progress))
