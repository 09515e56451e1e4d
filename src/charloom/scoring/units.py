"""What each unit of a network holds while it reads, and which follow something that has a name.

After Karpathy, Johnson and Fei-Fei 2015, arXiv 1506.02078: shown over the text, the cell of
some units of a character-level LSTM turns out to be on inside quotes, or to count along a line.
Which ones is found here by correlation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from charloom.model import ModelData, NetworkShape
from charloom.text import END, TextError
from charloom.writing import Engine

from .evaluate import States, read_through
from .features import FEATURES
from .score import encode, opening_or_default

SHORTEST = 200  # characters; in a shorter text hundreds of units follow anything by chance
STRETCHES = 10  # that a text is cut into: every other one chooses, the rest tell
FEWEST = 5  # characters that differ from the most common in a feature, in each of the two parts


@dataclass(frozen=True)
class Follower:
    """The unit that follows a feature of the text best.

    Args:
        feature: what it follows; a key of `FEATURES`.
        unit: its number, those of the first layer first.
        correlation: Pearson's, from -1 to 1, on the stretches of the text that did not choose
            the unit. Below 0 the unit is low where the feature is high.
    """

    feature: str
    unit: int
    correlation: float


class Units:
    """A text as the units of a network hold it.

    Args:
        engine: the network alone: a memory has no units.
        model: its vocabulary and opening.
        text: the text; the ends of several texts in it are left out.

    Attributes:
        states_CxU: tanh of the cell of every unit, those of all layers one after another, once
            each character is read; float32, from -1 to 1.

    Raises:
        TextError: if there is no text.
    """

    def __init__(self, engine: Engine, model: ModelData, text: str) -> None:
        self.text = text.replace(END, "")
        if not self.text:
            raise TextError("There is no text to look at; give one with something in it.")
        ids, _ = encode(model.vocabulary, self.text)
        # What is read before an id is known before it: so one id more, and all a place on.
        ids = np.append(ids, 0)
        forward = _Cells(engine)
        states_NxU = read_through(
            forward, ids, opening_or_default(model), lambda rows, _: rows, columns=forward.columns
        )[1:].astype(np.float32, copy=False)
        if model.vocabulary.kind == "bytes":  # a character is read with its last byte
            ends = np.cumsum([len(c.encode("utf-8", "replace")) for c in self.text])
            states_NxU = states_NxU[ends - 1]
        self.states_CxU = np.tanh(states_NxU)

    def followers(self, features: Mapping[str, np.ndarray] | None = None) -> list[Follower]:
        """For each feature the unit that follows it best, the best first.

        A unit is chosen on every other stretch of the text, and the figure is that of the
        rest: among hundreds of units one always goes along with something by chance.

        Args:
            features: by name, each of shape (C,); those of `FEATURES` by default.

        Returns:
            none of a text under SHORTEST characters, and none for a feature that hardly
            occurs in it.
        """
        count = len(self.text)
        if count < SHORTEST:
            return []
        if features is None:
            features = {name: measure(self.text) for name, measure in FEATURES.items()}
        chooses_C = np.arange(count) * STRETCHES // count % 2 == 0
        found = []
        for name, feature_C in features.items():
            if not (_varies(feature_C[chooses_C]) and _varies(feature_C[~chooses_C])):
                continue
            seen_U = correlations(self.states_CxU[chooses_C], feature_C[chooses_C])
            unit = int(np.abs(seen_U).argmax())
            told = correlations(self.states_CxU[~chooses_C, unit][:, None], feature_C[~chooses_C])
            found.append(Follower(name, unit, float(told[0])))
        return sorted(found, key=lambda one: -abs(one.correlation))


def correlations(states_CxU: np.ndarray, feature_C: np.ndarray) -> np.ndarray:
    """Pearson's correlation of every unit with a feature; 0 where one of both never changes.

    Args:
        states_CxU: a unit a column.
        feature_C: a number for each character.

    Returns:
        shape (U,), float64, from -1 to 1.
    """
    x_CxU = states_CxU - states_CxU.mean(axis=0, dtype=np.float64)
    y_C = feature_C - feature_C.mean(dtype=np.float64)
    scale_U = np.sqrt((x_CxU**2).sum(axis=0) * (y_C**2).sum())
    products_U = y_C @ x_CxU
    return np.divide(products_U, scale_U, out=np.zeros_like(products_U), where=scale_U > 1e-9)


def _varies(feature_C: np.ndarray) -> bool:
    """Whether a feature is there often enough, and absent often enough, to be followed."""
    most_common = int(np.unique(feature_C, return_counts=True)[1].max(initial=0))
    return len(feature_C) - most_common >= FEWEST


class _Cells:
    """A network that gives its cells where others give logits, so that it is read as fast."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.columns = engine.shape.units * engine.shape.layers

    @property
    def shape(self) -> NetworkShape:
        # As many columns come out of `run` as this says there are ids.
        return replace(self.engine.shape, vocabulary=self.columns)

    def initial_states(self, batch: int) -> States:
        return self.engine.initial_states(batch)

    def run(self, ids_BxT: np.ndarray, states: States) -> np.ndarray:
        cells_BxTxU = np.empty((*ids_BxT.shape, self.columns), np.float32)
        for t in range(ids_BxT.shape[1]):
            self.engine.step(ids_BxT[:, t], states)
            cells_BxTxU[:, t] = np.concatenate([c_BxH for _, c_BxH in states], axis=1)
        return cells_BxTxU
