"""Writing speed beside the tutorial's `model.predict` loop, in one run.

python -m benchmarks.writing_speed [TEXT]

TEXT is a text to remember, as models do; by default Othello, which is shorter than most.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import charloom
from benchmarks.machine import bandwidth, describe
from charloom.language_model import LanguageModel
from charloom.memory import build_index
from charloom.model import ModelData, NetworkShape
from charloom.text import build_vocabulary

CHARACTERS = 65


def random_model(units: int) -> LanguageModel:
    """A model of tiny Shakespeare's size; speed does not depend on what the weights say."""
    counts = dict.fromkeys(range(40, 40 + CHARACTERS), 1)
    vocabulary = build_vocabulary(counts, "characters", False).vocabulary
    shape = NetworkShape(vocabulary.size, units)
    rng = np.random.default_rng(0)
    weights = {n: rng.normal(0, 0.1, s).astype(np.float32) for n, s in shape.tensors().items()}
    return LanguageModel(ModelData(shape, vocabulary, weights, (0,)))


def remembering(model: LanguageModel, text: str) -> LanguageModel:
    """The model with a memory of a text: its characters take the model's first ids."""
    symbols = sorted(set(text))
    numbers = {symbol: number % CHARACTERS for number, symbol in enumerate(symbols)}
    ids = np.array([numbers[symbol] for symbol in text])
    return LanguageModel(replace(model.data, memory=build_index(ids)))


def written(model: LanguageModel, length: int, count: int) -> float:
    """Characters a second in all; the best of three."""
    model.write(length=100, count=count)
    best = 0.0
    for seed in range(3):
        begun = time.perf_counter()
        texts = model.write(length=length, count=count, seed=seed)
        best = max(best, sum(map(len, texts)) / (time.perf_counter() - begun))
    return best


def tutorials_loop(units: int, characters: int) -> float:
    """The tutorial's loop: predict a window of 100 ids, take the argmax, slide by one."""
    from charloom.model.lstm import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((100, 1)),
            layers.LSTM(units),
            layers.Dropout(0.2),
            layers.Dense(CHARACTERS, activation="softmax"),
        ]
    )
    window = np.random.default_rng(0).integers(CHARACTERS, size=100).tolist()
    model.predict(np.zeros((1, 100, 1)), verbose=0)
    begun = time.perf_counter()
    for _ in range(characters):
        x = np.reshape(window, (1, 100, 1)) / CHARACTERS
        window.append(int(np.argmax(model.predict(x, verbose=0))))
        window = window[1:]
    return characters / (time.perf_counter() - begun)


def main(text: Path | None = None) -> list[str]:
    """Both, for the default size and 512 units; returns the lines of a table."""
    remembered = charloom.sample("othello") if text is None else text.read_text("utf-8")
    tutorial = tutorials_loop(256, 100)
    speed = bandwidth()
    rows = ["| | characters/s |", "|---|---|"]
    rows.append(f"| the tutorial's `model.predict` loop, 256 units, PyTorch | {tutorial:,.1f} |")
    for units in (320, 512):
        model = random_model(units)
        one, many = written(model, 8000, 1), written(model, 1000, 64)
        read = sum(layer.recurrent_HxG.nbytes for layer in model.engine.layers)
        bound = speed / (read + model.engine.dense_HxV.nbytes)
        rows += [
            f"| Charloom, {units} units, one stream | {one:,.0f} ({one / tutorial:,.0f} times) |",
            f"| bound by reading its weights once a character ({speed / 1e9:.0f} GB/s) "
            f"| {bound:,.0f} |",
            f"| Charloom, {units} units, `--count 64` | {many:,.0f} ({many / one:.1f} streams) |",
        ]
        model = remembering(model, remembered)
        slower, slower_many = written(model, 8000, 1), written(model, 1000, 64)
        rows += [
            f"| with a memory of {len(remembered):,} characters, {units} units, one stream "
            f"| {slower:,.0f} ({slower / one:.0%}) |",
            f"| with it, {units} units, `--count 64` "
            f"| {slower_many:,.0f} ({slower_many / many:.0%}) |",
        ]
    print("\n".join(rows), flush=True)
    return rows


if __name__ == "__main__":
    print(describe())
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
