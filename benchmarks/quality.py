"""How well a text is learned in a given time: tiny Shakespeare, nanoGPT's split.

python -m benchmarks.quality TEXT [MINUTES ...]

TEXT is the 1,115,394 characters of tiny Shakespeare, which is not shipped; give the
path of your copy. The first 90 % trains, all of the last 10 % validates.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import charloom
from benchmarks.machine import describe


def main(text: str, minutes: list[float]) -> list[str]:
    """Train for each number of minutes; returns the lines of a table."""
    rows = ["| minutes | nats per character | bits per character | characters/s | epochs |"]
    rows.append("|---|---|---|---|---|")
    for limit in minutes:
        with tempfile.TemporaryDirectory() as folder:
            scores = charloom.train(text, Path(folder) / "model", minutes=limit).scores
        assert scores["seconds"] <= 60 * limit * 1.05
        rows.append(
            f"| {limit:g} | {scores['validation_nats_per_character']:.4f} "
            f"| {scores['validation_bits_per_character']:.3f} "
            f"| {scores['characters_per_second']:,.0f} | {scores['epochs']:.1f} |"
        )
        print(rows[-1], flush=True)
        print(
            f"  on {scores['validation_characters']:,} characters; in bits, an order-5 n-gram "
            f"{scores['ngram_bits_per_character']:.3f}, xz {scores['xz_bits_per_character']:.3f}"
        )
    return rows


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(describe())
    print("\n".join(main(sys.argv[1], [float(m) for m in sys.argv[2:]] or [1.8, 10])))
