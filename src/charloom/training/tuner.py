"""Tuning: a model that can read already learns one small text, with care.

What a small text is learned best with (learning rate, dropout, when to stop) differs
from text to text, so it is found out by cross-validation inside the training part:
the part is cut into folds, and for each candidate the network learns all but one fold
while that one is scored, from "not tuned at all" on. Then the network learns the
training part in the way chosen, is scored on the validation part, and at last learns
the whole text, the validation part too.

The weights that count are an average over the last steps: so a rate that stays as it
is gives, at every moment, about what falling to nothing there would have given, and
one run shows all stopping places at once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from charloom.memory import Evidence, Gate, Memory, build_index, fit_gate, joined
from charloom.model import NetworkShape, Weights
from charloom.model.network import Network
from charloom.scoring import Recalled, nats_by_character, recall
from charloom.text import Ids, ModelError
from charloom.writing import Engine

from .clock import Clock
from .descent import Descent, named
from .progress import Check, Observer, Progress
from .reading import read_streams, swapped
from .trainer import SAVE_EVERY, Task, sample_line

LN2 = math.log(2)
# Passes over the text after which the weights are scored, while a text is tried.
MARKS = (0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64)
PATIENCE = 2  # marks without a better one, after which a candidate goes no further
SHARES = (0.42, 0.68, 0.96)  # of the time: by when to have chosen, learned, and learned the whole
SEED_OF_FOLD = 1000


@dataclass(frozen=True)
class Recipe:
    """One way to tune.

    Args:
        learning_rate: Adam's, the same from the first steps on.
        dropout: the share of each LSTM layer's outputs dropped.
        pull: how strongly the weights are drawn back to where they started, each step,
            as a share of the learning rate (L2-SP, Li et al. 2018, arXiv 1802.01483).
    """

    learning_rate: float
    dropout: float
    pull: float = 0.0


RECIPES = (
    Recipe(1e-3, 0.2),
    Recipe(5e-4, 0.2),
    Recipe(2e-3, 0.3),
)


def streams_for(ids: int) -> int:
    """How many streams a text is cut into: more steps a pass for a small one."""
    return max(1, min(16, ids // 1024))


class Tuner:
    """Tunes one network on a small text; used as a `Trainer` is.

    Args:
        task: what to learn; `task.start` are the weights to begin with.
        whole: the whole text, learned at last; None keeps the validation part out.
        remember: whether the model will have a memory, which then chooses with.
        shape: the network's.
    """

    def __init__(
        self,
        task: Task,
        shape: NetworkShape,
        whole: Ids | None,
        remember: bool,
        observer: Observer,
        save: Callable[[], None] = lambda: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        assert task.start is not None
        self.task, self.shape, self.start, self.whole = task, shape, task.start, whole
        self.observer, self.save, self.stopped = observer, save, stopped
        self.remember = remember
        self.network = Network(shape, 0.1, task.seed)
        self.network.set_arrays(task.start)
        self.opening = np.array(task.opening or (0,), np.int64)
        held_out = 0 if task.validation is None else len(task.validation)
        self.clock = Clock(task.minutes, None, task.plan.batch * task.plan.steps, held_out)
        self.budget = 60 * task.minutes if task.minutes else math.inf
        self.progress = Progress()
        sample = task.train[0:100_000]
        self.ids_per_character = len(sample) / max(1, task.vocabulary.count_characters(sample))
        self.gate: Gate | None = None  # fitted while choosing
        self.scored: Weights | None = None  # that learned the training part alone
        self.best: Weights | None = None  # that the model keeps
        self.running: tuple[Descent, list[torch.Tensor]] | None = None
        self.restored: Weights = {}
        self.saved = self.tried_from = 0.0
        self.started: list[torch.Tensor] = []  # where the pull draws back to

    def run(self) -> bool:
        """Choose, learn, score, learn the whole. False where it was stopped before its end."""
        self.clock.start(self.progress)
        self.observer.start(self.network, self.progress)
        self.saved = time.monotonic()
        try:
            if "chosen" not in self.progress.tuning:
                self._choose()
            if self.scored is None:
                self.scored = self.best = self._learn("learn", self.task.train)
                self._check()
            if self.whole is not None:
                self.best = self._learn("whole", self.whole)
        except _Stopped:
            self.save()
            return False
        self.progress.fraction = 1.0
        return True

    @property
    def scored_weights(self) -> Weights:
        return self.scored if self.scored is not None else self.start

    @property
    def best_weights(self) -> Weights:
        return self.best if self.best is not None else self.scored_weights

    @property
    def recipe(self) -> dict[str, Any]:
        """What was chosen, for the model's card."""
        return self.progress.tuning.get("chosen", {})

    def tensors(self) -> dict[str, np.ndarray]:
        """All that tuning has come to, for a checkpoint."""
        found: dict[str, np.ndarray] = {}
        if self.running is not None and "chosen" in self.progress.tuning:
            descent, average = self.running
            found |= descent.tensors()
            found |= {f"average.{n}": a.cpu().numpy().copy() for n, a in enumerate(average)}
        if self.scored is not None:
            found |= {f"scored.{name}": array for name, array in self.scored.items()}
        return found

    def restore(self, progress: Progress, tensors: Weights) -> None:
        """Go on from a checkpoint; one of the choosing begins with that again."""
        self.progress = progress
        scored = named(tensors, "scored.")
        if scored:
            if {n: a.shape for n, a in scored.items()} != self.shape.tensors():
                raise ModelError("The checkpoint does not fit the network; start again.")
            self.scored = self.best = scored
        if "chosen" in progress.tuning:
            gate = progress.tuning.get("gate")
            self.gate = Gate.from_list(gate) if gate else None
            self.restored = {n: a for n, a in tensors.items() if not n.startswith("scored.")}

    # Choosing

    def _choose(self) -> None:
        """Find the recipe and the number of passes by cross-validation."""
        tuning = self.progress.tuning
        if self.task.plan.epochs is not None:
            tuning["chosen"] = {**asdict(RECIPES[0]), "passes": self.task.plan.epochs}
            return
        folds = self._folds()
        self.observer.note(
            f"Choosing how to learn by cross-validation in {len(folds)} folds of the text."
        )
        best, best_bits, best_evidence = (RECIPES[0], 0), math.inf, list[_Seen]()
        for recipe in RECIPES:
            spent = self.progress.seconds
            curves = self._try(recipe, folds)
            for mark, evidence in curves.items():
                bits = self._held_out_bits(evidence)
                if bits < best_bits:
                    best, best_bits, best_evidence = (recipe, mark), bits, evidence
            took = self.progress.seconds - spent
            self.observer.note(
                f"Rate {recipe.learning_rate:g}, dropout {recipe.dropout:g}: "
                + ", ".join(f"{m} {self._held_out_bits(e):.3f}" for m, e in curves.items())
                + " bits by passes."
            )
            if self.progress.seconds + 0.8 * took > SHARES[0] * self.budget:
                break
        if self.remember:
            self.gate = fit_gate(joined([seen.evidence for seen in best_evidence if seen.evidence]))
            tuning["gate"] = self.gate.to_list()
        recipe, passes = best
        tuning["chosen"] = {**asdict(recipe), "passes": passes, "held_out_bits": best_bits}
        self.observer.note(
            f"Chosen: rate {recipe.learning_rate:g}, {passes} passes, "
            f"{best_bits:.3f} bits held out."
            if passes
            else "Chosen: the network as it is; the text is too small to better it."
        )

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
            memory = recall(
                Memory(build_index(learned), self.shape.vocabulary), held_out, self.opening
            )
        return _Fold(learned, held_out, memory)

    def _try(self, recipe: Recipe, folds: Sequence[_Fold]) -> dict[int, list[_Seen]]:
        """What every fold is held out at, after each number of passes."""
        marks: list[int] = list(MARKS)
        curves: dict[int, list[_Seen]] = {}
        for number, fold in enumerate(folds):
            best, since = math.inf, 0
            for mark in self._marks(recipe, fold, SEED_OF_FOLD + number, marks):
                seen = self._seen(fold)
                curves.setdefault(mark, []).append(seen)
                bits = self._held_out_bits([seen])
                best, since = (bits, 0) if bits < best else (best, since + 1)
                late = self._late(number, len(folds))
                if number == 0 and (since == PATIENCE or late) and mark:
                    marks = [m for m in marks if m <= mark]
                    break
        return {m: found for m, found in curves.items() if len(found) == len(folds)}

    def _late(self, number: int, folds: int) -> bool:
        """Whether the first fold has taken its part of the time that choosing may take."""
        chosen_by = SHARES[0] * self.budget
        return self.progress.seconds - self.tried_from > (chosen_by - self.tried_from) / folds

    def _marks(self, recipe: Recipe, fold: _Fold, seed: int, marks: Sequence[int]) -> Iterator[int]:
        """Learn a fold, stopping at every mark with the averaged weights in the network."""
        self.tried_from = self.progress.seconds
        ids = Ids(fold.learned, np.arange(self.shape.vocabulary))
        descent, average = self._begin(ids, recipe, seed)
        done = 0
        for mark in marks:
            if mark and self.progress.seconds > SHARES[0] * self.budget:
                return  # what no fold was in time for is not chosen
            while done < mark:
                for step in range(descent.steps_per_epoch):
                    self._step(descent, average, recipe, done, step)
                    self._tick(0.0, SHARES[0], self.progress.seconds / (SHARES[0] * self.budget))
                done += 1
                descent.start_epoch()
            with swapped(descent.parameters, average):
                yield mark

    def _seen(self, fold: _Fold) -> _Seen:
        """What a held-out fold costs now, by id, and the evidence for a gate."""
        network_TxV = read_streams(self.network, fold.held_out, self.opening)
        if fold.memory is None:
            return _Seen(-network_TxV[np.arange(len(fold.held_out)), fold.held_out], None)
        evidence = fold.memory.beside(network_TxV, fold.held_out)
        # A gate for each would take longer than the learning between; one that is
        # about right tells as well which weights are better.
        return _Seen(evidence.nats(Gate()), evidence)

    def _held_out_bits(self, seen: Sequence[_Seen]) -> float:
        """Bits by character over all folds, with the memory where there is one."""
        nats = np.concatenate([one.nats_T for one in seen])
        return float(nats.mean()) * self.ids_per_character / LN2

    # Learning

    def _learn(self, stage: str, ids: Ids) -> Weights:
        """Learn in the way that was chosen; the averaged weights."""
        progress, tuning = self.progress, self.progress.tuning
        chosen = tuning["chosen"]
        recipe = Recipe(*(chosen[name] for name in ("learning_rate", "dropout", "pull")))
        passes = chosen["passes"]
        if not passes:
            return self.start
        descent, average = self._begin(ids, recipe, self.task.seed)
        if self.restored and tuning.get("stage") == stage:
            descent.restore({n: a for n, a in self.restored.items() if not n.startswith("average")})
            for number, tensor in enumerate(average):
                tensor.copy_(torch.from_numpy(self.restored[f"average.{number}"].copy()))
        else:
            tuning["stage"] = stage
            progress.epoch = progress.epoch_step = 0
        self.restored = {}
        self.running = descent, average
        low, high = (SHARES[0], SHARES[1]) if stage == "learn" else (SHARES[1], SHARES[2])
        total = passes * descent.steps_per_epoch
        limit = high * self.budget
        while progress.epoch < passes and progress.seconds < limit:
            self._step(descent, average, recipe, progress.epoch, progress.epoch_step)
            progress.epoch_step += 1
            done = progress.epoch * descent.steps_per_epoch + progress.epoch_step
            if progress.epoch_step == descent.steps_per_epoch:
                progress.epoch, progress.epoch_step = progress.epoch + 1, 0
                descent.start_epoch()
            self._tick(low, high, done / total)
        with swapped(descent.parameters, average):
            weights = self.network.get_arrays()
        self.running = None
        return weights

    def _begin(self, ids: Ids, recipe: Recipe, seed: int) -> tuple[Descent, list[torch.Tensor]]:
        self.network.set_arrays(self.start)
        for layer in self.network.dropouts:
            layer.rate = recipe.dropout
        batch = streams_for(len(ids))
        steps = min(self.task.plan.steps, max(1, (len(ids) - 1) // (2 * batch)))
        descent = Descent(self.network, ids, batch, steps, seed)
        self.started = [p.detach().clone() for p in descent.parameters] if recipe.pull else []
        return descent, [p.detach().clone() for p in descent.parameters]

    def _step(
        self,
        descent: Descent,
        average: list[torch.Tensor],
        recipe: Recipe,
        epoch: int,
        step: int,
    ) -> None:
        number = epoch * descent.steps_per_epoch + step + 1
        rate = recipe.learning_rate * min(1.0, number / 10)
        nats, ids = descent.step(epoch, step, rate)
        with torch.no_grad():
            if recipe.pull:
                for p, start in zip(descent.parameters, self.started, strict=True):
                    p.lerp_(start, rate * recipe.pull)
            # A mean over about the last fifth of the steps, however many they are.
            torch._foreach_lerp_(average, descent.parameters, 5.0 / (number + 4.0))
        self.progress.step += 1
        self.progress.learned(nats / LN2, ids, self.ids_per_character)

    def _tick(self, low: float, high: float, share: float) -> None:
        """Bring the figures up to date, tell the observer, save now and then, and stop if asked."""
        progress = self.progress
        self.clock.tick(progress)
        progress.fraction = low + (high - low) * min(1.0, share)
        if self.budget < math.inf:
            progress.seconds_left = max(0.0, self.budget - progress.seconds)
        self.observer.step(progress)
        if self.stopped():
            raise _Stopped
        if time.monotonic() - self.saved >= SAVE_EVERY:
            self.save()
            self.saved = time.monotonic()

    def _check(self) -> None:
        """One point of the history: what the training part has taught about the other."""
        progress, validation = self.progress, self.task.validation
        bits = None
        engine = Engine(self.shape, self.scored_weights)
        if validation is not None:
            ids = validation[0:8192]
            nats = nats_by_character(engine, ids, self.opening)
            bits = float(nats.mean()) * self.ids_per_character / LN2
        check = Check(
            progress.step, 0.0, progress.seconds, progress.training_bits or 0.0, bits, 0.0
        )
        progress.history.append(check)
        self.observer.check(check, sample_line(self.task, engine, progress.step))


class _Stopped(Exception):  # noqa: N818 (no error)
    """The run was asked to stop."""


@dataclass(frozen=True)
class _Fold:
    """A part of the text held out, what is learned without it, and the memory's evidence."""

    learned: np.ndarray
    held_out: np.ndarray
    memory: Recalled | None


@dataclass(frozen=True)
class _Seen:
    """What a fold cost, by id, and the evidence where there is a memory."""

    nats_T: np.ndarray
    evidence: Evidence | None
