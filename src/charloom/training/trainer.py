"""The training loop: truncated backpropagation through time, with the state carried on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from charloom.memory import Gate
from charloom.model import ModelData, NetworkShape, Weights
from charloom.model.network import Network
from charloom.scoring import nats_by_label, spread_nats
from charloom.text import Ids, ModelError, Vocabulary
from charloom.writing import Engine, Request, Sampling, stream

from .checkpoint import Saver
from .clock import Clock
from .descent import Descent, named
from .plan import Plan
from .progress import Observer, Progress
from .ranks import Ranks
from .threads import Threads

LN2 = math.log(2)
SAMPLE_LENGTH = 64
WARM_UP = 8192  # characters scored before the clock starts, to know how fast that goes


@dataclass(frozen=True)
class Task:
    """What is to be learned, and how."""

    train: Ids
    validation: Ids | None
    vocabulary: Vocabulary
    opening: tuple[int, ...]
    plan: Plan
    minutes: float | None  # None where the plan counts epochs
    seed: int
    start: Weights | None = None  # another model's, to go on from
    labels: tuple[str, ...] = ()  # by the numbers that they have in the text
    ranks: Ranks | None = None  # where several processes train together

    @cached_property
    def ids_per_character(self) -> float:
        """Over 1 for bytes, and with ends."""
        sample = self.train[0:100_000]
        return len(sample) / max(1, self.vocabulary.count_characters(sample))


class Trainer:
    """Trains one network.

    Args:
        task: what to learn.
        observer: told what happens.
        save: called every SAVE_EVERY seconds, and when the run is stopped.
        stopped: asked after every step whether to stop.
    """

    def __init__(
        self,
        task: Task,
        observer: Observer,
        save: Callable[[], None] = lambda: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.task, self.observer, self.stopped = task, observer, stopped
        self.saver = Saver(save)
        plan = task.plan
        self.shape = NetworkShape(
            task.vocabulary.size, plan.units, plan.layers, labels=len(task.labels)
        )
        self.network = Network(self.shape, plan.dropout, task.seed)
        threads = Threads(plan.units, steady=plan.epochs is not None)
        self.descent = self._descent(threads)
        held_out = 0 if task.validation is None else len(task.validation)
        steps = None if plan.epochs is None else plan.epochs * self.descent.steps_per_epoch
        self.clock = Clock(task.minutes, steps, plan.batch * plan.steps, held_out)
        self.progress = Progress()
        self.best: dict[str, np.ndarray] | None = None
        self.gate: Gate | None = None  # none is fitted on the way

    def _descent(self, threads: Threads) -> Descent:
        task, plan, network = self.task, self.task.plan, self.network
        # Before other processes are joined, which begin with the weights of the first.
        if task.start is None:
            _start_from_frequencies(network, task.train)
        else:
            network.set_arrays(task.start)
        how = (task.train, plan.batch, plan.steps, task.seed, threads, plan.weight_decay)
        if task.ranks is None:
            return Descent(network, *how)
        from .shared import SharedDescent

        return SharedDescent(network, *how, task.ranks)

    def run(self) -> bool:
        """Train to the end. False where it was stopped before."""
        progress = self.progress
        self._warm_up()
        self.observer.start(self.network, progress)
        self.clock.start(progress)
        self.saver.start()
        if self.task.start is not None and not progress.history:
            self._check()  # so that what is trained on never ends worse than it began
        while progress.fraction < 1:
            if self.stopped():
                self.saver.save()
                return False
            self._step()
            self.clock.tick(progress)
            self.observer.step(progress)
            if self.clock.check_due(progress):
                self._check()
            self.saver.now_and_then()
        if not progress.history or progress.history[-1].step < progress.step:
            self._check()
        return True

    @property
    def scored_weights(self) -> Weights:
        """Those that the score is of."""
        return self.best_weights

    @property
    def recipe(self) -> dict[str, Any]:
        """What was found out on the way, for the model's card: nothing here."""
        return {}

    @property
    def best_weights(self) -> Weights:
        """Those with the best validation score, or the newest where nothing validates."""
        return self.best if self.best is not None else self.network.get_arrays()

    def tensors(self) -> dict[str, np.ndarray]:
        """All that training changes, for a checkpoint."""
        best = {f"best.{name}": array for name, array in (self.best or {}).items()}
        return self.descent.tensors() | best

    def restore(self, progress: Progress, tensors: Weights) -> None:
        """Go on from a checkpoint's place and tensors."""
        expected = {name: array.shape for name, array in self.descent.tensors().items()}
        found = {n: a.shape for n, a in tensors.items() if not n.startswith("best.")}
        if found != expected:
            raise ModelError("The checkpoint does not fit the network; start the training again.")
        self.progress = progress
        self.descent.restore(tensors)
        self.best = named(tensors, "best.") or None

    def _step(self) -> None:
        progress = self.progress
        if progress.epoch_step == self.descent.steps_per_epoch:
            progress.epoch, progress.epoch_step = progress.epoch + 1, 0
            self.descent.start_epoch()
        rate = self.task.plan.learning_rate * self.clock.learning_rate(progress)
        nats, ids = self.descent.step(progress.epoch, progress.epoch_step, rate)
        progress.step += 1
        progress.epoch_step += 1
        progress.learned(nats / LN2, ids, self.task.ids_per_character)

    def _warm_up(self) -> None:
        """What is slow only once (kernels chosen, threads started), before the clock starts."""
        x, _ = self.descent.feed.read(0, 0)
        self.network(x, self.descent.states)
        if self.task.validation is not None:
            self._score(self.task.validation[0:WARM_UP])
        # Fixed here: a check of more or fewer characters would not compare with the others.
        self.progress.check_characters = (
            self.progress.check_characters or self.clock.check_characters()
        )

    def _check(self) -> None:
        """Score some of the validation part, keep the best weights, and decide what follows."""
        progress, clock, validation = self.progress, self.clock, self.task.validation
        weights = self.network.get_arrays()
        engine = self._engine(weights)
        bits = None
        if validation is not None:
            bits = self._score(validation[0 : progress.check_characters], engine)
            if progress.best_bits is None or bits < progress.best_bits:
                progress.best_bits, self.best = bits, weights
        check = progress.checked(
            progress.epoch + progress.epoch_step / self.descent.steps_per_epoch,
            bits,
            self.task.plan.learning_rate * clock.learning_rate(progress),
        )
        self.observer.check(check, self._sample(engine))
        if clock.stopped_improving(progress):
            # Back to the best weights, and from there to rest: what the learning
            # rate's noise still hides there is found while it falls to nothing.
            progress.winding_down_rate = clock.learning_rate(progress)
            progress.winding_down_from = progress.step
            self.descent.set_arrays(self.best_weights)
            self.observer.note("Validation has stopped improving; winding down from the best.")
        clock.checked(progress)

    def _sample(self, engine: Engine) -> str:
        """A line in the manner of one label after another, where there are labels."""
        labels, step = self.task.labels, self.progress.step
        if not labels:
            return sample_line(self.task, engine, step)
        number = (len(self.progress.history) - 1) % len(labels)
        engine = engine.with_labels(np.eye(len(labels))[number])
        return f"{labels[number]}: {sample_line(self.task, engine, step)}"

    def _score(self, ids: np.ndarray, engine: Engine | None = None) -> float:
        """Bits per character, and how fast scoring goes here."""
        engine = engine or self._engine(self.network.get_arrays())
        begun = time.monotonic()
        nats = self._nats(engine, ids).sum()
        self.clock.scored(len(ids), time.monotonic() - begun)
        return float(nats) / LN2 / max(1, self.task.vocabulary.count_characters(ids))

    def _nats(self, engine: Engine, ids: np.ndarray) -> np.ndarray:
        validation, opening = self.task.validation, np.array(self.task.opening, np.int64)
        # What is scored is always the first part of the validation part.
        labels_T = None if validation is None else validation.labels_at(np.arange(len(ids)))
        nats = nats_by_label(engine, ids, labels_T, opening)
        return nats + spread_nats(self.task.vocabulary, ids)

    def _engine(self, weights: Weights) -> Engine:
        return Engine(self.shape, weights)


def sample_line(task: Task, engine: Engine, seed: int) -> str:
    """A line that a network writes now."""
    data = ModelData(engine.shape, task.vocabulary, {}, task.opening)
    request = Request(length=SAMPLE_LENGTH, seed=seed, sampling=Sampling(0.7))
    return "".join(piece for _, piece in stream(engine, data, request))


def _start_from_frequencies(network: Network, train: Ids) -> None:
    """The dense layer's bias starts at the characters' log frequencies.

    The first steps then need not learn them; on tiny Shakespeare this and Keras'
    initial weights end 0.035 nats lower than PyTorch's in equal time.
    """
    counts = np.bincount(train[0:1_000_000], minlength=network.shape.vocabulary) + 0.5
    network.dense.bias.assign(np.log(counts / counts.sum()).astype(np.float32))
