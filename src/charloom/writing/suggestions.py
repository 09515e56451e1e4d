"""The likeliest next pieces, for writing together with a person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from charloom.model import ModelData

from . import utf8
from .engine import Engine, take_states
from .mixture import Mixture
from .sampler import Sampling, probabilities
from .writer import read_prompt

LONGEST = 12  # characters in a piece


@dataclass(frozen=True)
class Suggestion:
    """A piece that may come next, and how likely the model holds it to be."""

    text: str
    probability: float


def suggest(
    engine: Engine | Mixture, model: ModelData, text: str, count: int = 5
) -> list[Suggestion]:
    """The likeliest continuations of `text`: each from another first character, up to a word's end.

    Each of the likeliest first characters is followed by the likeliest characters
    after it, until a word ends. The probability is that of the whole piece.
    """
    vocabulary = model.vocabulary
    states, logits = read_prompt(engine, model, vocabulary.encode_prompt(text)[0])
    plain = Sampling(temperature=1.0)
    never = {vocabulary.unknown, vocabulary.end}
    writable_V = np.array([i not in never for i in range(vocabulary.size)])
    first = probabilities(logits, plain, _allowed(writable_V, [utf8.WHOLE], vocabulary.kind))[0]
    chosen = [int(i) for i in np.argsort(-first, kind="stable")[:count] if first[i] > 0]
    pieces = [[i] for i in chosen]
    likely = [float(first[i]) for i in chosen]
    states = take_states(states, [0] * len(chosen))
    for _ in range(4 * LONGEST):
        logits = engine.step(np.array([piece[-1] for piece in pieces]), states)
        after = [utf8.state_after(bytes(i for i in p if i < 256)) for p in pieces]
        p_BxV = probabilities(logits, plain, _allowed(writable_V, after, vocabulary.kind))
        best = p_BxV.argmax(axis=1)
        open_rows = [
            row
            for row, piece in enumerate(pieces)
            if not _finished(vocabulary.decode(piece), after[row] if _is_bytes(model) else 0)
        ]
        if not open_rows:
            break
        for row in open_rows:
            likely[row] *= float(p_BxV[row, best[row]])
            pieces[row].append(int(best[row]))
    return [
        Suggestion(vocabulary.decode(piece), p) for piece, p in zip(pieces, likely, strict=True)
    ]


def _is_bytes(model: ModelData) -> bool:
    return model.vocabulary.kind == "bytes"


def _allowed(writable_V: np.ndarray, utf8_states: list[int], kind: str) -> np.ndarray:
    if kind != "bytes":
        return writable_V[None]
    return utf8.allowed(writable_V, np.array(utf8_states))


def _finished(piece: str, utf8_state: int) -> bool:
    if utf8_state != utf8.WHOLE:
        return False
    # A piece ends after the blank behind a word, so that pieces join into text.
    return len(piece) >= LONGEST or (piece[-1:].isspace() and len(piece) > 1) or piece == "\n"
