"""Where one process ends: training with two, and preparing a large folder, in one run.

python -m benchmarks.scale TEXT [GIGABYTES]

TEXT is tiny Shakespeare, as for the others; the folder is made of copies of it, each a little
different, and removed again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe
from charloom.model import NetworkShape

UNITS = 512
MINUTES = 0.5
FILES = 64
# Each process on a core of its own, with one thread: so two have twice what one has.
PINNED = """
import os
core = sorted(os.sched_getaffinity(0))[int(os.environ.get("LOCAL_RANK", "0"))]
os.sched_setaffinity(0, {core})
from charloom.cli import main
main()
"""


def trained(text: Path, processes: int, folder: Path) -> float:
    """Characters a second of all processes together."""
    script = folder / "pinned.py"
    script.write_text(PINNED)
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    options = ["--units", str(UNITS), "--minutes", str(MINUTES), "--no-memory", "--json"]
    command = [
        *start,
        str(script),
        "train",
        str(text),
        "-o",
        str(folder / str(processes)),
        *options,
    ]
    result = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    line = next(line for line in result.stdout.splitlines() if line.startswith("{"))
    return float(json.loads(line)["characters_per_second"])


def main(text: Path, gigabytes: float = 1.0) -> list[str]:
    """Both parts; returns the lines of their tables."""
    with tempfile.TemporaryDirectory() as name:
        one, two = (trained(text, count, Path(name)) for count in (1, 2))
    rows = ["| processes, each on a core | characters/s | times one |", "|---|---|---|"]
    rows += [f"| {n} | {speed:,.0f} | {speed / one:.2f} |" for n, speed in ((1, one), (2, two))]
    symbols = len(set(text.read_text("utf-8"))) + 1
    size = 4 * NetworkShape(symbols, UNITS).parameters
    rows += [
        "",
        f"Gradients of {size / 1e6:.1f} MB go to the other process and back in every step.",
    ]
    rows += ["", *prepared(text, gigabytes)]
    print("\n".join(rows), flush=True)
    return rows


def prepared(text: Path, gigabytes: float) -> list[str]:
    """How fast a folder is prepared, beside hashing it."""
    data = text.read_bytes()
    copies = round(gigabytes * 1e9 / FILES / len(data))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "texts"
        folder.mkdir()
        for number in range(FILES):
            content = b"".join(b"%d %d\n" % (number, copy) + data for copy in range(copies))
            (folder / f"{number:02}.txt").write_bytes(content)
        size = sum(path.stat().st_size for path in folder.iterdir())
        rates = {"`cat FILES \\| sha256sum`": size / _seconds(f"cat {folder}/* | sha256sum")}
        for processes in (1, 2):
            code = (
                "import charloom.text.corpus as c, sys;"
                f"c.processes_for = lambda sources: {processes};"
                "c.prepare([sys.argv[1]])"
            )
            cache = Path(name) / f"cache-{processes}"
            command = f'CHARLOOM_CACHE={cache} "{sys.executable}" -c "{code}" {folder}'
            rates[f"Charloom, {processes} process{'es' if processes > 1 else ''}"] = (
                size / _seconds(command)
            )
            shutil.rmtree(cache)
    hashed = next(iter(rates.values()))
    rows = [f"| a folder of {size / 1e9:.2f} GB | MB/s | of hashing |", "|---|---|---|"]
    rows += [
        f"| {what} | {rate / 1e6:,.0f} | {rate / hashed:.0%} |" for what, rate in rates.items()
    ]
    return rows


def _seconds(command: str) -> float:
    os.sync()  # nobody waits for what another wrote
    begun = time.perf_counter()
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(describe())
    main(Path(sys.argv[1]), *map(float, sys.argv[2:]))
