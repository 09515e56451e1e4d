"""Tuning: a model that can read already learns one small text, with care.

How to learn is chosen by cross-validation inside the training part (`choosing`). Then the
network learns the training part in the way chosen, is scored on the validation part, and
at last learns the whole text, the validation part too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from charloom.memory import Gate
from charloom.model import NetworkShape, Weights
from charloom.model.network import Network
from charloom.scoring import nats_by_character
from charloom.text import Ids, ModelError
from charloom.writing import Engine

from .checkpoint import Saver
from .choosing import Chooser
from .clock import Clock
from .descent import named
from .lesson import RECIPES, Lesson, Recipe
from .progress import Observer, Progress
from .reading import swapped
from .threads import Threads
from .trainer import Task, sample_line

LN2 = math.log(2)
# Of the time: by when to have chosen, learned the training part, and learned the whole.
CHOSEN, LEARNED, WHOLE = 0.42, 0.68, 0.96
SCORED = "scored."  # what the weights that were scored are called in a checkpoint


class Tuner:
    """Tunes one network on a small text; used as a `Trainer` is.

    Args:
        task: what to learn; `task.start` are the weights to begin with.
        shape: the network's.
        whole: the whole text, learned at last; None keeps the validation part out.
        remember: whether the model will have a memory, which then chooses with.
        observer: told what happens.
        save: called every SAVE_EVERY seconds, and when the run is stopped.
        stopped: asked after every step whether to stop.
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
        self.observer, self.remember, self.stopped = observer, remember, stopped
        self.saver = Saver(save)
        self.network = Network(shape, 0.1, task.seed)
        self.network.set_arrays(task.start)
        self.threads = Threads(shape.units, steady=task.minutes is None)
        held_out = 0 if task.validation is None else len(task.validation)
        self.clock = Clock(task.minutes, None, task.plan.batch * task.plan.steps, held_out)
        self.budget = 60 * task.minutes if task.minutes else math.inf
        self.progress = Progress()
        self.gate: Gate | None = None  # fitted while choosing
        self.scored: Weights | None = None  # that learned the training part alone
        self.best: Weights | None = None  # that the model keeps
        self.lesson: Lesson | None = None  # that is going on, once the way is chosen
        self.restored: Weights = {}

    def run(self) -> bool:
        """Choose, learn, score, learn the whole. False where it was stopped before its end."""
        self.clock.start(self.progress)
        self.observer.start(self.network, self.progress)
        self.saver.start()
        try:
            if "chosen" not in self.progress.tuning:
                self._choose()
            if self.scored is None:
                self.scored = self.best = self._learn("learn", self.task.train)
                self._check()
            if self.whole is not None:
                self.best = self._learn("whole", self.whole)
        except _Stopped:
            self.saver.save()
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
        found: dict[str, np.ndarray] = {} if self.lesson is None else self.lesson.tensors()
        return found | {f"{SCORED}{name}": array for name, array in (self.scored or {}).items()}

    def restore(self, progress: Progress, tensors: Weights) -> None:
        """Go on from a checkpoint; one of the choosing begins with that again."""
        self.progress = progress
        scored = named(tensors, SCORED)
        if scored:
            if {n: a.shape for n, a in scored.items()} != self.shape.tensors():
                raise ModelError("The checkpoint does not fit the network; start again.")
            self.scored = self.best = scored
        if "chosen" in progress.tuning:
            gate = progress.tuning.get("gate")
            self.gate = Gate.from_list(gate) if gate else None
            self.restored = {n: a for n, a in tensors.items() if not n.startswith(SCORED)}

    def _choose(self) -> None:
        """Find the recipe and the number of passes."""
        tuning, epochs = self.progress.tuning, self.task.plan.epochs
        if epochs is not None:
            tuning["chosen"] = {**asdict(RECIPES[0]), "passes": epochs}
            return

        def time_left() -> float:
            self.clock.tick(self.progress)
            return CHOSEN * self.budget - self.progress.seconds

        def step(lesson: Lesson) -> None:
            self._step(lesson, 0.0, CHOSEN, self.progress.seconds / (CHOSEN * self.budget))

        def better(passes: int, bits: float) -> None:
            self._tell(Engine(self.shape, self.network.get_arrays()), passes, bits)

        note = self.observer.note
        chooser = Chooser(
            self.task, self.network, self.remember, time_left, step, note, better, self.threads
        )
        choice = chooser.choose()
        self.gate = choice.gate
        if choice.gate is not None:
            tuning["gate"] = choice.gate.to_list()
        tuning["chosen"] = {
            **asdict(choice.recipe),
            "passes": choice.passes,
            "held_out_bits": choice.bits,
        }
        self.observer.note(
            f"Chosen: rate {choice.recipe.learning_rate:g}, {choice.passes} passes, "
            f"{choice.bits:.3f} bits held out."
            if choice.passes
            else "Chosen: the network as it is; the text is too small to better it."
        )

    def _learn(self, stage: str, ids: Ids) -> Weights:
        """Learn in the way that was chosen; the averaged weights."""
        progress, tuning = self.progress, self.progress.tuning
        recipe = Recipe(*(tuning["chosen"][n] for n in ("learning_rate", "dropout")))
        passes = tuning["chosen"]["passes"]
        if not passes:
            return self.start
        seed, steps = self.task.seed, self.task.plan.steps
        lesson = Lesson(self.network, self.start, ids, recipe, steps, seed, self.threads)
        if self.restored and tuning.get("stage") == stage:
            lesson.restore(self.restored, progress.epoch, progress.epoch_step)
        tuning["stage"], self.restored, self.lesson = stage, {}, lesson
        low, high = (CHOSEN, LEARNED) if stage == "learn" else (LEARNED, WHOLE)
        while lesson.epoch < passes and progress.seconds < high * self.budget:
            self._step(lesson, low, high, lesson.passes / passes)
        with swapped(lesson.parameters, lesson.average):
            weights = self.network.get_arrays()
        self.lesson = None
        return weights

    def _step(self, lesson: Lesson, low: float, high: float, share: float) -> None:
        """One step, counted, shown, and the run saved now and then; stops it if asked.

        Args:
            lesson: what makes it.
            low, high: the part of the run that the lesson is.
            share: how much of that part is over.
        """
        progress = self.progress
        nats, ids = lesson.step()
        progress.step += 1
        progress.epoch, progress.epoch_step = lesson.epoch, lesson.epoch_step
        progress.learned(nats / LN2, ids, self.task.ids_per_character)
        self.clock.tick(progress)
        progress.fraction = low + (high - low) * min(1.0, share)
        if self.budget < math.inf:
            progress.seconds_left = max(0.0, self.budget - progress.seconds)
        self.observer.step(progress)
        if self.stopped():
            raise _Stopped
        self.saver.now_and_then()

    def _check(self) -> None:
        """What the training part has taught about the validation part."""
        validation = self.task.validation
        bits = None
        engine = Engine(self.shape, self.scored_weights)
        if validation is not None:
            opening = np.array(self.task.opening or (0,), np.int64)
            nats = nats_by_character(engine, validation[0:8192], opening)
            bits = float(nats.mean()) * self.task.ids_per_character / LN2
        self._tell(engine, self.progress.tuning["chosen"]["passes"], bits)

    def _tell(self, engine: Engine, passes: float, bits: float | None) -> None:
        progress = self.progress
        progress.best_bits = bits
        check = progress.checked(passes, bits, 0.0)
        self.observer.check(check, sample_line(self.task, engine, progress.step))


class _Stopped(Exception):  # noqa: N818 (no error)
    """The run was asked to stop."""
