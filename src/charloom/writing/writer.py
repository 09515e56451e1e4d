"""From a prompt to text: the loop that draws characters, and what ends it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from charloom.model import ModelData
from charloom.text import SettingError

from . import utf8
from .copying import LEAST, Copying, CopyLimit
from .engine import Engine, State
from .mixture import Mixture
from .sampler import PENALTY_WINDOW, Sampling, draw, probabilities

DRAWS = 256  # random numbers fetched at a time: one call each would cost a microsecond

# A prompt longer than this is read from its end: an LSTM remembers no further back.
PROMPT_READ = 5000


@dataclass(frozen=True)
class Request:
    """What to write.

    Args:
        prompt: text that the writing goes on from; empty starts as a text of the
            corpus starts.
        length: the most characters to write.
        stop: writing ends before any of these would appear.
        seed: fixes the text; None draws one.
        count: how many texts, written as one batch.
        sampling: how characters are chosen.
        max_copy: the most characters in a row that may be as in the training text.
    """

    prompt: str = ""
    length: int = 500
    stop: tuple[str, ...] = ()
    seed: int | None = None
    count: int = 1
    sampling: Sampling = field(default_factory=Sampling)
    max_copy: int | None = None

    def __post_init__(self) -> None:
        if type(self.length) is not int or not 0 <= self.length <= 10**9:
            raise SettingError(f"length must be a whole number from 0 on, not {self.length}.")
        if type(self.count) is not int or not 1 <= self.count <= 4096:
            raise SettingError(f"count must be a whole number from 1 to 4096, not {self.count}.")
        if self.seed is not None and (type(self.seed) is not int or not 0 <= self.seed < 2**63):
            raise SettingError(f"seed must be a whole number from 0 on, not {self.seed}.")
        if any(not text for text in self.stop):
            raise SettingError("A text to stop at cannot be empty; leave --stop out.")
        most = self.max_copy
        if most is not None and (type(most) is not int or most < LEAST):
            raise SettingError(f"max_copy must be a whole number from {LEAST} on, not {most}.")


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
        _Text(model, request, seed, number, prompt_ids, limit) for number in range(request.count)
    ]
    states = [(np.repeat(h, len(texts), 0), np.repeat(c, len(texts), 0)) for h, c in states]
    logits_BxV = np.repeat(logits, len(texts), 0)
    writable_V = _writable(model)
    while texts := [text for text in texts if not text.done]:
        allowed_BxV = _allowed(texts, writable_V)
        stuck: list[_Text] = []  # only a limit to copies can forbid everything
        if limit is not None:
            allowed_BxV, stuck = _uncopied(texts, allowed_BxV)
        penalised = request.sampling.repetition_penalty > 1
        recent = np.stack([text.recent for text in texts]) if penalised else None
        p_BxV = probabilities(logits_BxV, request.sampling, allowed_BxV, recent)
        ids_B = draw(p_BxV, np.array([text.random() for text in texts]))
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


def _writable(model: ModelData) -> np.ndarray:
    """True for every id that may be drawn: all but the unknown one."""
    writable = np.ones(model.vocabulary.size, bool)
    if model.vocabulary.unknown is not None:
        writable[model.vocabulary.unknown] = False
    return writable


def _allowed(texts: Sequence[_Text], writable_V: np.ndarray) -> np.ndarray:
    if texts[0].utf8_state is None:
        return writable_V[None]
    return utf8.allowed(writable_V, np.array([text.utf8_state for text in texts]))


def _uncopied(texts: Sequence[_Text], allowed_BxV: np.ndarray) -> tuple[np.ndarray, list[_Text]]:
    """What is allowed and copies no more than it may, and the texts that have to end for it."""
    allowed_BxV = np.repeat(allowed_BxV, len(texts) // len(allowed_BxV), 0)
    stuck: list[_Text] = []
    for row_V, text in zip(allowed_BxV, texts, strict=True):
        assert text.copying is not None
        uncopied_V = text.copying.allowed(row_V)
        if uncopied_V.any():
            row_V[:] = uncopied_V
        else:
            stuck.append(text)
    return allowed_BxV, stuck


class _Text:
    """One text while it is written."""

    def __init__(
        self,
        model: ModelData,
        request: Request,
        seed: int,
        number: int,
        prompt_ids: np.ndarray,
        limit: CopyLimit | None,
    ) -> None:
        self.vocabulary, self.request, self.number = model.vocabulary, request, number
        self.generator = np.random.Generator(np.random.PCG64([seed, number]))
        self.draws: Iterator[float] = iter(())
        self.recent = np.full(PENALTY_WINDOW, -1, np.int64)
        tail = prompt_ids[-PENALTY_WINDOW:]
        if len(tail):
            self.recent[-len(tail) :] = tail
        is_bytes = self.vocabulary.kind == "bytes"
        self.utf8_state = utf8.WHOLE if is_bytes else None
        self.partial = bytearray()
        self.copying = None if limit is None else Copying(limit, prompt_ids)
        self.written = 0
        self.held = ""  # written, but perhaps the start of a text to stop at
        self.done = request.length == 0

    def random(self) -> float:
        for number in self.draws:
            return number
        self.draws = iter(self.generator.random(DRAWS).tolist())
        return next(self.draws)

    def add(self, chosen: int) -> str:
        """Take a drawn id; the text that can be shown now, often none."""
        if chosen == self.vocabulary.end:
            return self.finish()
        if self.copying is not None:
            self.copying.add(chosen)
        if self.request.sampling.repetition_penalty > 1:
            self.recent[:-1] = self.recent[1:]
            self.recent[-1] = chosen
        character = self._character(chosen)
        if not character:
            return ""
        self.written += 1
        self.done = self.written >= self.request.length
        if not self.request.stop:
            return character
        self.held += character
        return self._show()

    def finish(self) -> str:
        """End the text; what was held back of it."""
        self.done = True
        return self._release()

    def _character(self, chosen: int) -> str:
        if self.utf8_state is None:
            return chr(self.vocabulary.symbols[chosen])
        self.utf8_state = int(utf8.NEXT[self.utf8_state, chosen])
        self.partial.append(chosen)
        if self.utf8_state != utf8.WHOLE:
            return ""
        character = self.partial.decode("utf-8")
        self.partial.clear()
        return character

    def _show(self) -> str:
        """What is held, less a tail that may yet become a text to stop at."""
        for stop in self.request.stop:
            if self.held.endswith(stop):
                self.held = self.held[: -len(stop)]
                self.done = True
        if self.done:
            return self._release()
        keep = max(_overlap(self.held, stop) for stop in self.request.stop)
        shown = self.held[: len(self.held) - keep]
        self.held = self.held[len(shown) :]
        return shown

    def _release(self) -> str:
        shown, self.held = self.held, ""
        return shown


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that starts `stop`."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
