"""One text while it is written, and the draw of the next id for several at once.

What writes a batch from start to end (`writer`) and what serves texts that come and go
(`charloom.server`) both keep a `Text` for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from charloom.model import ModelData
from charloom.text import SettingError

from . import utf8
from .copying import LEAST, Copying, CopyLimit
from .sampler import PENALTY_WINDOW, Sampling, Samplings, draw, probabilities

DRAWS = 256  # random numbers fetched at a time: one call each would cost a microsecond


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


def writable_ids(model: ModelData) -> np.ndarray:
    """True for every id that may be drawn: all but the unknown one."""
    writable_V = np.ones(model.vocabulary.size, bool)
    if model.vocabulary.unknown is not None:
        writable_V[model.vocabulary.unknown] = False
    return writable_V


def draw_next(
    texts: Sequence[Text],
    logits_BxV: np.ndarray,
    sampling: Sampling | Samplings,
    writable_V: np.ndarray,
) -> tuple[np.ndarray, list[Text]]:
    """The next id of every text, and the texts that have to end instead.

    Args:
        texts: B texts of one model.
        logits_BxV: what the network expects next in each.
        sampling: that of all of them, or each one's.
        writable_V: see `writable_ids`.
    """
    allowed_BxV = allowed_ids(texts, writable_V)
    stuck: list[Text] = []  # only a limit to copies can forbid everything
    if any(text.copying is not None for text in texts):
        allowed_BxV, stuck = _uncopied(texts, allowed_BxV)
    recent_BxN = np.stack([text.recent for text in texts]) if sampling.penalised else None
    p_BxV = probabilities(logits_BxV, sampling, allowed_BxV, recent_BxN)
    return draw(p_BxV, np.array([text.random() for text in texts])), stuck


def allowed_ids(texts: Sequence[Text], writable_V: np.ndarray) -> np.ndarray:
    """True for the ids that keep each text whole UTF-8; one row for all of characters."""
    if texts[0].utf8_state is None:
        return writable_V[None]
    return utf8.allowed(writable_V, np.array([text.utf8_state for text in texts]))


def _uncopied(texts: Sequence[Text], allowed_BxV: np.ndarray) -> tuple[np.ndarray, list[Text]]:
    """What is allowed and copies no more than it may, and the texts that have to end for it."""
    allowed_BxV = np.repeat(allowed_BxV, len(texts) // len(allowed_BxV), 0)
    stuck: list[Text] = []
    for row_V, text in zip(allowed_BxV, texts, strict=True):
        if text.copying is None:
            continue
        uncopied_V = text.copying.allowed(row_V)
        if uncopied_V.any():
            row_V[:] = uncopied_V
        else:
            stuck.append(text)
    return allowed_BxV, stuck


class Text:
    """One text while it is written: its chance, its bytes, what it may not copy, where it ends.

    Args:
        model: its vocabulary is used.
        request: what to write; `prompt` and `seed` are given by the next.
        seed: with the number, fixes what is drawn.
        number: of this text among those of the request.
        prompt_ids: what it goes on from.
        limit: where the request limits copies.

    Attributes:
        done: whether the text has ended.
        ending: why it has, or will: "stop" (a text to stop at, or the end of a text, came) or
            "length".
        written: characters so far, held ones too.
    """

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
        self.ending: Literal["stop", "length"] = "length"

    def random(self) -> float:
        """A number in [0, 1) for the next draw."""
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
        self.done, self.ending = True, "stop"
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
                self.done, self.ending = True, "stop"
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
