"""The models that a server has loaded: each with its batcher and what its requests need."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from weakref import WeakValueDictionary

from charloom.memory import Search
from charloom.model import load_model, model_file, model_name
from charloom.scoring import Reading, Score
from charloom.text import SettingError
from charloom.writing import (
    CopyLimit,
    Label,
    Request,
    Text,
    engine_of,
    label_weights,
    opening_ids,
    remembered,
    steady,
)

from .batcher import Batcher, Busy
from .limits import Limits
from .schema import LENGTH, CompletionRequest
from .tickets import Job, Manner, Odds, Ticket

MOST_MANNERS = 8  # labels or mixtures at once; each has a table, and a memory of its own


class Served:
    """A model that is served.

    It stays what it was when it was loaded, whatever becomes of its file.

    Args:
        path: the model's folder or file.
        limits: of the server.

    Raises:
        ModelError: if there is no model, or it is damaged.
    """

    def __init__(self, path: str | Path, limits: Limits) -> None:
        self.file, self.limits = model_file(path).absolute(), limits
        self.data = load_model(path)
        self.name = model_name(self.file)
        self.stamp = _stamp(self.file)
        self.created = int(self.stamp[0] / 1e9)
        # Called from the batcher's thread; set by whoever passes the news on.
        self.news: Callable[[], None] = lambda: None
        self.batcher = Batcher(self.data, limits.running, limits.waiting, lambda: self.news())
        plain = engine_of(self.data)
        self._any = Manner(*steady(plain), plain)
        self._manners: WeakValueDictionary[bytes, Manner] = WeakValueDictionary()
        self._lately: list[Manner] = []  # kept, so that they need not be made again
        self._making = threading.Lock()
        self._search: Search | None = None

    @property
    def changed(self) -> bool:
        """Whether the file is another one by now, or gone."""
        return _stamp(self.file) != self.stamp

    def jobs(self, asked: CompletionRequest, seed: int) -> list[Job]:
        """What a batcher is to do for a request: one job a prompt. Takes a while: not for a loop.

        Raises:
            SettingError: if the model cannot do it.
            Busy: if there are too many labels in use.
        """
        manner = self.manner(asked.label)
        limit = None if asked.max_copy is None else self._copy_limit(asked.max_copy)
        request = Request(
            length=LENGTH if asked.max_tokens is None else asked.max_tokens,
            stop=asked.stops,
            seed=seed,
            sampling=asked.sampling(),
            max_copy=asked.max_copy,
        )
        jobs = []
        for prompt in asked.prompts:
            ids, _ = self.data.vocabulary.encode_prompt(prompt)
            opened = opening_ids(self.data, ids)
            start = len(self.data.opening) if asked.echo else None
            tickets = [
                Ticket(
                    Text(self.data, request, seed, number, ids, limit),
                    None
                    if asked.logprobs is None
                    else Odds(self.data.vocabulary, asked.logprobs, start),
                    streamed=bool(asked.stream),
                )
                for number in range(asked.n or 1)
            ]
            jobs.append(Job(manner, opened, tickets))
        return jobs

    def score(self, text: str, label: Label | None) -> Score:
        """How well the model predicts a text. Takes a while."""
        return Reading(self.manner(label).plain, self.data, text).score()

    def manner(self, label: Label | None) -> Manner:
        """What writes under a label; made when it is first asked for.

        Raises:
            SettingError: if the model has no such label.
            Busy: if there are too many in use.
        """
        if label is None:
            return self._any
        weights_L = label_weights(self.data.labels, label)
        key = weights_L.tobytes()
        with self._making:
            manner = self._manners.get(key)
            if manner is None:
                while len(self._manners) >= MOST_MANNERS and self._lately:
                    del self._lately[0]  # gone, unless it is in use
                if len(self._manners) >= MOST_MANNERS:
                    raise Busy(
                        f"{MOST_MANNERS} labels or mixtures of them are in use; try again later."
                    )
                plain = engine_of(self.data, weights_L)
                engine = plain.with_product(self._any.engine.product)  # of matrices of this size
                manner = self._manners[key] = Manner(engine, self._any.rows, plain)
            else:
                self._lately = [kept for kept in self._lately if kept is not manner]
            self._lately.append(manner)
            return manner

    def _copy_limit(self, most: int) -> CopyLimit:
        with self._making:
            if self._search is None:
                self._search = Search(remembered(self.data))
            return CopyLimit(self.data, most, self._search)


def load_all(paths: list[str], limits: Limits) -> dict[str, Served]:
    """Load models, by their names.

    Raises:
        SettingError: if two have the same name.
        ModelError: if one is missing or damaged.
    """
    models: dict[str, Served] = {}
    for path in paths:
        served = Served(path, limits)
        if served.name in models:
            raise SettingError(
                f"Two models are called {served.name}; rename the folder of one of them."
            )
        models[served.name] = served
    return models


def _stamp(file: Path) -> tuple[int, int, int]:
    """What tells a file from the one that takes its place: its time, size and number."""
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino
