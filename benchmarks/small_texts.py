"""How well small texts are learned: bits for each byte of UTF-8 of a part held out.

python -m benchmarks.small_texts [--minutes 2] [--texts NAMES] [--sizes KILOBYTES]
                                 [--variants NAMES] [--resume]

Trains on the first bytes of a text (benchmarks/texts.py says which texts) and scores its
end, each run in a process of its own. The model reads the end once and learns nothing from
it; PPMd and xz do learn while they compress it. Every figure is appended to
build/benchmarks/small_texts.jsonl at once, and --resume does not measure again what is
there. All of it takes four hours.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import charloom
from benchmarks.machine import describe
from benchmarks.texts import TEXTS
from charloom.scoring import xz_bits

RESULTS = Path("build/benchmarks/small_texts.jsonl")
KILOBYTE = 1000
SIZES = (2, 10, 30, 100, 300)
PPMD_ORDERS = (5, 6)
TRAINED: dict[str, dict[str, Any]] = {  # variant: what it asks of `charloom.train`
    "nothing": {"start": "nothing", "memory": False},
    "tuned": {"start": "base", "memory": False},
    "memory": {"start": "nothing", "memory": True},
    "both": {"start": "base", "memory": True},
    "all": {},
}
HEADINGS = {  # variant: its column
    "nothing": "from nothing",
    "base": "base model, untouched",
    "tuned": "base model, trained on",
    "memory": "from nothing, memory",
    "both": "base model trained on, memory",
    "all": "the default",
    "ppmd": "PPMd",
    "xz": "xz",
}
Cell = dict[str, Any]


class _Notes(charloom.Observer):
    """Keeps what a run says of itself."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def child(variant: str, minutes: float, folder: Path) -> None:
    """In a process of its own: a model from FOLDER/text.txt, scored on FOLDER/test.txt."""
    test = (folder / "test.txt").read_bytes().decode()
    begun, notes = time.perf_counter(), _Notes()
    if variant == "base":
        model = charloom.base_model()
    else:
        model = charloom.train(
            folder / "text.txt",
            folder / "model",
            minutes=minutes,
            observer=notes,
            **TRAINED[variant],
        )
    seconds = time.perf_counter() - begun
    score = model.score(test)
    result = {
        "bits_per_byte": score.bits_per_byte,
        "unseen_characters": sum(score.unseen.values()),
        "seconds": seconds,
        "training": model.data.training,
        "scores": model.scores,
        "notes": notes.said,
    }
    print(json.dumps(result))


def learned(variant: str, minutes: float, training: str, test: str) -> Cell:
    """What a model makes of `test`, and what its training decided."""
    with tempfile.TemporaryDirectory() as name:
        for file, text in (("text.txt", training), ("test.txt", test)):
            (Path(name) / file).write_bytes(text.encode())
        command = [sys.executable, "-m", "benchmarks.small_texts"]
        command += ["--child", variant, f"{minutes:g}", name]
        # `benchmarks` has taken the settings that slow OpenBLAS down out of this already.
        own = {**os.environ, "CHARLOOM_CACHE": str(Path(name) / "cache")}
        result = subprocess.run(command, check=True, env=own, stdout=subprocess.PIPE, text=True)
        return json.loads(result.stdout.splitlines()[-1])


def compressed(variant: str, training: str, test: str) -> Cell:
    """The bytes by which `test` makes a compressed file of `training` larger."""
    begun = time.perf_counter()
    known, new = training.encode(), test.encode()
    cell: Cell = {}
    if variant == "xz":
        bits = xz_bits(known, new)
    else:
        by_order = {order: ppmd_bits(known, new, order) for order in PPMD_ORDERS}
        order, bits = min(by_order.items(), key=lambda item: item[1])
        cell = {"order": order}
    return {
        "bits_per_byte": bits / len(new),
        "seconds": time.perf_counter() - begun,
        **cell,
    }


def ppmd_bits(known: bytes, new: bytes, order: int) -> int:
    """As `xz_bits`, for PPMd's variant I, which does a little better here than H."""
    import pyppmd

    sizes = [
        len(pyppmd.compress(data, max_order=order, mem_size=1 << 26, variant="I"))
        for data in (known, known + new)
    ]
    return 8 * (sizes[1] - sizes[0])


def measure(variant: str, minutes: float, training: str, test: str) -> Cell:
    """One cell of a table."""
    if variant in ("ppmd", "xz"):
        return compressed(variant, training, test)
    return learned(variant, minutes, training, test)


def key_of(text: str, size: int, variant: str, minutes: float) -> Cell:
    """What makes a cell another one; the minutes count only where something is trained."""
    limit = minutes if variant in TRAINED else None
    return {"text": text, "kilobytes": size, "variant": variant, "minutes": limit}


def kept() -> list[Cell]:
    """The cells that earlier runs finished."""
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text("utf-8").splitlines()]


def keep(cell: Cell) -> None:
    """Append a cell to the file, and show it."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(cell) + "\n")
    decided = {**cell.get("training", {}), **{n: cell[n] for n in ("order",) if n in cell}}
    print(
        f"{cell['text']}, {cell['kilobytes']} KB, {cell['variant']}: "
        f"{cell['bits_per_byte']:.3f} bits per byte, {cell['seconds']:.1f} s"
        + (f"; {json.dumps(decided)}" if decided else ""),
        flush=True,
    )


def table(
    text: str, cells: Sequence[Cell], sizes: Sequence[int], variants: Sequence[str]
) -> list[str]:
    """The lines of a text's table."""
    found = {(c["kilobytes"], c["variant"]): f"{c['bits_per_byte']:.3f}" for c in cells}
    test = len(TEXTS[text].test_part().encode())
    rows = [f"### {text}, {test:,} bytes held out", ""]
    rows.append(f"| training text | {' | '.join(HEADINGS[v] for v in variants)} |")
    rows.append("|---" * (1 + len(variants)) + "|")
    for size in sizes:
        if TEXTS[text].training_part(size * KILOBYTE) is not None:
            figures = [found.get((size, variant), "failed") for variant in variants]
            rows.append(f"| {size} KB | {' | '.join(figures)} |")
    return rows


def main(
    minutes: float = 2.0,
    texts: Sequence[str] = tuple(TEXTS),
    sizes: Sequence[int] = SIZES,
    variants: Sequence[str] = tuple(HEADINGS),
    resume: bool = False,
) -> list[str]:
    """Measure what is not kept yet; returns the lines of all tables."""
    earlier = kept() if resume else []
    rows: list[str] = []
    for text in texts:
        cells: list[Cell] = []
        test = TEXTS[text].test_part()
        for size in sizes:
            training = TEXTS[text].training_part(size * KILOBYTE)
            if training is None:
                continue
            for variant in variants:
                key = key_of(text, size, variant, minutes)
                same = [cell for cell in earlier if {n: cell[n] for n in key} == key]
                if not same:
                    try:
                        same = [{**key, **measure(variant, minutes, training, test)}]
                    except subprocess.CalledProcessError:  # its message is on the screen
                        print(f"{text}, {size} KB, {variant}: failed", flush=True)
                        continue
                    keep(same[0])
                cells.append(same[-1])
        rows += [*table(text, cells, sizes, variants), ""]
    print("\n".join(["", *rows]), flush=True)
    return rows


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.small_texts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=2.0, help="for each training")
    for name, every in (("texts", TEXTS), ("sizes", SIZES), ("variants", HEADINGS)):
        names = ",".join(map(str, every))
        parser.add_argument(f"--{name}", default=names, help=f"some of {names}")
    parser.add_argument("--resume", action="store_true", help="measure only what is missing")
    options = parser.parse_args(arguments)
    options.texts, options.variants = options.texts.split(","), options.variants.split(",")
    options.sizes = [int(size) for size in options.sizes.split(",")]
    for chosen, known in ((options.texts, TEXTS), (options.variants, HEADINGS)):
        for name in chosen:
            if name not in known:
                parser.error(f"there is no {name}; there are {', '.join(known)}")
    return options


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]))
    else:
        options = vars(_options(sys.argv[1:]))
        print(describe())
        main(**options)
