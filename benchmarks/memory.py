"""Peak memory of preparing and training on a 1 GB text, against a 1 MB one.

python -m benchmarks.memory
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import charloom
from benchmarks.machine import describe

MINUTES = "0.5"


def make_text(path: Path, size: int) -> None:
    """A text of `size` bytes: the play over and over, each copy numbered."""
    play = charloom.sample("othello")
    with path.open("w", encoding="utf-8") as file:
        written = number = 0
        while written < size:
            copy = f"Copy {number}\n{play}"[: size - written]
            file.write(copy)
            written += len(copy)
            number += 1


def measure(text: Path, folder: Path) -> tuple[float, float, float]:
    """Peak resident megabytes, seconds in all, and seconds outside the training itself."""
    command = [sys.executable, "-m", "benchmarks.memory", "--child", str(text), str(folder)]
    begun = time.perf_counter()
    result = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "CHARLOOM_CACHE": str(folder / "cache")},
    )
    spent = time.perf_counter() - begun
    data = json.loads(result.stdout)
    return data["peak_mb"], spent, spent - data["seconds"]


def child(text: str, folder: str) -> None:
    """In a process of its own: train, and say how much memory it took."""
    model = charloom.train(text, Path(folder) / "model", minutes=float(MINUTES), overwrite=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak_mb": peak, "seconds": model.scores["seconds"]}))


def main() -> list[str]:
    """Returns the lines of a table."""
    rows = ["| text | peak memory | seconds besides training |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, size in (("1 MB", 10**6), ("1 GB", 10**9)):
            text = folder / f"{size}.txt"
            make_text(text, size)
            for run in ("first run", "second run"):
                peak, _, other = measure(text, folder)
                rows.append(f"| {label}, {run} | {peak:,.0f} MB | {other:.0f} |")
                print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        print(describe())
        main()
