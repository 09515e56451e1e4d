"""One side of a comparison, in a process of its own: so that its memory is its own.

python -m charloom.comparison.sides NAME FOLDER
"""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from charloom.text import CharloomError

from .task import TASK, TEXT, TRAINING, Point, Side, Task, read_json, write_json

LN2 = math.log(2)
CHECKS = 40  # looks at the tutorial's run, in the time it has
CHECK_WINDOWS = 1024  # of those held out, in each look
LINES_EVERY = 4.0  # seconds between lines
WRITTEN = 200  # characters that each side writes
TIMED = 2000  # characters that Charloom writes to be timed: 200 take it no time
LEAST_P = 1e-7  # where Keras' cross-entropy cuts probabilities off, too


def main(name: str, folder: Path) -> None:
    """Run one side, and leave its result (or its error) in the folder."""
    os.dup2(2, 1)  # what libraries print is no result
    task = Task(**read_json(folder / TASK))
    text = (folder / TEXT).read_bytes().decode("utf-8")
    try:
        run = tutorials_side if name == "tutorial" else charlooms_side
        result = run(task, text, folder).to_dict()
    except CharloomError as error:
        result = {"error": str(error)}
    except Exception as error:  # whatever it is, it is told by the process that was asked
        result = {"error": f"The {name} side failed ({type(error).__name__}: {error})."}
    try:
        write_json(folder / f"{name}.json", result)
    except CharloomError as error:
        sys.exit(f"charloom: {error}")


def tutorials_side(task: Task, text: str, folder: Path) -> Side:
    """The tutorial's recipe as it is, but for its five epochs: it trains until the time is up.

    Its characters are those of the whole text, as in the tutorial, so that none is unknown
    to it; and the first windows held out reach back into the training part.
    """
    from charloom import tutorial
    from charloom.model.lstm import keras

    recipe = tutorial.Recipe()
    characters, to_id, to_character = tutorial.alphabet(text)
    ids = np.array([to_id[c] for c in text])
    X, labels = tutorial.windows(ids, recipe.window, len(characters))
    first = task.split - recipe.window  # the window whose label is the first one held out
    held_X, held_labels = X[first:][: task.scored], labels[first:][: task.scored]

    keras.utils.set_random_seed(task.seed)
    model = tutorial.build(recipe, len(characters))
    batches = tutorial.Batches(X[:first], labels[:first], len(characters), recipe.batch, task.seed)
    run = _train(model, batches, 60 * task.minutes, (held_X, held_labels))
    bits = _bits(model, held_X, held_labels, recipe.batch)

    prompt = np.array([to_id[c] for c in task.prompt])
    writing = tutorial.write(model, prompt, to_character, WRITTEN)
    written, began = next(writing), time.monotonic()  # the first is slower: all is made ready
    written += "".join(writing)
    end = run.points[-1]
    return Side(
        name="tutorial",
        bits_per_character=bits,
        seconds=end.seconds,
        epochs=end.epoch,
        trained_per_second=end.epoch * first / end.seconds,
        written_per_second=(WRITTEN - 1) / (time.monotonic() - began),
        peak_memory=_peak_memory(),
        text=written,
        curve=tuple(run.points),
    )


def _train(
    model: Any, batches: Any, seconds: float, held_out: tuple[np.ndarray, np.ndarray]
) -> _Curve:
    """Train for so many seconds, less what looking at the run and making all ready take."""
    X, labels = (array[:CHECK_WINDOWS] for array in held_out)
    curve = _Curve()
    for number in (0, len(batches) - 1):  # JAX takes seconds for each size of batch it meets
        model.train_on_batch(*batches[number])
    spent = looked = loss = 0.0
    trained = steps = 0
    while spent < seconds:
        for number in range(len(batches)):
            began = time.monotonic()
            X_batch, y_batch = batches[number]
            last = float(model.train_on_batch(X_batch, y_batch))
            spent += time.monotonic() - began
            trained, steps = trained + len(X_batch), steps + 1
            loss += max(1 / steps, 0.02) * (last - loss)  # over about fifty, as Charloom's
            if spent - looked >= seconds / CHECKS or spent >= seconds:
                looked = spent
                bits = _bits(model, X, labels, batches.batch)
                curve.add(Point(spent, trained / len(batches.X), loss / LN2, bits))
            if spent >= seconds:
                break
        batches.on_epoch_end()
    return curve


def _bits(model: Any, X: np.ndarray, labels: np.ndarray, batch: int) -> float:
    """Bits per character of a Keras model on windows."""
    # In batches as large as in training, or looking would take more memory than learning.
    p_NxV = np.asarray(model.predict(X, batch_size=batch, verbose=0), np.float64)
    chosen_N = p_NxV[np.arange(len(labels)), labels]
    return float(-np.log2(np.maximum(chosen_N, LEAST_P)).mean())


def charlooms_side(task: Task, text: str, folder: Path) -> Side:
    """`charloom.train` as it is, on the training part.

    It holds out a tenth of that once more, to know when to stop: so it is scored on
    text that it has chosen nothing by, as the tutorial is.
    """
    from charloom.training import Check, Observer, train

    curve = _Curve()

    class Watch(Observer):
        def check(self, check: Check, sample: str) -> None:
            bits = check.validation_bits
            assert bits is not None  # `compare` asks for a text long enough
            curve.add(Point(check.seconds, check.epoch, check.training_bits, bits))

    (folder / TRAINING).write_bytes(text[: task.split].encode("utf-8"))
    model = train(
        folder / TRAINING,
        folder / "model",
        encoding="utf-8",
        minutes=task.minutes,
        seed=task.seed,
        # The tutorial's side knows nothing but the text either.
        start="nothing",
        memory=False,
        observer=Watch(),
    )
    held_out = text[task.split : task.split + task.scored]
    began = time.monotonic()
    model.write(task.prompt, length=TIMED, seed=task.seed)
    per_second = TIMED / (time.monotonic() - began)
    return Side(
        name="charloom",
        bits_per_character=model.score(held_out).bits_per_character,
        seconds=model.scores["seconds"],
        epochs=model.scores["epochs"],
        trained_per_second=model.scores["characters_per_second"],
        written_per_second=per_second,
        peak_memory=_peak_memory(),
        text=model.write(task.prompt, length=WRITTEN, seed=task.seed),
        curve=tuple(curve.points),
    )


class _Curve:
    """The points of a run; shown as lines, where they are not too close together."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.shown = -LINES_EVERY

    def add(self, point: Point) -> None:
        self.points.append(point)
        if point.seconds - self.shown < LINES_EVERY:
            return
        self.shown = point.seconds
        print(
            f"{point.seconds:6.1f} s, epoch {point.epoch:.1f}: "
            f"held out {point.held_out_bits:.3f}, training {point.training_bits:.3f} "
            "bits per character",
            file=sys.stderr,
            flush=True,
        )


def _peak_memory() -> int | None:
    """The most memory that this process ever had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would do elsewhere, but on Linux it starts from what the parent had.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
