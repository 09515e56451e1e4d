"""All measurements, one after another: python -m benchmarks [TEXT]

TEXT is a copy of tiny Shakespeare, which is not shipped; see benchmarks/quality.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import (
    ablation,
    exports,
    memory,
    quality,
    scale,
    serve,
    small_texts,
    start_up,
    training_speed,
    tutorial_speed,
    writing_speed,
)
from benchmarks.machine import describe


def main(text: Path | None) -> None:
    """Run everything that can be run here."""
    print(describe())
    for part in (start_up, writing_speed):
        print(f"\n## {part.__name__}\n", flush=True)
        part.main(text)
    for part in (serve, exports, training_speed, tutorial_speed, memory, small_texts):
        print(f"\n## {part.__name__}\n", flush=True)
        part.main()
    for part in (quality, ablation, scale):
        print(f"\n## {part.__name__}\n", flush=True)
        if text is not None:
            part.main(text)
        else:
            print("Left out: give the path of tiny Shakespeare: make bench TEXT=input.txt")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
