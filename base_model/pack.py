"""Make the trained base model what ships: python -m base_model.pack FOLDER

Half precision, and a card that says what it learned from, how long, and how well.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from charloom.model import ModelData, load_base, load_model, save_model
from charloom.model.base import FOLDER
from charloom.training.start import BASE

from .prepare import SEED


def main(folder: Path) -> None:
    trained = load_model(folder / "model")
    texts = json.loads((folder / "texts.json").read_text())
    weights = {name: array.astype(np.float16) for name, array in trained.weights.items()}
    FOLDER.mkdir(exist_ok=True)
    training = {"runs": [*_earlier_runs(trained), _run(trained)]}
    packed = replace(
        trained, weights=weights, text={"name": "base", "sources": texts}, training=training
    )
    save_model(FOLDER / "model.safetensors", packed)
    (FOLDER / "README.md").write_text(_card(packed, texts, folder / "model" / "history.csv"))
    print(f"{FOLDER}: {(FOLDER / 'model.safetensors').stat().st_size:,} bytes")


def _run(trained: ModelData) -> dict[str, Any]:
    """What one run of training did."""
    keep = ("learning_rate", "batch", "steps", "dropout", "minutes", "seed")
    scores = trained.scores
    return {
        **{name: trained.training[name] for name in keep},
        "seconds": round(scores["seconds"]),
        "epochs": round(scores["epochs"], 3),
        "validation_bits_per_character": scores["validation_bits_per_character"],
    }


def _earlier_runs(trained: ModelData) -> list[dict[str, Any]]:
    """The runs of the base model that this one went on from."""
    if trained.training["start"] != BASE:
        return []
    shipped = load_base()
    if "runs" in shipped.training:
        return list(shipped.training["runs"])
    return [_run(shipped)]


def _card(packed: ModelData, texts: dict[str, Any], history: Path) -> str:
    shape, scores, training = packed.shape, packed.scores, packed.training
    rows = history.read_text().splitlines()
    curve = rows[1 :: max(1, len(rows) // 12)]
    lines = [
        "# The base model",
        "",
        "It has read public-domain English, byte by byte, so that a small text need not teach",
        "a network to read from nothing. `make base-model` makes it. Shakespeare, Moby Dick and",
        "Milton are in no part of it.",
        "",
        "## Texts",
        "",
        "| text | characters | documents | SHA-256 of the package's file |",
        "|---|---|---|---|",
        *(
            f"| {name} | {facts['characters']:,} | {facts['documents']:,} | `{facts['sha256']}` |"
            for name, facts in texts.items()
            if isinstance(facts, dict)
        ),
        "",
        f"Mixed and dressed in many layouts with seed {SEED} (`base_model/styles.py`).",
        "",
        "## Network and training",
        "",
        f"- {shape.layers} LSTM layer of {shape.units} units, {shape.parameters:,} parameters, "
        "kept in half precision",
        f"- {scores['validation_bits_per_character']:.3f} bits per character on "
        f"{scores['validation_characters']:,} characters of the same sources that it never saw",
        "- one run after another, each from the weights of the one before:",
        "",
        "| learning rate | batch | steps | dropout | seed | seconds | passes | validation |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {run['learning_rate']:g} | {run['batch']} | {run['steps']} | {run['dropout']:g} "
            f"| {run['seed']} | {run['seconds']:,} | {run['epochs']:.2f} "
            f"| {run['validation_bits_per_character']:.3f} |"
            for run in training["runs"]
        ),
        "",
        "The last run's curve:",
        "",
        "| seconds | training, bits per character | validation |",
        "|---|---|---|",
        *("| {2} | {3} | {4} |".format(*row.split(",")) for row in curve),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
