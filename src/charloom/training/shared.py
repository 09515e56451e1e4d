"""Gradient descent of several processes on one network: each learns its own streams.

Gradients are averaged by PyTorch's DistributedDataParallel (Li et al. 2020, arXiv 2006.15704),
so all processes make the same step on the same weights.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from charloom.model import Weights
from charloom.model.network import Network
from charloom.text import Ids

from .descent import Descent
from .ranks import Order, Ranks, share_object, together
from .threads import Threads

STATES = "states."


class SharedDescent(Descent):
    """As `Descent`; `batch` are the streams of all processes.

    Rank 0's is used by its trainer, those of the others by `follow`.
    """

    def __init__(
        self,
        network: Network,
        ids: Ids,
        batch: int,
        steps: int,
        seed: int,
        threads: Threads,
        weight_decay: float,
        ranks: Ranks,
    ) -> None:
        self.ranks = ranks
        super().__init__(network, ids, batch, steps, seed, threads, weight_decay)
        self.rows = ranks.rows(batch)
        self.batch = self.rows.stop - self.rows.start
        self.streams.rows = self.rows
        self.start_epoch()
        self._own_dropout()
        with together():
            self.forward = DistributedDataParallel(network)

    def step(self, epoch: int, epoch_step: int, learning_rate: float) -> tuple[float, int]:
        """One step of all processes: the mean loss of all their ids, and how many they were."""
        if self.ranks.leads:
            self.ranks.tell(Order.STEP, epoch, epoch_step, learning_rate)
        elif epoch_step == 0:
            self.start_epoch()
        with together():
            nats, ids = super().step(epoch, epoch_step, learning_rate)
            mean = torch.tensor([nats], dtype=torch.float64)
            torch.distributed.all_reduce(mean)
        return float(mean) / self.ranks.size, ids * self.ranks.size

    def set_arrays(self, weights: Weights | None) -> None:
        """Take weights in all processes; the others are given rank 0's."""
        if self.ranks.leads:
            self.ranks.tell(Order.WEIGHTS)
        super().set_arrays(share_object(weights, self.ranks))

    def tensors(self) -> dict[str, np.ndarray]:
        """All that a step changes, the states of all processes' streams together."""
        if self.ranks.leads:
            self.ranks.tell(Order.GATHER)
        named = super().tensors()
        for name in [name for name in named if name.startswith(STATES)]:
            own = torch.from_numpy(named[name])
            parts = [torch.empty_like(own) for _ in range(self.ranks.size)]
            with together():
                torch.distributed.all_gather(parts, own)
            named[name] = torch.cat(parts).numpy()
        return named

    def restore(self, tensors: Weights | None) -> None:
        """Go on from what `tensors` gave rank 0."""
        if self.ranks.leads:
            self.ranks.tell(Order.RESTORE)
        found = share_object(tensors, self.ranks)
        own = {n: a[self.rows] if n.startswith(STATES) else a for n, a in found.items()}
        super().restore(own)
        self._own_dropout()

    def end(self) -> None:
        """Send the others home."""
        self.ranks.tell(Order.END)

    def _own_dropout(self) -> None:
        """Other masks than the other processes': their streams are others, too."""
        for dropout in self.network.dropouts:
            if dropout.rate > 0:
                dropout.seed_generator.state.value[0] += self.ranks.rank


def follow(descent: SharedDescent) -> None:
    """Do what rank 0 says, until it ends."""
    while True:
        order, numbers = descent.ranks.hear()
        if order == Order.STEP:
            descent.step(int(numbers[0]), int(numbers[1]), numbers[2])
        elif order == Order.WEIGHTS:
            descent.set_arrays(None)
        elif order == Order.GATHER:
            descent.tensors()
        elif order == Order.RESTORE:
            descent.restore(None)
        else:
            return
