"""`charloom.compare`: both sides one after the other, and what came of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from charloom.text import CharloomError, TextError, read_lowercase, writing_to
from charloom.training import SMALLEST_SPLIT, Interrupted, Settings, caught_signals

from .picture import save_picture
from .task import HELD_OUT, TASK, TEXT, Name, Side, Task, read_json, write_json

WINDOW = 100  # the tutorial's
MOST_SCORED = 20_000  # characters held out; the tutorial reads 100 for each of them
TOLD: dict[Name, str] = {
    "tutorial": "The tutorial's recipe, on Keras:",
    "charloom": "Charloom's own training:",
}


@dataclass(frozen=True)
class Comparison:
    """The tutorial's recipe and Charloom's own training on one text.

    Attributes:
        characters: of the text, in lower case.
        scored: how many of those held out both were scored on.
        minutes: what each was given.
        prompt: what both went on from.
        tutorial: the one side; its `bits_per_character`, `seconds`, `epochs`,
            `trained_per_second`, `written_per_second`, `peak_memory` in bytes, `text`
            and `curve`.
        charloom: the other, with the same.
    """

    characters: int
    scored: int
    minutes: float
    prompt: str
    tutorial: Side
    charloom: Side

    def table(self) -> str:
        """The figures, as a table of plain text."""
        sides = (self.tutorial, self.charloom)
        rows = [
            ["", "the tutorial", "Charloom"],
            ["held-out bits per character", *(f"{s.bits_per_character:.3f}" for s in sides)],
            ["seconds of training", *(f"{s.seconds:.0f}" for s in sides)],
            ["passes over the text", *(f"{s.epochs:.1f}" for s in sides)],
            ["characters trained a second", *(f"{s.trained_per_second:,.0f}" for s in sides)],
            ["characters written a second", *(f"{s.written_per_second:,.0f}" for s in sides)],
        ]
        memory = [s.peak_memory for s in sides if s.peak_memory is not None]
        if len(memory) == len(sides):
            rows.append(["peak memory, MB", *(f"{m / 1e6:,.0f}" for m in memory)])
        return "\n".join(f"{name:<29}{one:>13}{other:>13}" for name, one, other in rows)

    def to_dict(self) -> dict[str, Any]:
        """What `charloom compare --json` prints."""
        return asdict(self)

    def save_picture(self, path: str | Path) -> None:
        """Draw both runs as a PNG: bits per character against seconds.

        Raises:
            StorageError: if it cannot be written.
        """
        save_picture(Path(path), self.tutorial, self.charloom)


def compare(
    texts: str | Path | Iterable[str | Path],
    minutes: float = 2.0,
    *,
    seed: int = 0,
    encoding: str | None = None,
    field: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Train the tutorial's recipe and Charloom on the same text for the same time.

    Both get the text in lower case, as in the tutorial, less its last tenth, on which both
    are scored. Of its part Charloom holds out a tenth once more, to know when to stop.
    They run one after the other, each in a process of its own. The tutorial trains to
    the end of its time, and its clock stands still while it is scored; Charloom's deadline
    includes that.

    Args:
        texts: files, folders or globs; one or several.
        minutes: for each side.
        seed: fixes all chance but that of the clock.
        encoding, field: how texts are read; see `charloom compare --help`.
        say: told what happens meanwhile, in lines; figures go to standard error.

    Raises:
        TextError: if a text cannot be read, or is too small to hold a part out.
        SettingError: if minutes or seed are out of their range.
        StorageError: if the folder for temporary files cannot be written.
        CharloomError: if a side fails.
        Interrupted: if it was stopped; nothing is kept.
    """
    Settings(minutes=minutes, seed=seed)  # for its checks
    paths = [texts] if isinstance(texts, str | Path) else list(texts)
    text = read_lowercase(paths, encoding, field)
    split = int(len(text) * (1 - HELD_OUT))
    if split < SMALLEST_SPLIT or len(set(text[:split])) < 2:
        raise TextError(
            f"The text has {len(text):,} characters, {len(set(text))} of them different: too few "
            f"to compare on; give one with over {SMALLEST_SPLIT / (1 - HELD_OUT):,.0f}."
        )
    scored = min(len(text) - split, MOST_SCORED)
    prompt = text[split : split + WINDOW]
    say(
        f"{len(text):,} characters: {split:,} to train on, and the next {scored:,} to score; "
        f"{minutes:g} minutes for each side."
    )
    with (
        writing_to(Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix="charloom-compare-") as name,
    ):
        folder = Path(name)
        (folder / TEXT).write_bytes(text.encode("utf-8"))
        write_json(folder / TASK, asdict(Task(minutes, split, scored, prompt, seed)))
        say(TOLD["tutorial"])
        tutorial = _run("tutorial", folder, {})
        say(TOLD["charloom"])
        # KERAS_BACKEND is the tutorial's to choose; Charloom trains on one only.
        charloom = _run("charloom", folder, {"KERAS_BACKEND": "torch"})
    return Comparison(len(text), scored, minutes, prompt, tutorial, charloom)


def _run(name: Name, folder: Path, environment: dict[str, str]) -> Side:
    """One side, to its end.

    Raises:
        CharloomError: the error that ended it.
        Interrupted: if a signal came first.
    """
    # -P: a file of the user's called random.py is not to be taken for Python's.
    command = [sys.executable, "-P", "-m", "charloom.comparison.sides", name, str(folder)]
    # The prepared text is of use to nobody else, so it goes with the folder.
    own = {**os.environ, "CHARLOOM_CACHE": str(folder / "cache"), **environment}
    with caught_signals() as caught:
        with _ignored_interrupts():
            process = subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL)
        try:
            while not caught and process.poll() is None:
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            process.kill()
            process.wait()
    if caught:
        raise Interrupted("Stopped; a comparison keeps nothing before both sides end.", caught[0])
    result = folder / f"{name}.json"
    if process.returncode or not result.exists():
        raise CharloomError(
            f"The {name} side ended without a result (exit status {process.returncode}); "
            "perhaps memory ran out: close other programs, or give a smaller text."
        )
    data = read_json(result)
    if "error" in data:
        raise CharloomError(data["error"])
    return Side.from_dict(data)


@contextmanager
def _ignored_interrupts() -> Iterator[None]:
    """A process started in here leaves Ctrl-C, which a terminal sends to both, to this one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
