"""How well a text is learned in a given time: tiny Shakespeare, nanoGPT's split.

python -m benchmarks.quality TEXT [MINUTES ...]

TEXT is the 1,115,394 characters of tiny Shakespeare, which is not shipped; give the
path of your copy. The first 90 % trains, all of the last 10 % validates. The adaptive
figure is another thing: there the model learns from what it has scored.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import charloom
from benchmarks.machine import describe


def main(text: Path, minutes: Sequence[float] = (1.8, 10.0)) -> list[str]:
    """Train for each number of minutes; returns the lines of a table."""
    rows = [
        "| minutes | nats per character | bits per character | nats without the memory "
        "| adaptive, nats | characters/s | epochs |",
        "|---" * 7 + "|",
    ]
    for limit in minutes:
        with tempfile.TemporaryDirectory() as folder:
            model = charloom.train(
                text, Path(folder) / "model", minutes=limit, keep_validation_out=True
            )
        scores = model.scores
        assert scores["seconds"] <= 60 * limit * 1.05
        held_out = text.read_text("utf-8")[-scores["validation_characters"] :]
        adaptive = charloom.score_adaptively(model, held_out).adaptive_nats_per_character
        rows.append(
            f"| {limit:g} | {scores['validation_nats_per_character']:.4f} "
            f"| {scores['validation_bits_per_character']:.3f} "
            f"| {scores['network_bits_per_character'] * math.log(2):.4f} | {adaptive:.4f} "
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
    given = [float(minutes) for minutes in sys.argv[2:]]
    print("\n".join(main(Path(sys.argv[1]), given or (1.8, 10.0))))
