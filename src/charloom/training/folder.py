"""A model's folder: what is in it, who may write to it, and keeping it whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from charloom.model import FILE_NAME, write_atomically
from charloom.text import ModelError, writing_to

from .checkpoint import FILE_NAME as CHECKPOINT

LOCK = "lock"
TEMPORARY = ".*.writing"  # what `write_atomically` calls a file until it is whole


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
        if self.model.exists() or self.checkpoint.exists():
            if overwrite:
                return
            raise ModelError(
                f"{self.path} holds a model already; choose another name with -o, "
                f"go on training it with --resume {self.path}, or replace it with --overwrite."
            )
        # A README.md or training/ here would be somebody's own: nothing is taken for ours
        # but the lock of a run that ended before it had anything to keep.
        lock = self.training / LOCK
        others = [p for p in sorted(self.path.rglob("*")) if p not in (self.training, lock)]
        if others:
            raise ModelError(
                f"{self.path} is a folder with other things in it ({others[0].name}); "
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
            lock = filelock.FileLock(self.training / LOCK)
            try:
                lock.acquire(blocking=False)
            except filelock.Timeout:
                raise ModelError(
                    f"{self.path} is being trained by another run; wait for it, or choose "
                    "another name with -o."
                ) from None
        try:
            self._sweep()
            yield
        finally:
            lock.release()
            if not (self.model.exists() or self.checkpoint.exists()):
                self._remove_if_empty()

    def forget_checkpoint(self) -> None:
        """Remove that of a run which is overwritten: nothing may go on with it from now on."""
        with writing_to(self.path):
            self.checkpoint.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what a killed run left half written: nobody else writes here now."""
        for folder in (self.path, self.training):
            for path in folder.glob(TEMPORARY):
                path.unlink(missing_ok=True)

    def _remove_if_empty(self) -> None:
        """Leave nothing behind where a run ended before it had anything to keep."""
        with contextlib.suppress(OSError):  # rmdir refuses a folder with anything in it
            (self.training / LOCK).unlink(missing_ok=True)
            self.training.rmdir()
            self.path.rmdir()

    def write_text(self, path: Path, text: str) -> None:
        """Write one of the folder's files in one step."""
        write_atomically(path, text.encode("utf-8"))
