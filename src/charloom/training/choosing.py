"""How to tune on a text, found out by cross-validation inside it.

What a small text is learned best with (learning rate, dropout, when to stop) differs
from text to text. So it is cut into folds, and for each candidate the network learns all
but one fold while that one is scored, from "not tuned at all" on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from charloom.memory import Evidence, Gate, Memory, build_index, fit_gate, joined
from charloom.model.network import Network
from charloom.scoring import Recalled, recall
from charloom.text import Ids

from .lesson import RECIPES, Lesson, Recipe
from .reading import read_streams, swapped
from .threads import Threads
from .trainer import Task

LN2 = math.log(2)
# Passes over the text after which the weights are scored, while a text is tried.
MARKS = (0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64)
PATIENCE = 2  # marks without a better one, after which a candidate goes no further
SEED_OF_FOLD = 1000


@dataclass(frozen=True)
class Choice:
    """What cross-validation found: how to learn, for how many passes, and the gate for that.

    Args:
        bits: by character, over all folds.
        gate: where the model will have a memory.
    """

    recipe: Recipe
    passes: int
    bits: float
    gate: Gate | None


class Chooser:
    """Finds out how to tune a network on a text.

    Args:
        task: what is learned.
        network: what learns; its weights are changed.
        remember: whether the model will have a memory, which then chooses with.
        time_left: seconds that choosing may take yet.
        step: makes one step of a lesson, for the run to count and show.
        note: told what was tried.
        better: told the passes and bits by character, of the network alone, whenever the first
            fold is predicted better than before.
        threads: what steps are made with.
    """

    def __init__(
        self,
        task: Task,
        network: Network,
        remember: bool,
        time_left: Callable[[], float],
        step: Callable[[Lesson], None],
        note: Callable[[str], None],
        better: Callable[[int, float], None],
        threads: Threads,
    ) -> None:
        self.task, self.network, self.remember = task, network, remember
        self.time_left, self.step, self.threads = time_left, step, threads
        self.note, self.better, self.best_alone = note, better, math.inf
        self.opening = np.array(task.opening or (0,), np.int64)

    def choose(self) -> Choice:
        """Try one recipe after another while there is time; the best, and when it is best."""
        folds = self._folds()
        self.note(f"Choosing how to learn by cross-validation in {len(folds)} folds of the text.")
        best, best_bits, best_seen = (RECIPES[0], 0), math.inf, list[_Seen]()
        for recipe in RECIPES:
            before = self.time_left()
            curve = self._try(recipe, folds)
            for passes, seen in curve.items():
                bits = self._bits(seen)
                if bits < best_bits:
                    best, best_bits, best_seen = (recipe, passes), bits, seen
            figures = ", ".join(f"{m} {self._bits(seen):.3f}" for m, seen in curve.items())
            self.note(f"{_in_words(recipe)}: {figures} bits by passes.")
            left = self.time_left()
            if left < 0.8 * (before - left):
                break
        gate = None
        if self.remember:
            gate = fit_gate(joined([seen.evidence for seen in best_seen if seen.evidence]))
        return Choice(*best, best_bits, gate)

    def _folds(self) -> list[_Fold]:
        ids = self.task.train[0 : len(self.task.train)]
        # Three folds teach on two thirds of the text; for a larger one a single fold is as
        # telling, and there is not the time for more.
        count = 3 if len(ids) < 40_000 else 1
        size = len(ids) // 3 if count == 3 else max(10_000, len(ids) // 6)
        starts = [k * size for k in range(count)] if count == 3 else [(len(ids) - size) // 2]
        return [self._fold(ids, start, start + size) for start in starts]

    def _fold(self, ids: np.ndarray, start: int, stop: int) -> _Fold:
        learned, held_out = np.concatenate([ids[:start], ids[stop:]]), ids[start:stop]
        memory = None
        if self.remember:
            known = Memory(build_index(learned), self.task.vocabulary.size)
            memory = recall(known, held_out, self.opening)
        return _Fold(learned, held_out, memory)

    def _try(self, recipe: Recipe, folds: Sequence[_Fold]) -> dict[int, list[_Seen]]:
        """What every fold is held out at, after each number of passes."""
        marks: list[int] = list(MARKS)
        curves: dict[int, list[_Seen]] = {}
        may_take = self.time_left() / len(folds)
        for number, fold in enumerate(folds):
            best, since, until = math.inf, 0, self.time_left() - may_take
            for mark in self._marks(recipe, fold, SEED_OF_FOLD + number, marks):
                seen = self._seen(fold)
                if number == 0 and seen.alone < self.best_alone:
                    self.best_alone = seen.alone
                    self.better(mark, self._by_character(seen.alone))
                curves.setdefault(mark, []).append(seen)
                bits = self._bits([seen])
                best, since = (bits, 0) if bits < best else (best, since + 1)
                late = self.time_left() < until
                if number == 0 and (since == PATIENCE or late) and mark:
                    marks = [m for m in marks if m <= mark]
                    break
        return {m: found for m, found in curves.items() if len(found) == len(folds)}

    def _marks(self, recipe: Recipe, fold: _Fold, seed: int, marks: Sequence[int]) -> Iterator[int]:
        """Learn a fold, stopping at every mark with the averaged weights in the network."""
        assert self.task.start is not None
        ids = Ids(fold.learned, np.arange(self.task.vocabulary.size))
        steps = self.task.plan.steps
        lesson = Lesson(self.network, self.task.start, ids, recipe, steps, seed, self.threads)
        for mark in marks:
            if mark and self.time_left() < 0:
                return  # what no fold was in time for is not chosen
            while lesson.epoch < mark:
                self.step(lesson)
            with swapped(lesson.parameters, lesson.average):
                yield mark

    def _seen(self, fold: _Fold) -> _Seen:
        """What a held-out fold costs now, by id, and the evidence for a gate."""
        network_TxV = read_streams(self.network, fold.held_out, self.opening)
        alone_T = -network_TxV[np.arange(len(fold.held_out)), fold.held_out]
        alone = float(alone_T.mean())
        if fold.memory is None:
            return _Seen(alone_T, None, alone)
        evidence = fold.memory.beside(network_TxV, fold.held_out)
        # A gate for each would take longer than the learning between; one that is
        # about right tells as well which weights are better.
        return _Seen(evidence.nats(Gate()), evidence, alone)

    def _bits(self, seen: Sequence[_Seen]) -> float:
        """Bits by character over all folds, with the memory where there is one."""
        nats = np.concatenate([one.nats_T for one in seen])
        return self._by_character(float(nats.mean()))

    def _by_character(self, nats: float) -> float:
        return nats * self.task.ids_per_character / LN2


def _in_words(recipe: Recipe) -> str:
    return f"Rate {recipe.learning_rate:g}, dropout {recipe.dropout:g}"


@dataclass(frozen=True)
class _Fold:
    """A part of the text held out, what is learned without it, and the memory's evidence."""

    learned: np.ndarray
    held_out: np.ndarray
    memory: Recalled | None


@dataclass(frozen=True)
class _Seen:
    """What a fold cost, by id, the evidence where there is a memory, and the network's mean."""

    nats_T: np.ndarray
    evidence: Evidence | None
    alone: float
