"""The training loop: truncated backpropagation through time, with the state carried on."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from charloom.model import ModelData, NetworkShape, Weights
from charloom.model.network import Network
from charloom.scoring import Score, nats_by_character, spread_nats
from charloom.text import Ids, ModelError, Vocabulary
from charloom.writing import Engine, Request, Sampling, stream

from .clock import Clock
from .plan import Plan
from .progress import Check, Observer, Progress
from .streams import Streams

LN2 = math.log(2)
CLIP = 1.0  # the gradients' norm; on tiny Shakespeare it binds in the first few steps only
SAMPLE_LENGTH = 64
WARM_UP = 8192  # characters scored before the clock starts, to know how fast that goes
SAVE_EVERY = 30.0  # seconds between checkpoints


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
        self.task, self.observer, self.save, self.stopped = task, observer, save, stopped
        plan = task.plan
        self.shape = NetworkShape(task.vocabulary.size, plan.units, plan.layers)
        self.network = Network(self.shape, plan.dropout, task.seed)
        self.parameters = [variable.value for variable in self.network.trainable_variables]
        # PyTorch's Adam in one fused pass: Keras' own took 3 % more of a step's time.
        self.optimizer = torch.optim.Adam(self.parameters, plan.learning_rate, fused=True)
        self.streams = Streams(task.train, plan.batch, plan.steps, task.seed)
        self.states = self.network.initial_states(plan.batch)
        held_out = 0 if task.validation is None else len(task.validation)
        steps = None if plan.epochs is None else plan.epochs * self.streams.steps_per_epoch
        self.clock = Clock(task.minutes, steps, plan.batch * plan.steps, held_out)
        self.progress = Progress()
        self.best: dict[str, np.ndarray] | None = None
        sample = task.train[0:100_000]
        characters = max(1, task.vocabulary.count_characters(sample))
        self.ids_per_character = len(sample) / characters  # over 1 for bytes, and with ends
        _start_from_frequencies(self.network, task.train)

    def run(self) -> bool:
        """Train to the end. False where it was stopped before."""
        progress = self.progress
        self._warm_up()
        self.observer.start(self.network, progress)
        self.clock.start(progress)
        saved = time.monotonic()
        while progress.fraction < 1:
            if self.stopped():
                self.save()
                return False
            self._step()
            self.clock.tick(progress)
            self.observer.step(progress)
            if self.clock.check_due(progress):
                self._check()
            if time.monotonic() - saved >= SAVE_EVERY:
                self.save()
                saved = time.monotonic()
        if not progress.history or progress.history[-1].step < progress.step:
            self._check()
        return True

    def final_score(self) -> Score | None:
        """The exact score of the best weights on the validation part, or on as much as fits."""
        validation = self.task.validation
        if validation is None:
            return None
        ids = validation[0 : self.clock.final_characters()]
        nats = self._nats(self._engine(self.best_weights), ids).sum()
        vocabulary = self.task.vocabulary
        unknown = int((ids == vocabulary.unknown).sum())
        return Score(
            float(nats),
            vocabulary.count_characters(ids),
            vocabulary.count_bytes(ids),
            Counter({"": unknown} if unknown else {}),
        )

    @property
    def best_weights(self) -> Weights:
        """Those with the best validation score, or the newest where nothing validates."""
        return self.best if self.best is not None else self.network.get_arrays()

    def tensors(self) -> dict[str, np.ndarray]:
        """All that training changes, for a checkpoint."""
        named = {f"weights.{name}": array for name, array in self.network.get_arrays().items()}
        for name, array in (self.best or {}).items():
            named[f"best.{name}"] = array
        for name, tensor in self._other_tensors().items():
            named[name] = tensor.detach().cpu().numpy().copy()
        for number, pair in enumerate(self.states):
            for part, state in zip("hc", pair, strict=True):
                named[f"states.{number}.{part}"] = state.cpu().numpy().copy()
        return named

    def restore(self, progress: Progress, tensors: Weights) -> None:
        """Go on from a checkpoint's place and tensors."""
        expected = {name: array.shape for name, array in self.tensors().items()}
        found = {n: a.shape for n, a in tensors.items() if not n.startswith("best.")}
        if found != expected:
            raise ModelError("The checkpoint does not fit the network; start the training again.")
        self.progress = progress
        self.network.set_arrays(_named(tensors, "weights."))
        self.best = _named(tensors, "best.") or None
        for name, tensor in self._other_tensors().items():
            tensor.data.copy_(torch.from_numpy(tensors[name].copy()))
        self.states = [
            (
                torch.from_numpy(tensors[f"states.{number}.h"].copy()).to(h.device),
                torch.from_numpy(tensors[f"states.{number}.c"].copy()).to(c.device),
            )
            for number, (h, c) in enumerate(self.states)
        ]

    def _other_tensors(self) -> dict[str, torch.Tensor]:
        """Adam's moments and count of steps, and the seeds of the dropouts."""
        named: dict[str, torch.Tensor] = {}
        for number, parameter in enumerate(self.parameters):
            # PyTorch makes them at the first step; a checkpoint may be read before.
            state = self.optimizer.state[parameter]
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
            for name in ("step", "exp_avg", "exp_avg_sq"):
                named[f"optimizer.{number}.{name}"] = state[name]
        for number, dropout in enumerate(self.network.dropouts):
            if dropout.rate > 0:  # without it Keras keeps no seed
                named[f"seeds.{number}"] = dropout.seed_generator.state.value
        return named

    def _step(self) -> None:
        progress = self.progress
        if progress.epoch_step == self.streams.steps_per_epoch:
            progress.epoch, progress.epoch_step = progress.epoch + 1, 0
            self.states = self.network.initial_states(self.task.plan.batch)
        x_BxT, y_BxT = self._read(progress.epoch, progress.epoch_step)
        logits_BxTxV, states = self.network(x_BxT, self.states, training=True)
        loss = torch.nn.functional.cross_entropy(logits_BxTxV.flatten(0, 1), y_BxT.flatten())
        self.states = [(h.detach(), c.detach()) for h, c in states]
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, CLIP)
        rate = self.task.plan.learning_rate * self.clock.learning_rate(progress)
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()

        progress.step += 1
        progress.epoch_step += 1
        progress.characters += round(y_BxT.numel() / self.ids_per_character)
        bits = loss.item() * self.ids_per_character / LN2
        # A mean over about the last fifty steps: steady enough to read, soon forgetting.
        old = progress.training_bits
        progress.training_bits = bits if old is None else old + 0.02 * (bits - old)

    def _read(self, epoch: int, step: int) -> tuple[Any, Any]:
        device = self.parameters[0].device
        x, y = self.streams.read(epoch, step)
        return torch.from_numpy(x).to(device), torch.from_numpy(y.copy()).to(device)

    def _warm_up(self) -> None:
        """What is slow only once (kernels chosen, threads started), before the clock starts."""
        x, _ = self._read(0, 0)
        with torch.no_grad():
            self.network(x, self.states)
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
        check = Check(
            progress.step,
            progress.epoch + progress.epoch_step / self.streams.steps_per_epoch,
            progress.seconds,
            progress.training_bits or 0.0,
            bits,
            self.task.plan.learning_rate * clock.learning_rate(progress),
        )
        progress.history.append(check)
        self.observer.check(check, self._sample(engine))
        if clock.stopped_improving(progress):
            # Back to the best weights, and from there to rest: what the learning
            # rate's noise still hides there is found while it falls to nothing.
            progress.winding_down_from = progress.step
            progress.winding_down_rate = clock.learning_rate(progress)
            self.network.set_arrays(self.best_weights)
            self.observer.note("Validation has stopped improving; winding down from the best.")
        clock.checked(progress)

    def _score(self, ids: np.ndarray, engine: Engine | None = None) -> float:
        """Bits per character, and how fast scoring goes here."""
        engine = engine or self._engine(self.network.get_arrays())
        begun = time.monotonic()
        nats = self._nats(engine, ids).sum()
        self.clock.scored(len(ids), time.monotonic() - begun)
        return float(nats) / LN2 / max(1, self.task.vocabulary.count_characters(ids))

    def _nats(self, engine: Engine, ids: np.ndarray) -> np.ndarray:
        nats = nats_by_character(engine, ids, np.array(self.task.opening, np.int64))
        return nats + spread_nats(self.task.vocabulary, ids)

    def _engine(self, weights: Weights) -> Engine:
        return Engine(self.shape, weights)

    def _sample(self, engine: Engine) -> str:
        task = self.task
        data = ModelData(self.shape, task.vocabulary, {}, task.opening)
        request = Request(length=SAMPLE_LENGTH, seed=self.progress.step, sampling=Sampling(0.7))
        return "".join(piece for _, piece in stream(engine, data, request))


def _start_from_frequencies(network: Network, train: Ids) -> None:
    """The dense layer's bias starts at the characters' log frequencies.

    The first steps then need not learn them; on tiny Shakespeare this and Keras'
    initial weights end 0.035 nats lower than PyTorch's in equal time.
    """
    counts = np.bincount(train[0:1_000_000], minlength=network.shape.vocabulary) + 0.5
    network.dense.bias.assign(np.log(counts / counts.sum()).astype(np.float32))


def _named(tensors: Weights, prefix: str) -> dict[str, np.ndarray]:
    return {n.removeprefix(prefix): a for n, a in tensors.items() if n.startswith(prefix)}
