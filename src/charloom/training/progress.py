"""What happens while a model is trained, told to whoever listens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Check:
    """A look at the validation part (or, where there is none, at the training loss)."""

    step: int
    epoch: float
    seconds: float
    training_bits: float
    validation_bits: float | None
    learning_rate: float


@dataclass
class Progress:
    """Where a training run stands."""

    step: int = 0
    epoch: int = 0
    epoch_step: int = 0
    seconds: float = 0.0
    characters: int = 0
    training_bits: float | None = None  # a running mean
    best_bits: float | None = None  # the best validation score so far
    fraction: float = 0.0  # of the schedule
    seconds_left: float | None = None
    characters_per_second: float = 0.0
    check_characters: int = 0  # what every check looks at, so that all compare
    winding_down_from: int | None = None  # the step at which validation had stopped improving
    winding_down_rate: float = 0.0  # the learning rate there
    history: list[Check] = field(default_factory=list)
    tuning: dict[str, Any] = field(default_factory=dict)  # what tuning has chosen so far

    def learned(self, bits: float, ids: int, ids_per_character: float) -> None:
        """A step is made; `bits` is its mean loss by id."""
        self.characters += round(ids / ids_per_character)
        bits *= ids_per_character
        # A mean over about the last fifty steps: steady enough to read, soon forgetting.
        old = self.training_bits
        self.training_bits = bits if old is None else old + 0.02 * (bits - old)

    def checked(self, epoch: float, bits: float | None, learning_rate: float) -> Check:
        """A check, here and now, that joins the history; before any step `bits` is all there is."""
        training = self.training_bits if self.training_bits is not None else bits or 0.0
        self.history.append(Check(self.step, epoch, self.seconds, training, bits, learning_rate))
        return self.history[-1]


class Observer:
    """Listens to a training run; every method may be left as it is."""

    def note(self, message: str) -> None:
        """Something the user should know, in a sentence."""

    def start(self, network: Any, progress: Progress) -> None:
        """The first step is about to be taken."""

    def yardsticks(self, scores: dict[str, float]) -> None:
        """What an n-gram and `xz` need for the validation part: told early where texts are small.

        Args:
            scores: bits per character, by the names that they have among a model's scores.
        """

    def step(self, progress: Progress) -> None:
        """A step was taken."""

    def check(self, check: Check, sample: str) -> None:
        """The validation part was scored; `sample` is a line that the model writes now."""

    def finish(self, scores: dict[str, Any]) -> None:
        """Training is over, and the model is saved."""

    def close(self) -> None:
        """The run is over, however it ended."""


class Observers(Observer):
    """Several observers as one."""

    def __init__(self, *observers: Observer) -> None:
        self.observers = observers

    def note(self, message: str) -> None:
        for observer in self.observers:
            observer.note(message)

    def start(self, network: Any, progress: Progress) -> None:
        for observer in self.observers:
            observer.start(network, progress)

    def yardsticks(self, scores: dict[str, float]) -> None:
        for observer in self.observers:
            observer.yardsticks(scores)

    def step(self, progress: Progress) -> None:
        for observer in self.observers:
            observer.step(progress)

    def check(self, check: Check, sample: str) -> None:
        for observer in self.observers:
            observer.check(check, sample)

    def finish(self, scores: dict[str, Any]) -> None:
        for observer in self.observers:
            observer.finish(scores)

    def close(self) -> None:
        for observer in self.observers:
            observer.close()
