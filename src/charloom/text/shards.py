"""Many files prepared side by side: each becomes a shard, and all shards one corpus.

A shard holds one file's symbols, numbered as they first occur in it; with its neighbours' tables
the numbers of the whole corpus follow, and they are the same that one process gives in one pass.
Shards stay until the corpus is whole: a preparation that was killed goes on with those it has.

Workers are processes of this module's own, which do `work` and take tasks as lines of JSON: so a
program that calls `charloom.train` needs no guard against being run again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from . import errors
from .errors import CharloomError, StorageError
from .numbering import BATCH, MOST_SYMBOLS, NUMBERS, number_texts
from .sources import Reading, Source, Survey, pieces, survey
from .vocabulary import Kind

# Bytes in all from which more processes pay: starting one takes a third of a second.
LARGE = 50_000_000
Task = dict[str, Any]


def processes_for(sources: Sequence[Source]) -> int:
    """How many processes to read these files with; 1 is this one alone."""
    large = sum(source.stamp[0] for source in sources) >= LARGE
    return min(len(sources), os.cpu_count() or 1) if large else 1


def survey_all(sources: Sequence[Source], reading: Reading, processes: int) -> list[Survey]:
    """What one look through each file's bytes tells."""
    if processes == 1:
        return [survey(source, reading) for source in sources]
    tasks = [
        {"do": "survey", "source": _plain(source), "reading": asdict(reading)} for source in sources
    ]
    return [Survey(**found) for found in _done(tasks, processes)]


def build_shards(
    folder: Path,
    sources: Sequence[Source],
    surveys: Sequence[Survey],
    reading: Reading,
    kind: Kind,
    processes: int,
) -> list[Task]:
    """Write each file's shard, where it is not there yet; what is known of each."""
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [
        {
            "do": "number",
            "source": _plain(source),
            "encoding": seen.encoding,
            "reading": asdict(reading),
            "kind": kind,
            "folder": str(folder / f"{number:06}-{_key(seen, source)}"),
        }
        for number, (source, seen) in enumerate(zip(sources, surveys, strict=True))
    ]
    return _done(tasks, processes)


def join_shards(shards: Sequence[Task], path: Path, processes: int) -> Task | None:
    """Put shards together as one file of numbers.

    Returns:
        what is known of the corpus; None where it has more symbols than two bytes can number.
    """
    symbols = list(dict.fromkeys(symbol for shard in shards for symbol in shard["symbols"]))
    if len(symbols) >= MOST_SYMBOLS:
        return None
    dtype = np.dtype(np.uint8 if len(symbols) <= 256 else np.uint16)
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    sizes = [shard["length"] for shard in shards]
    starts = np.cumsum([0, *sizes[:-1]]).tolist()
    with path.open("wb") as file:
        file.truncate(sum(sizes) * dtype.itemsize)
    tasks = [
        {
            "do": "copy",
            "folder": shard["folder"],
            "dtype": shard["dtype"],
            "table": [numbers[symbol] for symbol in shard["symbols"]],
            "to": str(path),
            "to_dtype": dtype.name,
            "start": start * dtype.itemsize,
        }
        for shard, start in zip(shards, starts, strict=True)
    ]
    _done(tasks, processes)
    totals = {
        name: sum(shard[name] for shard in shards)
        for name in ("length", "characters", "texts", "undecodable")
    }
    return {"dtype": dtype.name, "symbols": symbols, **totals}


def _key(seen: Survey, source: Source) -> str:
    made_of = f"{source.suffix} {seen.encoding} {seen.sha256}"
    return hashlib.sha256(made_of.encode()).hexdigest()[:16]


def _plain(source: Source) -> Task:
    return {"path": str(source.path), "name": source.name, "folder": source.folder}


def _source(data: Task) -> Source:
    return Source(Path(data["path"]), data["name"], data["folder"])


def _done(tasks: list[Task], processes: int) -> list[Task]:
    """What workers make of tasks, in their order."""
    waiting: queue.SimpleQueue[tuple[int, Task]] = queue.SimpleQueue()
    # The largest first would end sooner, but the order of files is often that of the disk.
    for item in enumerate(tasks):
        waiting.put(item)
    found: list[Task] = [{} for _ in tasks]
    failures: list[CharloomError] = []
    threads = [
        threading.Thread(target=_employ, args=(waiting, found, failures)) for _ in range(processes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return found


def _employ(
    waiting: queue.SimpleQueue[tuple[int, Task]], found: list[Task], failures: list[CharloomError]
) -> None:
    """One worker's process, given task after task."""
    command = [sys.executable, "-P", "-c", "from charloom.text.shards import work; work()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        while not failures:
            try:
                number, task = waiting.get_nowait()
            except queue.Empty:
                break
            with contextlib.suppress(BrokenPipeError):
                worker.stdin.write(json.dumps(task).encode() + b"\n")
                worker.stdin.flush()
            line = worker.stdout.readline()
            answer = json.loads(line) if line else {"error": "CharloomError"}
            if "error" in answer:
                sentence = answer.get("message", "A process that read texts was killed; try again.")
                failures.append(getattr(errors, answer["error"])(sentence))
                break
            found[number] = answer
        worker.stdin.close()


def _survey(task: Task) -> Task:
    return asdict(survey(_source(task["source"]), Reading(**task["reading"])))


def _number(task: Task) -> Task:
    folder = Path(task["folder"])
    made = folder / "shard.json"
    if made.exists():
        found: Task = json.loads(made.read_text())
        # Shards do not wait for the disk: one that had not got there when the power went is short.
        size = found["length"] * np.dtype(found["dtype"]).itemsize
        if (folder / NUMBERS).stat().st_size == size:
            return found
        shutil.rmtree(folder)
    temporary = Path(tempfile.mkdtemp(prefix="shard-", dir=folder.parent))
    try:
        texts = pieces(_source(task["source"]), task["encoding"], Reading(**task["reading"]))
        facts = number_texts(texts, temporary / NUMBERS, task["kind"])
        found = {**facts, "folder": str(folder)}
        (temporary / "shard.json").write_text(json.dumps(found))
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return found


def _copy(task: Task) -> Task:
    dtype, to_dtype = np.dtype(task["dtype"]), np.dtype(task["to_dtype"])
    table = np.array(task["table"], to_dtype)
    in_bytes = dtype == to_dtype == np.uint8
    short = table.tobytes().ljust(256, b"\0")
    with open(Path(task["folder"]) / NUMBERS, "rb") as shard, open(task["to"], "r+b") as file:
        file.seek(task["start"])
        while part := shard.read(BATCH * dtype.itemsize):
            # Five times as fast as an array's table, and most text is such.
            if in_bytes:
                file.write(part.translate(short))
            else:
                file.write(table[np.frombuffer(part, dtype)].tobytes())
    return {}


_TASKS: dict[str, Callable[[Task], Task]] = {"survey": _survey, "number": _number, "copy": _copy}


def work() -> None:
    """Take tasks from standard input until it ends."""
    for line in sys.stdin:
        task = json.loads(line)
        try:
            answer = _TASKS[task["do"]](task)
        except CharloomError as error:
            answer = {"error": type(error).__name__, "message": str(error)}
        except OSError as error:
            sentence = f"The prepared text could not be written ({error.strerror or error})."
            answer = {"error": StorageError.__name__, "message": sentence}
        print(json.dumps(answer), flush=True)
