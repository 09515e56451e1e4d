"""One way to tune a network on a small text, and learning in that way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from charloom.model import Weights
from charloom.model.network import Network
from charloom.text import Ids

from .descent import Descent
from .threads import Threads

WARM_UP = 10  # steps in which the learning rate rises
AVERAGE = "average."  # what the averaged weights are called in a checkpoint


@dataclass(frozen=True)
class Recipe:
    """One way to tune.

    Args:
        learning_rate: Adam's, the same from the first steps on.
        dropout: the share of each LSTM layer's outputs dropped.
    """

    learning_rate: float
    dropout: float


# Neither drawing the weights back to where they started nor tuning a part of them alone is among
# these: over folds of 2, 10 and 30 KB of Moby Dick the first gained 0.000 to 0.001 bits at its best
# strength, the LSTM alone lost up to 0.007, all but the LSTM 0.02 to 0.04 (benchmarks/README.md).
RECIPES = (
    Recipe(1e-3, 0.2),
    Recipe(5e-4, 0.2),
    Recipe(2e-3, 0.3),
)


class Lesson:
    """Learns a text in one way, from given weights on.

    The weights that count are an average over the last steps: so a rate that stays as it
    is gives, at every moment, about what falling to nothing there would have given, and
    one run shows all stopping places at once.

    Args:
        network: what learns, in place.
        start: the weights to begin with.
        ids: what is learned.
        recipe: how.
        steps: ids that gradients reach back over, at most.
        seed: fixes all chance.
        threads: what steps are made with.
    """

    def __init__(
        self,
        network: Network,
        start: Weights,
        ids: Ids,
        recipe: Recipe,
        steps: int,
        seed: int,
        threads: Threads,
    ) -> None:
        network.set_arrays(start)
        for layer in network.dropouts:
            layer.rate = recipe.dropout
        batch = streams_for(len(ids))
        steps = min(steps, max(1, (len(ids) - 1) // (2 * batch)))
        self.recipe = recipe
        self.descent = Descent(network, ids, batch, steps, seed, threads)
        self.average = [p.detach().clone() for p in self.parameters]
        self.epoch = self.epoch_step = 0

    @property
    def parameters(self) -> list[torch.Tensor]:
        return self.descent.parameters

    @property
    def steps_per_epoch(self) -> int:
        return self.descent.steps_per_epoch

    @property
    def passes(self) -> float:
        """How often the text has been learned."""
        return self.epoch + self.epoch_step / self.steps_per_epoch

    def step(self) -> tuple[float, int]:
        """One step: the mean loss of its ids in nats, and how many they were."""
        number = self.epoch * self.steps_per_epoch + self.epoch_step + 1
        rate = self.recipe.learning_rate * min(1.0, number / WARM_UP)
        nats, ids = self.descent.step(self.epoch, self.epoch_step, rate)
        with torch.no_grad():
            # A mean over about the last fifth of the steps, however many they are.
            torch._foreach_lerp_(self.average, self.parameters, 5.0 / (number + 4.0))
        self.epoch_step += 1
        if self.epoch_step == self.steps_per_epoch:
            self.epoch, self.epoch_step = self.epoch + 1, 0
            self.descent.start_epoch()
        return nats, ids

    def tensors(self) -> dict[str, np.ndarray]:
        """All that a step changes, for a checkpoint."""
        averages = enumerate(self.average)
        named = {f"{AVERAGE}{number}": a.cpu().numpy().copy() for number, a in averages}
        return self.descent.tensors() | named

    def restore(self, tensors: Weights, epoch: int, epoch_step: int) -> None:
        """Go on from what `tensors` gave, at this place."""
        self.descent.restore({n: a for n, a in tensors.items() if not n.startswith(AVERAGE)})
        for number, tensor in enumerate(self.average):
            tensor.copy_(torch.from_numpy(tensors[f"{AVERAGE}{number}"].copy()))
        self.epoch, self.epoch_step = epoch, epoch_step


def streams_for(ids: int) -> int:
    """How many streams a text is cut into: more steps a pass for a small one."""
    return max(1, min(16, ids // 1024))
