"""On a GPU: how long tiny Shakespeare takes to nanoGPT's 1.4697 nats per character.

python -m benchmarks.gpu TEXT [MINUTES] [UNITS]

nanoGPT's README gives that loss after about three minutes on an A100. Static, without the
memory, on as much of nanoGPT's validation part as each check scores; the last line is all of it.
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path

import charloom
from benchmarks.machine import describe
from benchmarks.quality import static_nats

GOAL = 1.4697  # nats per character


class Watch(charloom.Observer):
    """Remembers when the goal was reached first."""

    def __init__(self) -> None:
        self.reached: float | None = None

    def check(self, check: charloom.Check, sample: str) -> None:
        nats = math.inf if check.validation_bits is None else check.validation_bits * math.log(2)
        print(f"{check.seconds:7.1f} s  {nats:.4f} nats", flush=True)
        if self.reached is None and nats <= GOAL:
            self.reached = check.seconds


def main(text: Path, minutes: float = 3.0, units: int = 1024) -> None:
    """Train, and say when the goal was reached."""
    import torch

    print(torch.cuda.get_device_name() if torch.cuda.is_available() else "PyTorch sees no GPU here")
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        model = charloom.train(
            text,
            Path(folder) / "model",
            minutes=minutes,
            units=units,
            batch=128,
            steps=128,
            dropout=0.3,
            start="nothing",
            keep_validation_out=True,
            observer=watch,
        )
    written = text.read_text("utf-8")
    alone, together = static_nats(model, written[round(0.9 * len(written)) :])
    reached = "not reached" if watch.reached is None else f"reached after {watch.reached:.0f} s"
    print(f"{GOAL} {reached}; at the end {alone:.4f}, with the memory {together:.4f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(describe())
    main(Path(sys.argv[1]), *map(float, sys.argv[2:3]), *map(int, sys.argv[3:4]))
