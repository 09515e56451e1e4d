"""What both sides of a comparison are given, and what each gives back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from charloom.model import write_atomically

Name = Literal["tutorial", "charloom"]

# In the comparison's folder; results are NAME.json.
TEXT, TRAINING, TASK = "text.txt", "training.txt", "task.json"
HELD_OUT = 0.1  # the share of the text that both are scored on


@dataclass(frozen=True)
class Task:
    """One comparison.

    Args:
        minutes: how long each side trains.
        split: characters before it train, those from it on are held out.
        scored: how many of those held out are scored.
        prompt: what both go on from.
        seed: fixes all chance.
    """

    minutes: float
    split: int
    scored: int
    prompt: str
    seed: int


@dataclass(frozen=True)
class Point:
    """A look at a run: bits per character after so many seconds of training."""

    seconds: float
    epoch: float
    training_bits: float
    held_out_bits: float  # on some of what is scored in the end; for Charloom, on its own part


@dataclass(frozen=True)
class Side:
    """What one side came to.

    Attributes:
        bits_per_character: on the characters held out.
        seconds: of training.
        epochs: passes over the training part.
        trained_per_second: characters learned from; for the tutorial, windows.
        written_per_second: characters.
        peak_memory: of the whole process, in bytes; None where the system does not say.
        text: what it wrote after the prompt.
        curve: its training.
    """

    name: Name
    bits_per_character: float
    seconds: float
    epochs: float
    trained_per_second: float
    written_per_second: float
    peak_memory: int | None
    text: str
    curve: tuple[Point, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Side:
        return cls(**{**data, "curve": tuple(Point(**point) for point in data["curve"])})


def write_json(path: Path, data: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(data).encode("utf-8"))


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))
