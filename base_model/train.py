"""Train the base model: python -m base_model.train FOLDER [--minutes M] [--further]

FOLDER is what `base_model.prepare` made. A run that was stopped goes on where it was.
--further goes on from the base model that ships, with a fresh schedule.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import charloom
from charloom.cli.display import display
from charloom.model import load_base

MINUTES = 62.0
# 640 units see 40 million characters in an hour of two free cores, 20 for each weight.
# (The two hours that made the base that ships were shared with other work: each saw 16 million.)
NETWORK = {"vocabulary": "bytes", "units": 640}
TRAINING = {"batch": 32, "steps": 64, "dropout": 0.0, "learning_rate": 3e-3}
FURTHER = {**TRAINING, "start": "base", "learning_rate": 2e-3}
# An hour sees a part of the corpus; each run needs a seed of its own, which decides where in
# it the run begins, or it reads that part again.


def main(folder: Path, minutes: float, further: bool) -> None:
    model = folder / "model"
    if (model / "training" / "checkpoint.safetensors").exists():
        try:
            charloom.resume(model, observer=display())
            return
        except charloom.SettingError:  # that run is complete: this is another
            pass
    held_out = json.loads((folder / "texts.json").read_text())["held_out_share"]
    charloom.train(
        folder / "corpus.jsonl",
        model,
        field="text",
        minutes=minutes,
        validation=held_out,
        memory=False,
        overwrite=True,
        observer=display(),
        seed=len(load_base().training.get("runs", [0])) if further else 0,
        **(FURTHER if further else {**NETWORK, **TRAINING}),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--further", action="store_true")
    options = parser.parse_args()
    main(options.folder, options.minutes, options.further)
