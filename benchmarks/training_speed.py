"""Training speed beside a bare PyTorch loop of the same shape and precision, in turns.

python -m benchmarks.training_speed
"""

from __future__ import annotations

import sys
import time

import numpy as np

from benchmarks.machine import describe, matrix_rate

VOCABULARY, EMBEDDING, BATCH, STEPS = 65, 64, 16, 64
SECONDS = 6.0
ROUNDS = 4


def bare_loop(units: int, bfloat16: bool):
    """What one would write by hand: nn.Embedding, nn.LSTM, nn.Linear, Adam, state carried."""
    import torch

    embedding = torch.nn.Embedding(VOCABULARY, EMBEDDING)
    lstm = torch.nn.LSTM(EMBEDDING, units)
    dense = torch.nn.Linear(units, VOCABULARY)
    parameters = [*embedding.parameters(), *lstm.parameters(), *dense.parameters()]
    optimizer = torch.optim.Adam(parameters, 1e-3)
    state = (torch.zeros(1, BATCH, units), torch.zeros(1, BATCH, units))
    ids = torch.randint(VOCABULARY, (STEPS + 1, BATCH))

    def step() -> None:
        nonlocal state
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            outputs, state = lstm(embedding(ids[:-1]), state)
            logits = dense(outputs)
        state = (state[0].detach(), state[1].detach())
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        loss.item()

    return step


def charloom_loop(units: int):
    """A step of Charloom's own trainer, on random text."""
    from charloom.text import Ids, build_vocabulary
    from charloom.training import Observer, Plan
    from charloom.training.trainer import Task, Trainer

    numbers = np.random.default_rng(0).integers(VOCABULARY - 1, size=100_000).astype(np.uint8)
    symbols = dict.fromkeys(range(40, 40 + VOCABULARY - 1), 1)
    vocabulary = build_vocabulary(symbols, "characters", False).vocabulary
    ids = Ids(numbers, np.arange(VOCABULARY))
    plan = Plan(units, 1, BATCH, STEPS, 0.0, 1e-3)
    trainer = Trainer(Task(ids, None, vocabulary, (0,), plan, 10.0, 0), Observer())
    trainer.clock.start(trainer.progress)
    return trainer._step


def rate(step, seconds: float) -> float:
    """Characters a second over some seconds."""
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        step()
        count += BATCH * STEPS
    return count / (time.perf_counter() - begun)


def main() -> list[str]:
    """Both loops in turns, for two sizes; returns the lines of a table."""
    from charloom.model.lstm import bfloat16_pays

    bfloat16 = bfloat16_pays()
    peak = matrix_rate(bfloat16)
    rows = [
        "| units | bare PyTorch, characters/s | Charloom | Charloom / bare | of the matrix rate |"
    ]
    rows.append("|---|---|---|---|---|")
    for units in (320, 512):
        loops = bare_loop(units, bfloat16), charloom_loop(units)
        for loop in loops:
            rate(loop, 2.0)
        rates = np.array([[rate(loop, SECONDS) for loop in loops] for _ in range(ROUNDS)])
        bare, own = np.median(rates, axis=0)
        # Multiply-adds of the two LSTM products and the dense layer, forward and twice back.
        work = 3 * 2 * (4 * units * (EMBEDDING + units) + units * VOCABULARY)
        rows.append(
            f"| {units} | {bare:,.0f} | {own:,.0f} | {own / bare:.0%} | {own * work / peak:.0%} |"
        )
        print(rows[-1], flush=True)
    rows.append("")
    kind = "bfloat16" if bfloat16 else "float32"
    rows.append(f"The machine's own {kind} matrix products: {peak / 1e9:,.0f} GFLOP/s.")
    return rows


if __name__ == "__main__":
    print(describe())
    print("\n".join(main()))
    sys.exit(0)
