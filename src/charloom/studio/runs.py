"""The trainings: one at a time in a process of its own, the others in a queue.

All that is known of a run lies in its folder, so a studio that is started again, or was killed,
finds the trainings as they are by then:

    queued    run.json has the time since when it waits
    running   a process holds its lock
    finished, stopped, failed    the last of its events says so
    stopped   also where nothing says anything: the process was killed
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import filelock
from starlette.concurrency import run_in_threadpool

from charloom.model import FILE_NAME as MODEL
from charloom.model import load_model
from charloom.text import ModelError, SettingError, writing_to
from charloom.training import ModelFolder, Settings

from .events import FILE_NAME as EVENTS
from .events import EventWriter, last_event
from .store import Missing, Store, read_json, write_json
from .texts import Texts, clean_name, spool
from .worker import WORKER, lock_of

Status = Literal["queued", "running", "stopping", "finished", "stopped", "failed"]
MOST_MINUTES = 60 * 24 * 7
_STATUS: dict[str, Status] = {"finish": "finished", "error": "failed"}


class Runs:
    """The runs in a studio's folder, and the processes that train.

    Args:
        store: the studio's folder.
        texts: what they learn from.
    """

    def __init__(self, store: Store, texts: Texts) -> None:
        self.store, self.texts = store, texts
        self.list: list[dict[str, Any]] = []  # as of the last `tick`, the newest run first
        self.version = 0  # counts the changes of the list
        self._lock = threading.RLock()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping: set[str] = set()

    def begin(self, text: str, minutes: float, name: str = "") -> dict[str, Any]:
        """Queue a training on a text.

        Raises:
            Missing: if the text is gone.
            SettingError: if the minutes make no sense.
        """
        facts = self.texts.find(text)
        Settings(minutes=minutes)  # only for its check
        if minutes > MOST_MINUTES:
            raise SettingError(f"minutes must be {MOST_MINUTES:,} at most, not {minutes:g}.")
        with self._lock:
            number, path = self.store.make("runs")
            now = time.time()
            run = {
                "id": number,
                "name": clean_name(name, facts["name"]),
                "text": text,
                "path": str(self.texts.path(text)),
                "minutes": minutes,
                "created": now,
                "queued": now,
            }
            write_json(path / "run.json", run)
            self.tick()
            return self.find(number)

    async def add(self, name: str, chunks: AsyncIterator[bytes]) -> dict[str, Any]:
        """Take in a model file that was made elsewhere, as a run that is over.

        Raises:
            TooLarge: if it is larger than the page takes.
            ModelError: if it is no model.
            StorageError: if it cannot be kept.
        """
        name = clean_name(name.removesuffix(".safetensors"), "A model")
        number, path = await run_in_threadpool(self.store.make, "runs")
        file = path / "model" / MODEL
        try:
            file.parent.mkdir()
            await spool(name, file, chunks)
            data = await run_in_threadpool(load_model, file)
            EventWriter(path / EVENTS, 1).finish(data.scores)
            run = {"id": number, "name": name, "text": "", "minutes": 0, "created": time.time()}
            await run_in_threadpool(write_json, path / "run.json", run | {"queued": None})
        except BaseException as error:
            shutil.rmtree(path, ignore_errors=True)
            if isinstance(error, ModelError):
                raise ModelError(str(error).replace(str(file), name)) from None
            raise
        await run_in_threadpool(self.tick)
        return self.find(number)

    def find(self, number: str) -> dict[str, Any]:
        """What is known of a run.

        Raises:
            Missing: if it is not there.
        """
        path = self.store.find("runs", number)
        run = read_json(path / "run.json")
        if run is None:
            raise Missing("This model was never begun; load the page again.")
        return self._shown(path, run)

    def model(self, number: str) -> Path:
        """The model file of a run; it may not be there yet."""
        return self.store.find("runs", number) / "model" / MODEL

    def events(self, number: str) -> Path:
        """The file that a run's events are in."""
        return self.store.find("runs", number) / EVENTS

    def stop(self, number: str) -> dict[str, Any]:
        """Ask a training to stop and keep all; take it out of the queue if it waits."""
        with self._lock:
            path, run = self.store.find("runs", number), self.find(number)
            if run["status"] == "queued":
                self._update(path, queued=None)
            elif run["status"] == "running":
                self._stopping.add(number)
                self._signal(path, number)
            self.tick()
            return self.find(number)

    def resume(self, number: str) -> dict[str, Any]:
        """Queue a run that was stopped, killed or failed to go on where it was."""
        with self._lock:
            run = self.find(number)
            if run["status"] in ("stopped", "failed"):
                text = self.texts.path(run["text"])  # told now, where it is gone
                path = self.store.find("runs", number)
                self._update(path, queued=time.time(), path=str(text))
            self.tick()
            return self.find(number)

    def remove(self, number: str) -> None:
        """Remove a run with its model, and its text where no other run has that.

        Raises:
            SettingError: while it is trained.
        """
        with self._lock:
            path, run = self.store.find("runs", number), self.find(number)
            if run["status"] in ("running", "stopping"):
                raise SettingError(f"{run['name']} is being trained; stop it first.")
            self.store.remove(path)
            self.tick()
            if run["text"] and all(other["text"] != run["text"] for other in self.list):
                with contextlib.suppress(Missing):
                    self.texts.remove(run["text"])

    def check_unused(self, text: str) -> None:
        """Make sure that no run needs a text.

        Raises:
            SettingError: if one does.
        """
        with self._lock:
            self.tick()
            for run in self.list:
                if run["text"] == text:
                    raise SettingError(
                        f"The model {run['name']} was made from this text; delete that instead."
                    )

    def tick(self) -> None:
        """Look at all runs, and start the next where none is trained."""
        with self._lock:
            runs = self._all()
            waiting = sorted(
                (r for r in runs if r["status"] == "queued"), key=lambda r: r["queued"]
            )
            busy = any(run["status"] in ("running", "stopping") for run in runs)
            if waiting and not busy:
                self._start(waiting[0]["id"])
                runs = self._all()
            if runs != self.list:
                self.list, self.version = runs, self.version + 1

    def _all(self) -> list[dict[str, Any]]:
        found = []
        for number in self.store.numbers("runs"):
            path = self.store.path / "runs" / number
            run = read_json(path / "run.json")
            if run is not None:
                found.append(self._shown(path, run))
        return sorted(found, key=lambda run: -run["created"])

    def _shown(self, path: Path, run: dict[str, Any]) -> dict[str, Any]:
        """What the page is told of a run."""
        number = path.name
        alive = self._alive(path, number)
        if not alive:
            self._stopping.discard(number)
        last = last_event(path / EVENTS) or {}
        status: Status = _STATUS.get(last.get("kind", ""), "stopped")
        if alive:
            status = "stopping" if number in self._stopping else "running"
        elif run["queued"]:
            status = "queued"
        scores = last.get("scores", {}) if status == "finished" else {}
        return {
            **{name: value for name, value in run.items() if name != "path"},
            "id": number,
            "status": status,
            "error": last["text"] if status == "failed" else None,
            "bits": scores.get("validation_bits_per_character"),
            "has_model": (path / "model" / MODEL).exists(),
            "kept": ModelFolder(path / "model").checkpoint.exists(),
        }

    def _start(self, number: str) -> None:
        """Start the process that trains a run; it outlives this one."""
        path = self.store.path / "runs" / number
        self._update(path, queued=None)
        command = [sys.executable, "-m", "charloom.studio.worker", str(path)]
        with writing_to(path), (path / "log.txt").open("ab") as log:
            self._children[number] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at the studio is none at the training
            )

    def _alive(self, path: Path, number: str) -> bool:
        child = self._children.get(number)
        if child is not None:
            if child.poll() is None:
                return True
            del self._children[number]
        if not (path / WORKER).exists():
            return False
        try:
            lock_of(path).acquire(blocking=False).lock.release()
        except filelock.Timeout:
            return True
        (path / WORKER).unlink(missing_ok=True)  # it was killed
        return False

    def _signal(self, path: Path, number: str) -> None:
        child = self._children.get(number)
        worker = read_json(path / WORKER)
        if child is not None:
            child.terminate()
        elif worker is not None:  # started by an earlier studio; the lock says it lives
            os.kill(worker["pid"], signal.SIGTERM)

    def _update(self, run: Path, /, **changes: Any) -> None:
        write_json(run / "run.json", {**(read_json(run / "run.json") or {}), **changes})
