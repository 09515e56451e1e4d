"""Everything a training run needs to go on exactly, in one file written in one step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charloom.model import opened, save_tensors
from charloom.text import ModelError, SettingError

from .progress import Check, Progress

FORMAT = "charloom-training"
FORMAT_VERSION = "1"
FILE_NAME = "checkpoint.safetensors"
SAVE_EVERY = 30.0  # seconds between checkpoints


@dataclass
class Checkpoint:
    """A run's settings, its place, and its tensors.

    `tensors` are named by what they belong to: weights., best., optimizer., states.,
    seeds. and a number or name.
    """

    settings: dict[str, Any]
    progress: Progress
    tensors: dict[str, np.ndarray]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the one before it stays whole until this one is."""
    metadata = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "settings": json.dumps(checkpoint.settings),
        "progress": json.dumps(asdict(checkpoint.progress)),
    }
    save_tensors(path, checkpoint.tensors, metadata)


def check_checkpoint(path: Path) -> None:
    """Make sure that there is a checkpoint.

    Raises:
        ModelError: if there is none.
    """
    if not path.exists():
        raise ModelError(
            f"There is no training to go on with at {path.parent.parent}; "
            "start one with: charloom train TEXT"
        )


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        ModelError: if there is none, or it is damaged or of another version.
    """
    check_checkpoint(path)
    with opened(path) as tensors:
        metadata = tensors.metadata() or {}
        if (metadata.get("format"), metadata.get("format_version")) != (FORMAT, FORMAT_VERSION):
            raise ModelError(f"{path} is not a checkpoint that this Charloom can go on from.")
        try:
            settings = json.loads(metadata["settings"])
            data = json.loads(metadata["progress"])
            history = [Check(**check) for check in data.pop("history")]
            progress = Progress(**data, history=history)
        except (KeyError, ValueError, TypeError):
            raise ModelError(f"{path} is damaged; start the training again.") from None
        arrays = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
    return Checkpoint(settings, progress, arrays)


def check_unfinished(settings: dict[str, Any], model: Path) -> None:
    """Make sure that a checkpoint's run can be gone on with.

    Raises:
        SettingError: if it is complete.
    """
    if settings["finished"]:
        raise SettingError(
            f"The training of {model} is complete; start another with: charloom train TEXT"
        )


class Saver:
    """Calls `save` every SAVE_EVERY seconds, from `start` on."""

    def __init__(self, save: Callable[[], None]) -> None:
        self.save = save
        self.last = 0.0

    def start(self) -> None:
        self.last = time.monotonic()

    def now_and_then(self) -> None:
        if time.monotonic() - self.last >= SAVE_EVERY:
            self.save()
            self.last = time.monotonic()
