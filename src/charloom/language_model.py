"""A trained model as Python programs use it: load, write, stream, score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from .model import ModelData, load_base, load_model
from .scoring import Originality, Passage, Reading, Score, Units, originality_of
from .writing import (
    Engine,
    Label,
    Mixture,
    Request,
    Sampling,
    Suggestion,
    Written,
    engine_of,
    label_weights,
    new_seed,
    remembered,
    stream,
    suggest,
    watch,
)

MOST_ENGINES = 8  # kept, each of one label or mixture: a memory takes 100 MB for a large text


def load(path: str | Path) -> LanguageModel:
    """Load a model from its folder, or from a `model.safetensors` anywhere.

    Needs NumPy only: neither Keras nor PyTorch is imported.

    Raises:
        ModelError: if there is none, or it is damaged, foreign or too new.
    """
    return LanguageModel(load_model(path))


def base_model() -> LanguageModel:
    """The base model that comes with Charloom, as it is before any text has tuned it.

    It has read public-domain English, byte by byte; `src/charloom/base/README.md` is its card.
    """
    return LanguageModel(load_base())


class LanguageModel:
    """A trained model. Get one from `charloom.load` or `charloom.train`."""

    def __init__(self, data: ModelData) -> None:
        self.data = data
        self._labelled: dict[bytes, Engine | Mixture] = {}

    @property
    def scores(self) -> dict[str, Any]:
        """What training measured: bits per character, yardsticks, speed."""
        return self.data.scores

    @property
    def characters(self) -> str:
        """The characters that the model knows, sorted; empty where it knows bytes."""
        return self.data.vocabulary.characters

    @cached_property
    def engine(self) -> Engine | Mixture:
        """The network in NumPy, with the memory of the text if the model has one."""
        return engine_of(self.data)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the model has learned to write under; mostly none."""
        return self.data.labels

    def engine_for(self, label: Label | None) -> Engine | Mixture:
        """The engine that writes under a label, or a mixture of them; all evenly for None.

        Raises:
            SettingError: if the model has no such label.
        """
        if label is None:
            return self.engine
        weights_L = label_weights(self.labels, label)
        key = weights_L.tobytes()
        if key not in self._labelled:
            if len(self._labelled) == MOST_ENGINES:
                self._labelled.clear()
            self._labelled[key] = engine_of(self.data, weights_L)
        return self._labelled[key]

    @overload
    def write(self, prompt: str = "", *, count: None = None, **settings: Any) -> str: ...
    @overload
    def write(self, prompt: str = "", *, count: int, **settings: Any) -> list[str]: ...
    def write(
        self, prompt: str = "", *, count: int | None = None, **settings: Any
    ) -> str | list[str]:
        """Write new text after a prompt.

        Args:
            prompt: text to go on from; empty starts as a text of the corpus starts.
            count: write so many texts as one batch, and return a list.
            settings: as for `stream`.

        Returns:
            the new text, without the prompt.

        Raises:
            SettingError: if a setting is out of its range.
        """
        pieces = self.stream_many(prompt, count=1 if count is None else count, **settings)
        texts = [""] * (count or 1)
        for number, piece in pieces:
            texts[number] += piece
        return texts[0] if count is None else texts

    def stream(self, prompt: str = "", **settings: Any) -> Iterator[str]:
        """Write new text after a prompt, yielding each piece as soon as it is known.

        Args:
            prompt: text to go on from.
            settings: `length` (500 characters), `temperature` (0.8), `top_k`, `top_p`,
                `min_p`, `repetition_penalty` (1.0), `greedy` (False), `stop` (texts
                that end the writing before they appear), `seed` (same seed, same
                text), `max_copy` (the most characters in a row that may be as in the
                training text) and `label` (whose manner to write in: a name, "a=0.7,b=0.3",
                or a dict of weights). See `charloom.Sampling` for what the others do.
        """
        for _, piece in self.stream_many(prompt, count=1, **settings):
            yield piece

    def stream_many(
        self,
        prompt: str = "",
        *,
        count: int,
        length: int = 500,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        max_copy: int | None = None,
        label: Label | None = None,
        **sampling: Any,
    ) -> Iterator[tuple[int, str]]:
        """Write several texts at once, yielding (number, piece) as they come."""
        stops = (stop,) if isinstance(stop, str) else tuple(stop)
        seed = new_seed() if seed is None else seed
        request = Request(prompt, length, stops, seed, count, Sampling(**sampling), max_copy)
        return stream(self.engine_for(label), self.data, request)

    def watch(
        self,
        prompt: str = "",
        *,
        alternatives: int = 6,
        length: int = 500,
        seed: int | None = None,
        max_copy: int | None = None,
        label: Label | None = None,
        **sampling: Any,
    ) -> Iterator[Written]:
        """Write as `stream` does, with each character's probability and what might have come."""
        seed = new_seed() if seed is None else seed
        request = Request(prompt, length, (), seed, 1, Sampling(**sampling), max_copy)
        return watch(self.engine_for(label), self.data, request, alternatives)

    def suggest(self, text: str, count: int = 5, *, label: Label | None = None) -> list[Suggestion]:
        """The likeliest next pieces after `text`, each with its probability."""
        return suggest(self.engine_for(label), self.data, text, count)

    def score(self, text: str, *, label: Label | None = None) -> Score:
        """How well the model predicts `text`: the exact mean over all its characters."""
        return self.read(text, label=label).score()

    def worst(self, text: str, count: int = 5) -> list[Passage]:
        """The most surprising passages of `text`."""
        return self.read(text).worst(count)

    def originality(self, texts: Sequence[str] | None = None, **settings: Any) -> Originality:
        """How much of what the model writes, or of given texts, is copied from its own text.

        Args:
            texts: by default `count` (50) texts of `length` (500) characters, written now.
            settings: of this writing, as for `stream`; the `seed` is 0.

        Raises:
            SettingError: if the model has no memory of its text.
        """
        index = remembered(self.data)
        if texts is None:
            texts = self.write(**{"count": 50, "seed": 0, **settings})
        texts = [texts] if isinstance(texts, str) else texts
        return originality_of(index, self.data.vocabulary, texts)

    def units(self, text: str, *, label: Label | None = None) -> Units:
        """What each unit of the network holds after every character of `text`."""
        engine = self.engine_for(label)
        return Units(engine.engine if isinstance(engine, Mixture) else engine, self.data, text)

    def read(self, text: str, *, label: Label | None = None) -> Reading:
        """Read `text` once: its score, its worst passages, each id's surprise."""
        return Reading(self.engine_for(label), self.data, text)
