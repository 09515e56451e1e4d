"""The studio's folder: what lies where, and keeping names that people give out of paths.

FOLDER/texts/ID/   text.txt as it was given, text.json what is known of it
FOLDER/runs/ID/    run.json, events.jsonl, log.txt, worker.json, and model/: a model's folder
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from pathlib import Path
from typing import Any, Literal

import filelock

from charloom.model import write_atomically
from charloom.text import ModelError, StorageError, writing_to

Kind = Literal["texts", "runs"]
ID = re.compile(r"[0-9a-f]{12}\Z")


class Missing(ModelError):  # noqa: N818 (like Interrupted)
    """What was asked for is not, or no longer, in the studio's folder."""


class Store:
    """The studio's folder; it is made when the first thing is kept.

    Args:
        path: where it is, or will be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock = filelock.FileLock(self.path / "studio.lock", thread_local=False)

    def open(self) -> None:
        """Take the folder, if it is there already.

        Raises:
            StorageError: if another studio has it, or it may not be written.
        """
        if self.path.exists() and not self.path.is_dir():
            raise StorageError(f"{self.path} is a file; give a folder for the studio.")
        if self.path.exists():
            self._take()

    def close(self) -> None:
        """Let others have the folder."""
        self._lock.release()

    def make(self, kind: Kind) -> tuple[str, Path]:
        """A new folder for a text or a run: its id, and where it is."""
        self._take()
        number = secrets.token_hex(6)
        path = self.path / kind / number
        with writing_to(path):
            path.mkdir(parents=True)
        return number, path

    def find(self, kind: Kind, number: str) -> Path:
        """The folder of a text or a run.

        Raises:
            Missing: if there is none.
        """
        path = self.path / kind / number
        if not (ID.match(number) and path.is_dir()):
            what = "text" if kind == "texts" else "model"
            raise Missing(f"This {what} is no longer in the studio; load the page again.")
        return path

    def numbers(self, kind: Kind) -> list[str]:
        """The ids of all texts or runs."""
        try:
            found = [path.name for path in (self.path / kind).iterdir()]
        except OSError:  # none yet
            return []
        return sorted(name for name in found if ID.match(name))

    def remove(self, path: Path) -> None:
        """Remove the folder of a text or a run: out of the way first, so never half of it."""
        grave = path.with_name(f"{path.name}.removed")
        with writing_to(path):
            path.rename(grave)
        shutil.rmtree(grave, ignore_errors=True)

    def _take(self) -> None:
        if self._lock.is_locked:
            return
        with writing_to(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(blocking=False)
            except filelock.Timeout:
                raise StorageError(
                    f"Another studio has {self.path} open; use that one, or give another folder."
                ) from None
        for grave in self.path.glob("*/*.removed"):
            shutil.rmtree(grave, ignore_errors=True)


def read_json(path: Path) -> dict[str, Any] | None:
    """A small file that the studio wrote; None where there is none, or none that is whole."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write such a file in one step."""
    write_atomically(path, json.dumps(data).encode("utf-8"))
