"""The tutorial that Charloom grew out of, step by step, on today's Keras.

    text → ids → windows of 100 → LSTM → weights in a file → 500 new characters

This is the recipe as it was, with its own numbers: nothing here is how Charloom itself
learns. docs/tutorial.md walks through it and says what each step costs, and what
takes its place. `charloom tutorial TEXT` runs it all.

It runs on each of Keras' backends; KERAS_BACKEND chooses, before Python starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charloom.model import read_tutorial_weights, save_whole
from charloom.model.lstm import FastLSTM, keras
from charloom.model.shape import MOST_UNITS
from charloom.text import (
    ModelError,
    SettingError,
    TextError,
    check_dropout,
    check_whole,
    read_lowercase,
)
from charloom.training import Interrupted, caught_signals

SUFFIX = ".weights.h5"  # Keras writes weights to no other name
MOST_FOR_BFLOAT16 = 100  # characters: neighbours then lie two and a half roundings apart


class LSTM(FastLSTM):
    """Keras' LSTM, as one fused call on the PyTorch backend and untouched on the others.

    Its weights are the same, and its results but for rounding. Under this name Keras
    writes the same weights file as for its own layer.
    """


@dataclass(frozen=True)
class Recipe:
    """The tutorial's numbers.

    Args:
        window: characters that each prediction is made from.
        units: of the LSTM layer.
        dropout: the share of its outputs that is dropped in training.
        epochs: passes over all windows.
        batch: windows that a step trains on.

    Raises:
        SettingError: if one is out of its range.
    """

    window: int = 100
    units: int = 256
    dropout: float = 0.2
    epochs: int = 5
    batch: int = 128

    def __post_init__(self) -> None:
        check_whole("window", self.window, 1, 10_000)
        check_whole("units", self.units, 1, MOST_UNITS)
        check_whole("epochs", self.epochs, 1, 10**6)
        check_whole("batch", self.batch, 1, 10**6)
        check_dropout(self.dropout)


# Step 1: the text in lower case, and an id for each of its characters.


def read(texts: Iterable[str | Path], encoding: str | None = None, field: str | None = None) -> str:
    """The text of files, in lower case: fewer characters to tell apart."""
    return read_lowercase(texts, encoding, field)


def alphabet(text: str) -> tuple[list[str], dict[str, int], dict[int, str]]:
    """The distinct characters, sorted; character to id; id to character."""
    characters = sorted(set(text))
    return characters, {c: i for i, c in enumerate(characters)}, dict(enumerate(characters))


# Step 2: every stretch of 100 ids, and the id that comes next as its label.


def windows(ids_N: np.ndarray, window: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Every window of a text, stepping by 1, and the id after each.

    The windows are a view: all of them together take the memory of the text once.

    Args:
        ids_N: the text's ids.
        window: W ids each.
        classes: the number of distinct characters; the ids are divided by it.

    Returns:
        X of shape (N - W, W, 1), float32 from 0 to 1, and labels of shape (N - W,).
    """
    scaled_N = (ids_N / classes).astype(np.float32)
    X = np.lib.stride_tricks.sliding_window_view(scaled_N[:-1], window)
    return X[:, :, None], ids_N[window:]


class Batches(keras.utils.PyDataset):
    """Windows and their one-hot labels for `fit`, in another order every epoch.

    Only a batch at a time is ever copied: one-hot labels of all windows of 10 MB of text
    would take gigabytes.
    """

    def __init__(
        self, X: np.ndarray, labels: np.ndarray, classes: int, batch: int, seed: int = 0
    ) -> None:
        super().__init__()
        self.X, self.labels, self.classes, self.batch = X, labels, classes, batch
        self.rng = np.random.default_rng(seed)
        self.order = self.rng.permutation(len(X))

    def __len__(self) -> int:
        return -(-len(self.X) // self.batch)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[number * self.batch : (number + 1) * self.batch]
        return self.X[rows], keras.utils.to_categorical(self.labels[rows], self.classes)

    def on_epoch_end(self) -> None:
        self.rng.shuffle(self.order)


# Step 3: the network, and its training.


def build(recipe: Recipe, classes: int, hard_gates: bool = False) -> Any:
    """LSTM, dropout, and a dense layer that gives every character a probability.

    Args:
        recipe: the sizes.
        classes: the number of distinct characters.
        hard_gates: gates as Keras had them before 2.3, for weights from those days.
    """
    layers = keras.layers
    lstm = LSTM if keras.backend.backend() == "torch" else layers.LSTM
    gates = _hard_sigmoid if hard_gates else "sigmoid"
    # bfloat16 tells some 256 numbers from 0 to 1 apart: not enough for as many characters.
    precise = {"compute": "float32"} if lstm is LSTM and classes > MOST_FOR_BFLOAT16 else {}
    model = keras.Sequential(
        [
            layers.Input((recipe.window, 1)),
            lstm(recipe.units, recurrent_activation=gates, **precise),
            layers.Dropout(recipe.dropout),
            layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam")
    return model


def _hard_sigmoid(x: Any) -> Any:
    # Keras 3 has a function of this name too, with a slope of 1/6.
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


class _StopOnSignal(keras.callbacks.Callback):
    """Ends training after the batch in which Ctrl-C was pressed."""

    def __init__(self, caught: list[int]) -> None:
        super().__init__()
        self.caught = caught

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.model.stop_training = bool(self.caught)


def train(
    model: Any, batches: Batches, epochs: int, caught: list[int], verbose: int | str = "auto"
) -> None:
    """Train with Keras' own `fit` and progress bar; ends early when a signal is `caught`."""
    model.fit(batches, epochs=epochs, verbose=verbose, callbacks=[_StopOnSignal(caught)])


# Step 4: the weights to a file, and back. It holds no vocabulary: that takes the same text.


def save(model: Any, file: Path) -> None:
    """Write the weights with Keras' `save_weights`.

    Raises:
        StorageError: if the file cannot be written; what was there before is untouched.
    """
    save_whole(file, SUFFIX, model.save_weights)


def load(file: str | Path, recipe: Recipe, classes: int) -> Any:
    """A model with weights from a file of Keras 3 or Keras 2.

    Raises:
        ModelError: if they are of another size than the recipe and the text ask for.
    """
    weights = read_tutorial_weights(file)
    if weights.classes != classes:
        raise ModelError(
            f"{file} knows {weights.classes} different characters and this text has {classes}; "
            "give the text that it was trained on."
        )
    if weights.units != recipe.units:
        raise ModelError(f"{file} has {weights.units} units; add --units {weights.units}.")
    model = build(recipe, classes, weights.hard_gates)
    model.set_weights(list(weights.arrays))
    return model


# Step 5: a window of the text as the seed; then the likeliest character, again and again.


def write(
    model: Any,
    seed_W: np.ndarray,
    to_character: dict[int, str],
    length: int = 500,
    temperature: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Iterator[str]:
    """New characters, one at a time; the window slides along by one.

    The tutorial cuts its list of ids back to the last 100 at every step and prints that
    list, so that of its 500 characters only the last 100 are seen. These are all of them.

    Args:
        model: of `build`.
        seed_W: a window of ids to go on from.
        to_character: id to character.
        length: how many.
        temperature: 0 takes the likeliest, as the tutorial does; over 0 draws.
        rng: where the drawing's chance comes from.
    """
    rng = rng or np.random.default_rng()
    classes, window = len(to_character), len(seed_W)
    ids_W = np.array(seed_W, np.int64)
    for _ in range(length):
        X = np.reshape(ids_W / classes, (1, window, 1)).astype(np.float32)
        p_V = np.asarray(model.predict(X, verbose=0)[0], np.float64)
        chosen = int(p_V.argmax()) if temperature == 0 else _draw(p_V, temperature, rng)
        yield to_character[chosen]
        ids_W = np.append(ids_W[1:], chosen)


def _draw(p_V: np.ndarray, temperature: float, rng: np.random.Generator) -> int:
    logits_V = np.log(np.maximum(p_V, 1e-30))
    with np.errstate(over="ignore"):  # at temperatures near 0: exp(-inf) is what is meant
        p_V = np.exp((logits_V - logits_V.max()) / temperature)
    return int(rng.choice(len(p_V), p=p_V / p_V.sum()))


# All five, in order.


def run(
    text: str,
    recipe: Recipe,
    file: str | Path,
    *,
    weights: str | Path | None = None,
    seed: int = 0,
    length: int = 500,
    temperature: float = 0.0,
    say: Any = print,
    verbose: int | str = "auto",
) -> Iterator[str]:
    """The whole tutorial; yields the characters that it writes.

    Args:
        text: in lower case, as `read` gives it.
        recipe: the numbers.
        file: where the weights go, NAME.weights.h5.
        weights: a file to load in place of training.
        seed: fixes all chance.
        length: the number of characters to write.
        temperature: as for `write`.
        say: told what happens, in lines.
        verbose: as for Keras' `fit`.

    Raises:
        TextError: if the text is too short.
        SettingError: if Keras would not write such a file.
        StorageError: if the file cannot be written.
        ModelError: if `weights` does not fit.
        Interrupted: if Ctrl-C ended the training; the weights so far are in `file`.
    """
    file = Path(file)
    if not file.name.endswith(SUFFIX):
        raise SettingError(f"Keras wants a name that ends in {SUFFIX}, not {file}.")
    characters, to_id, to_character = alphabet(text)
    classes = len(characters)
    if len(text) <= recipe.window or classes < 2:
        raise TextError(
            f"The text has {len(text):,} characters, {classes} of them different; the tutorial "
            f"needs more than its window of {recipe.window}, and 2 different ones."
        )
    ids = np.array([to_id[c] for c in text])
    X, labels = windows(ids, recipe.window, classes)
    say(f"{len(text):,} characters, {classes} different; {len(X):,} windows of {recipe.window}")

    keras.utils.set_random_seed(seed)
    if weights is not None:
        model = load(weights, recipe, classes)
    else:
        model = build(recipe, classes)
        batches = Batches(X, labels, classes, recipe.batch, seed)
        with caught_signals() as caught:
            train(model, batches, recipe.epochs, caught, verbose)
            save(model, file)
        if caught:
            raise Interrupted(
                f"Stopped; the weights so far are in {file}; write with: --weights {file}",
                caught[0],
            )
        model.load_weights(file)
        say(f"The weights are in {file}")

    rng = np.random.default_rng(seed)
    start = int(rng.integers(len(X)))
    say(f"The seed is the window at {start:,}: {text[start : start + recipe.window]!r}\n")
    yield from write(
        model, ids[start : start + recipe.window], to_character, length, temperature, rng
    )
