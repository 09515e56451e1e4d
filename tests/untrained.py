"""Models made without training, as sampling and serving need none: weights by chance."""

from __future__ import annotations

from collections import Counter

import numpy as np

import charloom
from charloom.memory import Gate, build_index
from charloom.memory.gate import FEATURES
from charloom.model import ModelData, NetworkShape
from charloom.text import Kind, build_vocabulary

FOREIGN = "“Größe” – naïve café, 東京 и Москва; été à la crème 🎭, déjà vu.\n"


def play() -> str:
    """The start of Othello."""
    return charloom.sample("othello")[:6000]


def untrained(
    kind: Kind = "characters",
    *,
    text: str | None = None,
    units: int = 48,
    layers: int = 1,
    labels: tuple[str, ...] = (),
    has_end: bool = False,
    remembers: bool = True,
) -> ModelData:
    """A model of a text (of `play`) that writes anything, in part what it remembers."""
    text = play() if text is None else text
    data = text.encode() if kind == "bytes" else [ord(c) for c in text]
    vocabulary = build_vocabulary(Counter(data), kind, has_end).vocabulary
    shape = NetworkShape(vocabulary.size, units, layers, labels=len(labels))
    rng = np.random.default_rng(5)
    weights = {
        name: rng.normal(0, 0.3, size).astype(np.float32) for name, size in shape.tensors().items()
    }
    ids = vocabulary.encode(text)[0]
    index, parts = (build_index(ids), len(ids) // max(1, len(labels))) if remembers else (None, 0)
    shares = [parts] * len(labels)
    if shares and remembers:
        shares[-1] = len(ids) - parts * (len(labels) - 1)
    rest = (FEATURES - 1) * (0.0,)
    return ModelData(
        shape,
        vocabulary,
        weights,
        (0,),
        memory=index,
        gate=Gate(((0.7, *rest), (0.6, *rest))),
        labels=labels,
        remembered=tuple(shares) if labels and remembers else (),
    )
