"""From the start of the process: `charloom --help`, and one character written.

python -m benchmarks.start_up [TEXT]

TEXT is a text for the model to remember; by default Othello.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import charloom
from benchmarks.machine import describe
from benchmarks.writing_speed import random_model, remembering
from charloom.model import save_model

ROUNDS = 7


def seconds(*arguments: str) -> float:
    """The median wall time of `charloom ARGUMENTS`."""
    program = Path(sys.executable).with_name("charloom")
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        subprocess.run([program, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begun)
    return sorted(times)[ROUNDS // 2]


def main(text: Path | None = None) -> list[str]:
    """Returns the lines of a table."""
    remembered = charloom.sample("othello") if text is None else text.read_text("utf-8")
    rows = ["| command | seconds |", "|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        model = random_model(512)
        save_model(file, model.data)
        rows.append(f"| `charloom --help` | {seconds('--help'):.2f} |")
        rows.append(
            "| `charloom write MODEL --length 1`, 512 units "
            f"| {seconds('write', str(file), '--length', '1'):.2f} |"
        )
        save_model(file, remembering(model, remembered).data)
        rows.append(
            f"| the same with a memory of {len(remembered):,} characters "
            f"| {seconds('write', str(file), '--length', '1'):.2f} |"
        )
    print("\n".join(rows), flush=True)
    return rows


if __name__ == "__main__":
    print(describe())
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
