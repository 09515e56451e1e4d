"""A model's folder: what is in it, who may write to it, and keeping it whole."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from charloom.model import FILE_NAME, write_atomically
from charloom.text import ModelError, writing_to

from .checkpoint import FILE_NAME as CHECKPOINT

OWN_FILES = (FILE_NAME, "README.md", "history.csv", "curve.png")


class ModelFolder:
    """The folder of one model.

    Args:
        path: where it is, or will be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / FILE_NAME
        self.card = path / "README.md"
        self.history = path / "history.csv"
        self.curve = path / "curve.png"
        self.training = path / "training"
        self.checkpoint = self.training / CHECKPOINT

    def check_new(self, overwrite: bool) -> None:
        """Make sure that a new model may be put here.

        Raises:
            ModelError: if something is here already that must not be lost.
        """
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise ModelError(f"{self.path} is a file; choose another name with -o.")
        is_model = self.model.exists() or self.checkpoint.exists()
        if is_model and not overwrite:
            raise ModelError(
                f"{self.path} holds a model already; choose another name with -o, "
                f"go on training it with --resume {self.path}, or replace it with --overwrite."
            )
        others = [p.name for p in self.path.iterdir() if p.name not in (*OWN_FILES, "training")]
        if others and not is_model:
            raise ModelError(
                f"{self.path} is a folder with other things in it ({others[0]}); "
                "choose another name with -o."
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one run; make it if it is not there.

        Raises:
            ModelError: if another run holds it.
            StorageError: if it may not be written.
        """
        import filelock

        with writing_to(self.path):
            self.training.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.training / "lock")
            try:
                lock.acquire(blocking=False)
            except filelock.Timeout:
                raise ModelError(
                    f"{self.path} is being trained by another run; wait for it, or choose "
                    "another name with -o."
                ) from None
        try:
            yield
        finally:
            lock.release()

    def clear(self) -> None:
        """Remove an earlier model, which the user asked to overwrite."""
        with writing_to(self.path):
            for name in OWN_FILES:
                (self.path / name).unlink(missing_ok=True)
            self.checkpoint.unlink(missing_ok=True)

    def remove_if_empty(self) -> None:
        """Leave nothing behind where a run ended before anything was saved."""
        if self.path.is_dir() and not (self.model.exists() or self.checkpoint.exists()):
            kept = [p for p in self.path.iterdir() if p.name != "training"]
            if not kept:
                shutil.rmtree(self.path, ignore_errors=True)

    def write_text(self, path: Path, text: str) -> None:
        """Write one of the folder's files in one step."""
        write_atomically(path, text.encode("utf-8"))
