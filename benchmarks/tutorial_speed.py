"""The tutorial's `fit`: our LSTM layer beside Keras' own on each of its backends, in turns.

python -m benchmarks.tutorial_speed

Each run is a process of its own. JAX and TensorFlow are measured where they are
installed; `make bench` sees to that.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys
import time

import numpy as np

from benchmarks.machine import describe

ROUNDS = 3
RUNS = {  # name: backend, layer
    "PyTorch, our layer": ("torch", "auto"),
    "PyTorch, our layer, float32": ("torch", "float32"),
    "PyTorch, Keras' own": ("torch", "stock"),
    "JAX, Keras' own": ("jax", "stock"),
    "TensorFlow, Keras' own": ("tensorflow", "stock"),
}


def child(layer: str) -> None:
    """In a process of its own: windows a second in `fit`, after an epoch to warm up."""
    import charloom
    from charloom import tutorial

    if layer == "stock":
        tutorial.LSTM = tutorial.keras.layers.LSTM
    else:
        tutorial.LSTM = functools.partial(tutorial.LSTM, compute=layer)
    text = charloom.sample("othello-monologue").lower()
    characters, to_id, _ = tutorial.alphabet(text)
    ids = np.array([to_id[c] for c in text])
    X, labels = tutorial.windows(ids, 100, len(characters))
    recipe = tutorial.Recipe()
    model = tutorial.build(recipe, len(characters))
    batches = tutorial.Batches(X, labels, len(characters), recipe.batch)
    tutorial.train(model, batches, 1, [], verbose=0)
    began, epochs = time.perf_counter(), 0
    while time.perf_counter() - began < 6:
        tutorial.train(model, batches, 1, [], verbose=0)
        epochs += 1
    print(json.dumps(epochs * len(X) / (time.perf_counter() - began)))


def measure(backend: str, layer: str) -> float:
    """One run's windows a second."""
    command = [sys.executable, "-m", "benchmarks.tutorial_speed", "--child", layer]
    own = {**os.environ, "KERAS_BACKEND": backend}
    result = subprocess.run(command, check=True, env=own, capture_output=True, text=True)
    return float(result.stdout.splitlines()[-1])


def main() -> list[str]:
    """All that can be run here; returns the lines of a table."""
    here = {n: run for n, run in RUNS.items() if importlib.util.find_spec(run[0])}
    rates = [{name: measure(*run) for name, run in here.items()} for _ in range(ROUNDS)]
    medians = {name: float(np.median([rate[name] for rate in rates])) for name in here}
    stock = medians["PyTorch, Keras' own"]
    rows = ["| backend and layer | windows/s | times stock PyTorch |", "|---|---|---|"]
    rows += [f"| {n} | {rate:,.0f} | {rate / stock:.1f} |" for n, rate in medians.items()]
    rows += [f"| {name} | not installed | |" for name in RUNS if name not in here]
    print("\n".join(rows), flush=True)
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
    else:
        print(describe())
        main()
