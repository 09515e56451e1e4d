"""What a user may choose for a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from charloom.text import Kind, Reading, SettingError

from .plan import Plan, choose_plan


@dataclass(frozen=True)
class Settings:
    """What a user may choose for a training run; None leaves it to the plan."""

    minutes: float = 2.0
    validation: float = 0.1
    vocabulary: Kind | None = None
    start: str | None = None  # "base", "nothing", or a model's path; None decides by the text
    memory: bool = True
    keep_validation_out: bool = False
    reading: Reading = field(default_factory=Reading)
    units: int | None = None
    layers: int | None = None
    batch: int | None = None
    steps: int | None = None
    dropout: float | None = None
    learning_rate: float | None = None
    epochs: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.minutes) and 0 < self.minutes <= 60 * 24 * 365):
            raise SettingError(f"minutes must be a number over 0, not {self.minutes}.")
        if not 0 <= self.validation <= 0.9:
            raise SettingError(f"validation must be from 0 to 0.9, not {self.validation}.")
        if self.vocabulary not in (None, "characters", "bytes"):
            raise SettingError(
                f"vocabulary must be 'characters' or 'bytes', not {self.vocabulary!r}."
            )
        if self.start not in (None, "nothing") and (self.units or self.layers):
            raise SettingError(
                "A network to go on from has its own size: leave out units and layers, "
                "or start from nothing."
            )
        if type(self.seed) is not int or not 0 <= self.seed < 2**31:
            raise SettingError(f"seed must be a whole number from 0 on, not {self.seed}.")

    def plan(self, characters: int) -> Plan:
        """The plan for a text, with what the user chose in place of the table's."""
        chosen = {
            name: getattr(self, name)
            for name in ("units", "layers", "batch", "steps", "dropout", "learning_rate", "epochs")
            if getattr(self, name) is not None
        }
        return replace(choose_plan(characters, self.minutes), **chosen)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Settings:
        return cls(**{**data, "reading": Reading(**data["reading"])})
