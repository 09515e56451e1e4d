"""`python -m charloom.studio.worker RUN`: one training, in a process of its own.

It tells what happens in events.jsonl and holds worker.lock as long as it lives, so a studio
that is started later knows of it; worker.json says whom to ask to stop.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import filelock

from charloom.language_model import load
from charloom.text import CharloomError, StorageError
from charloom.training import Interrupted, ModelFolder, resume, train

from .events import FILE_NAME as EVENTS
from .events import EventWriter
from .store import read_json, write_json

LOCK, WORKER = "worker.lock", "worker.json"
ADVICE = re.compile(r" \([^()]*--[^()]*\)")  # on the command line
WAIT = 10.0  # seconds in which a studio that looks whether the lock is held lets go of it


def lock_of(run: Path) -> filelock.FileLock:
    """The lock that a run's process holds as long as it lives."""
    return filelock.FileLock(run / LOCK, thread_local=False)


def work(path: Path) -> None:
    """Train what run.json says, or go on with it; whatever comes of it is told in the events."""
    run = read_json(path / "run.json") or {}
    folder = ModelFolder(path / "model")
    goes_on = folder.checkpoint.exists()
    observer = _Teller(path / EVENTS, run)
    observer.tell("begin", at=time.time(), resumed=goes_on)
    try:
        if goes_on:
            _go_on(folder, observer)
            return
        if not folder.model.exists():  # what a killed run left before it had anything to keep
            shutil.rmtree(folder.path, ignore_errors=True)
        train(run["path"], folder.path, minutes=run["minutes"], observer=observer)
    except Interrupted:
        observer.tell("stopped")
    except CharloomError as error:
        observer.tell("error", text=_in_words(error, run))
    except Exception as error:
        memory = isinstance(error, MemoryError) or "memory" in str(error).lower()
        why = "there is not enough memory" if memory else f"{type(error).__name__}: {error}"
        observer.tell("error", text=f"The training ended, as {why}; log.txt in {path} has more.")
        raise


class _Teller(EventWriter):
    """Tells a run's events, as people read them who never saw a path or an option."""

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        super().__init__(path, float(run.get("minutes", 2)))
        self.run = run

    def note(self, message: str) -> None:
        super().note(ADVICE.sub("", _named(message, self.run)))


def _go_on(folder: ModelFolder, observer: EventWriter) -> None:
    from charloom.training.checkpoint import load_checkpoint

    # It was trained to its end, and killed while the yardsticks were computed.
    if load_checkpoint(folder.checkpoint).settings["finished"]:
        observer.finish(load(folder.path).scores)
        return
    resume(folder.path, observer=observer)


def _in_words(error: CharloomError, run: dict[str, Any]) -> str:
    """An error's sentence, with the name that was given to the text in place of its path."""
    if isinstance(error, StorageError):
        return str(error)
    return _named(str(error), run)


def _named(text: str, run: dict[str, Any]) -> str:
    return text.replace(str(run.get("path")), str(run.get("name")))


def main() -> None:
    path = Path(sys.argv[1])
    with lock_of(path).acquire(timeout=WAIT):
        write_json(path / WORKER, {"pid": os.getpid()})
        try:
            work(path)
        finally:
            (path / WORKER).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
