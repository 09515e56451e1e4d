"""A network's weights for another vocabulary: what is known stays, what is new gets a start."""

from __future__ import annotations

import numpy as np

from charloom.text import Vocabulary

from .file import ModelData
from .shape import NetworkShape, Weights

RARE = 3.0  # nats that a new symbol starts below the mean of the others' biases


def transfer(
    data: ModelData, vocabulary: Vocabulary, labels: int = 0
) -> tuple[NetworkShape, Weights]:
    """A model's network and weights, its rows by symbol in the order of `vocabulary`.

    A symbol that the model does not know starts as what stands in for it in a prompt
    (’ as ', É as E), and else as the mean of all, with a low bias: it is as good as
    never expected until it is learned. Of the labels that a model has its even mixture
    stays; new ones start small.
    """
    known = data.vocabulary
    rows = _rows(known)
    embeddings, kernel = data.weights["embedding.embeddings"], data.weights["dense.kernel"]
    if data.shape.labels:
        embeddings = embeddings + data.weights["labels.embeddings"].mean(axis=0)
    bias = data.weights["dense.bias"]
    new_embeddings, new_kernel, new_bias = [], [], []
    for symbol in _symbols(vocabulary):
        row = rows.get(symbol)
        if row is None and isinstance(symbol, int) and known.kind == "characters":
            stand_in = known.encode_prompt(chr(symbol))[0]
            row = int(stand_in[0]) if len(stand_in) and stand_in[0] != known.unknown else None
            penalty = RARE
        else:
            penalty = 0.0
        if row is None:
            new_embeddings.append(embeddings.mean(axis=0))
            new_kernel.append(kernel.mean(axis=1))
            new_bias.append(float(bias.mean()) - RARE)
        else:
            new_embeddings.append(embeddings[row])
            new_kernel.append(kernel[:, row])
            new_bias.append(float(bias[row]) - penalty)
    old = data.shape
    shape = NetworkShape(vocabulary.size, old.units, old.layers, old.embedding, labels)
    weights = {name: array for name, array in data.weights.items() if "labels." not in name}
    if labels:
        draw = np.random.default_rng(0)
        small = draw.uniform(-0.2, 0.2, (labels, old.embedding))
        weights["labels.embeddings"] = small.astype(np.float32)
    weights["embedding.embeddings"] = np.stack(new_embeddings).astype(np.float32)
    weights["dense.kernel"] = np.ascontiguousarray(np.stack(new_kernel, axis=1), np.float32)
    weights["dense.bias"] = np.array(new_bias, np.float32)
    return shape, weights


def grown(known: Vocabulary, wanted: Vocabulary) -> Vocabulary:
    """A vocabulary with all symbols of both, so that nothing a model knows is lost."""
    if known.kind == "bytes":
        return Vocabulary("bytes", known.symbols, wanted.has_end)
    symbols = tuple(sorted({*known.symbols, *wanted.symbols}))
    return Vocabulary("characters", symbols, wanted.has_end)


def _symbols(vocabulary: Vocabulary) -> list[int | str]:
    """What each id stands for, in order; the special ones by name."""
    unknown = ["unknown"] if vocabulary.unknown is not None else []
    return [*vocabulary.symbols, *unknown, *(["end"] if vocabulary.has_end else [])]


def _rows(vocabulary: Vocabulary) -> dict[int | str, int]:
    return {symbol: row for row, symbol in enumerate(_symbols(vocabulary))}
