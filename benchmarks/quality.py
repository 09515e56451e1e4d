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
from dataclasses import replace
from pathlib import Path

import numpy as np

import charloom
from benchmarks.machine import describe
from charloom import LanguageModel
from charloom.memory import Gate, Memory
from charloom.scoring import nats_by_character, score_with_memory
from charloom.writing import Engine


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
        written = text.read_text("utf-8")
        held_out = written[round(0.9 * len(written)) :]
        alone, together = static_nats(model, held_out)
        # The model's own gate was fitted on this very part.
        unfitted = LanguageModel(replace(model.data, gate=Gate()))
        adaptive = charloom.score_adaptively(unfitted, held_out).adaptive_nats_per_character
        rows.append(
            f"| {limit:g} | {together:.4f} | {together / math.log(2):.3f} | {alone:.4f} "
            f"| {adaptive:.4f} | {scores['characters_per_second']:,.0f} | {scores['epochs']:.1f} |"
        )
        print(rows[-1], flush=True)
        print(
            f"  on {len(held_out):,} characters; in bits, an order-5 n-gram "
            f"{scores['ngram_bits_per_character']:.3f}, xz {scores['xz_bits_per_character']:.3f}, "
            f"on the first {scores['validation_characters']:,}"
        )
    return rows


def static_nats(model: LanguageModel, held_out: str) -> tuple[float, float]:
    """Nats per character of the network alone, and with the memory.

    Training scores as much as its time allows; this is all of it, in the same way: each half
    under a gate that was fitted on the other.
    """
    data = model.data
    assert data.memory is not None
    ids, _ = data.vocabulary.encode(held_out)
    opening = np.array(data.opening)
    engine = Engine(data.shape, data.weights)
    memory = Memory(data.memory, data.vocabulary.size)
    together, _ = score_with_memory(engine, memory, ids, opening)
    return nats_by_character(engine, ids, opening).mean(), together.mean()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(describe())
    given = [float(minutes) for minutes in sys.argv[2:]]
    print("\n".join(main(Path(sys.argv[1]), given or (1.8, 10.0))))
