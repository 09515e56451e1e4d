"""What a person sees while a model is trained: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

from charloom.training import Check, Observer, Progress

PLAIN_EVERY = 10.0  # seconds between lines where nothing can be redrawn
CHECK_EVERY = 4.0  # seconds between lines for checks: small texts have many
SAMPLE_EVERY = 8.0  # seconds between lines that the model writes


def display() -> Observer:
    """The display that fits where the output goes."""
    return LiveDisplay() if sys.stderr.isatty() else PlainDisplay()


class PlainDisplay(Observer):
    """A line for every check, and one in between where checks are far apart."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.last_check = self.last_sample = -SAMPLE_EVERY

    def say(self, line: str) -> None:
        with contextlib.suppress(OSError):  # whoever read the lines has left; training goes on
            print(line, file=sys.stderr, flush=True)

    def note(self, message: str) -> None:
        self.say(message)

    def step(self, progress: Progress) -> None:
        if time.monotonic() - self.last >= PLAIN_EVERY:
            self.last = time.monotonic()
            self.say(progress_line(progress))

    def check(self, check: Check, sample: str) -> None:
        self.last = time.monotonic()
        if check.seconds - self.last_check < CHECK_EVERY:
            return
        self.last_check = check.seconds
        self.say(check_line(check))
        if check.seconds - self.last_sample >= SAMPLE_EVERY:
            self.last_sample = check.seconds
            self.say(f"    {one_line(sample)}")

    def finish(self, scores: dict[str, Any]) -> None:
        for line in summary(scores):
            self.say(line)


class LiveDisplay(PlainDisplay):
    """A progress bar with figures that is redrawn in place, and lines above it."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self.console = Console(stderr=True, highlight=False)
        self.bar = Bar(
            BarColumn(bar_width=24), TextColumn("{task.description}"), console=self.console
        )
        self.task = self.bar.add_task("starting", total=1.0)

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, soft_wrap=True)

    def start(self, network: Any, progress: Progress) -> None:
        self.bar.start()

    def step(self, progress: Progress) -> None:
        self.bar.update(self.task, completed=progress.fraction, description=progress_line(progress))

    def close(self) -> None:
        self.bar.stop()


def progress_line(progress: Progress) -> str:
    """Where training stands, in one line."""
    minutes, seconds = divmod(int(progress.seconds_left or 0), 60)
    best = "" if progress.best_bits is None else f", validation {progress.best_bits:.3f}"
    return (
        f"training {progress.training_bits or 0:.3f}{best} bits per character, "
        f"{progress.characters_per_second:,.0f} characters/s, {minutes}:{seconds:02} left"
    )


def check_line(check: Check) -> str:
    """What a check found, in one line."""
    validation = (
        "" if check.validation_bits is None else f"validation {check.validation_bits:.3f}, "
    )
    return (
        f"{check.seconds:6.1f} s, epoch {check.epoch:.1f}: {validation}"
        f"training {check.training_bits:.3f} bits per character"
    )


def one_line(text: str) -> str:
    """A sample on one line, its line ends shown."""
    return "".join(c if c.isprintable() else ("⏎" if c == "\n" else " ") for c in text)


def summary(scores: dict[str, Any]) -> list[str]:
    """The end of a run in plain words."""
    lines = []
    bits = scores["validation_bits_per_character"]
    if bits is not None:
        lines.append(
            f"On {scores['validation_characters']:,} characters it never saw the model needs "
            f"{bits:.3f} bits per character."
        )
        for key, name in (("ngram", "an order-5 n-gram"), ("xz", "xz")):
            other = scores.get(f"{key}_bits_per_character")
            if other is not None:
                lines.append(f"  For the same characters {name} needs {other:.3f}.")
    lines.append(
        f"{scores['seconds']:.0f} s, {scores['epochs']:.1f} epochs, "
        f"{scores['characters_per_second']:,.0f} characters/s."
    )
    lines.append(f"The model is in {scores['model']}; write with: charloom write {scores['model']}")
    return lines
