"""What a training tells: one JSON object a line, in a file that outlives whoever reads it.

Every line has a `kind`:

    begin     a process has begun: `at` (seconds since 1970), `resumed`
    note      `text`, a sentence
    start     the first step comes now: `seconds` spent in earlier processes
    yardsticks `scores`: what others need for the text held out, where that is known early
    progress  `seconds`, `fraction`, `left`, `training`, `best`, `speed`, `epoch`
    check     `seconds`, `epoch`, `training`, `validation`, `sample`
    finish    `scores`, as the model has them
    stopped   it was asked to stop, and all is kept
    error     `text`, a sentence: why it could not go on

Losses are in bits per character. What a killed process told after its last checkpoint is told
again by the next: a `start` takes back all that has more seconds.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from pathlib import Path
from typing import Any

from charloom.training import Check, Observer, Progress

FILE_NAME = "events.jsonl"
LAST = ("finish", "stopped", "error")  # kinds after which a process tells no more
TAIL = 1 << 16  # bytes in which the last line surely begins: that of `finish` has some hundreds


class EventWriter(Observer):
    """Tells a training's progress to a file.

    A full disk may lose a line here, and never stops the training.

    Args:
        path: the file; lines are added at its end.
        minutes: the training's time, by which the pauses between lines are chosen.
    """

    def __init__(self, path: Path, minutes: float) -> None:
        self.path = path
        self.pause = max(0.25, 60 * minutes / 1000)  # about a thousand lines a training
        self.last = -math.inf
        self._end_broken_line()

    def tell(self, kind: str, **data: Any) -> None:
        """Add a line."""
        line = json.dumps({"kind": kind, **_finite(data)})
        with contextlib.suppress(OSError), open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def note(self, message: str) -> None:
        self.tell("note", text=message)

    def start(self, network: Any, progress: Progress) -> None:
        self.tell("start", seconds=progress.seconds)

    def yardsticks(self, scores: dict[str, float]) -> None:
        self.tell("yardsticks", scores=scores)

    def step(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.last < self.pause:
            return
        self.last = now
        self.tell(
            "progress",
            seconds=progress.seconds,
            fraction=progress.fraction,
            left=progress.seconds_left,
            training=progress.training_bits,
            best=progress.best_bits,
            speed=progress.characters_per_second,
            epoch=progress.epoch,
        )

    def check(self, check: Check, sample: str) -> None:
        self.tell(
            "check",
            seconds=check.seconds,
            epoch=check.epoch,
            training=check.training_bits,
            validation=check.validation_bits,
            sample=sample,
        )

    def _end_broken_line(self) -> None:
        """A process that was killed while it told something may have left half a line."""
        with contextlib.suppress(OSError), open(self.path, "rb+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")

    def finish(self, scores: dict[str, Any]) -> None:
        # Where the model lies is no part of what it scored.
        self.tell("finish", scores={n: v for n, v in scores.items() if n != "model"})


def read_events(path: Path, start: int = 0) -> tuple[list[str], int]:
    """The whole lines from a place on, and the place after them.

    Args:
        path: the file; none is as an empty one.
        start: in bytes.
    """
    try:
        with open(path, "rb") as file:
            file.seek(start)
            data = file.read()
    except OSError:
        return [], start
    whole = data[: data.rfind(b"\n") + 1]
    lines = whole.decode("utf-8", "replace").splitlines()
    return [line for line in lines if _event(line)], start + len(whole)


def last_event(path: Path) -> dict[str, Any] | None:
    """The last line that is whole."""
    try:
        size = os.path.getsize(path)  # noqa: PTH202 (asked several times a second)
    except OSError:
        return None
    lines, _ = read_events(path, max(0, size - TAIL))
    return _event(lines[-1]) if lines else None


def _event(line: str) -> dict[str, Any] | None:
    """A line's object; None where a kill or a full disk left something else."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "kind" in found else None


def _finite(value: Any) -> Any:
    """The same without numbers that JSON does not know."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return value
