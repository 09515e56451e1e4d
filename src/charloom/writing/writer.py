"""From a prompt to text: the loop that draws characters, and what ends it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import numpy as np

from charloom.model import ModelData

from .copying import CopyLimit
from .engine import Engine, State
from .mixture import Mixture
from .texts import Request, Text, draw_next, writable_ids

# A prompt longer than this is read from its end: an LSTM remembers no further back.
PROMPT_READ = 5000


def new_seed() -> int:
    """A seed to write down: short enough to type again."""
    return secrets.randbelow(10**9)


def stream(
    engine: Engine | Mixture,
    model: ModelData,
    request: Request,
    prompt_ids: np.ndarray | None = None,
) -> Iterator[tuple[int, str]]:
    """Write texts, piece by piece.

    A text depends on the model, the prompt, the settings, the seed and its number
    alone, not on how many are written beside it.

    Yields:
        (number, piece): the text's number from 0, and what comes next in it.
        Pieces are never empty, and hold whole characters.

    Raises:
        SettingError: at once, if copies are limited and the model has no memory.
    """
    limit = None if request.max_copy is None else CopyLimit(model, request.max_copy)
    return _stream(engine, model, request, prompt_ids, limit)


def _stream(
    engine: Engine | Mixture,
    model: ModelData,
    request: Request,
    prompt_ids: np.ndarray | None,
    limit: CopyLimit | None,
) -> Iterator[tuple[int, str]]:
    if prompt_ids is None:
        prompt_ids, _ = model.vocabulary.encode_prompt(request.prompt)
    states, logits = read_prompt(engine, model, prompt_ids)
    seed = new_seed() if request.seed is None else request.seed
    texts = [
        Text(model, request, seed, number, prompt_ids, limit) for number in range(request.count)
    ]
    states = [(np.repeat(h, len(texts), 0), np.repeat(c, len(texts), 0)) for h, c in states]
    logits_BxV = np.repeat(logits, len(texts), 0)
    writable_V = writable_ids(model)
    while texts := [text for text in texts if not text.done]:
        ids_B, stuck = draw_next(texts, logits_BxV, request.sampling, writable_V)
        for text, chosen in zip(texts, ids_B, strict=True):
            if piece := text.finish() if text in stuck else text.add(int(chosen)):
                yield text.number, piece
        going = [row for row, text in enumerate(texts) if not text.done]
        if len(going) < len(texts):
            states = [(h[going], c[going]) for h, c in states]
            ids_B = ids_B[going]
        if going:
            logits_BxV = engine.step(ids_B, states)


def opening_ids(model: ModelData, prompt_ids: np.ndarray) -> np.ndarray:
    """A prompt behind what every text of the corpus silently follows."""
    opening = np.array(model.opening, np.int64)
    return np.concatenate([opening, prompt_ids[-PROMPT_READ:]])


def read_prompt(
    engine: Engine | Mixture, model: ModelData, prompt_ids: np.ndarray
) -> tuple[State, np.ndarray]:
    """The states after a prompt, behind the opening, and the logits of what comes next."""
    states = engine.initial_states(1)
    ids = opening_ids(model, prompt_ids)
    if not len(ids):  # nothing at all to go on from: the average character
        return states, engine.dense_V[None]
    engine.feed(ids[:-1], states)
    return states, engine.step(ids[-1:], states)
