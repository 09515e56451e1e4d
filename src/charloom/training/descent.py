"""One step of gradient descent after another on a network, with the state carried on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from charloom.model import Weights
from charloom.model.network import Network
from charloom.text import Ids

from .feed import Feed
from .streams import Streams
from .threads import Threads

CLIP = 1.0  # the gradients' norm; on tiny Shakespeare it binds in the first few steps only


class Descent:
    """Truncated backpropagation through time with Adam.

    Args:
        network: what is trained, in place.
        ids: what it learns.
        batch, steps: streams side by side, and ids that gradients reach back over.
        seed: fixes where every epoch starts.
        threads: what a step is made with.
        weight_decay: the share of the learning rate by which weights shrink in a step (AdamW,
            Loshchilov and Hutter 2019, arXiv 1711.05101).
    """

    def __init__(
        self,
        network: Network,
        ids: Ids,
        batch: int,
        steps: int,
        seed: int,
        threads: Threads,
        weight_decay: float = 0.0,
    ) -> None:
        self.network, self.batch, self.threads = network, batch, threads
        self.forward: Any = network  # what a step calls
        self.parameters = [variable.value for variable in network.trainable_variables]
        # PyTorch's Adam in one fused pass: Keras' own took 3 % more of a step's time.
        self.optimizer = torch.optim.AdamW(self.parameters, fused=True, weight_decay=weight_decay)
        self.streams = Streams(ids, batch, steps, seed)
        self.feed = Feed(self.streams, self.parameters[0].device)
        self.states = network.initial_states(batch)

    @property
    def steps_per_epoch(self) -> int:
        return self.streams.steps_per_epoch

    def start_epoch(self) -> None:
        """Forget what was read: an epoch starts at another place."""
        self.states = self.network.initial_states(self.batch)

    def step(self, epoch: int, epoch_step: int, learning_rate: float) -> tuple[float, int]:
        """Learn from the ids at one place; their mean loss in nats, and how many they were."""
        return self.threads.timed(lambda: self._step(epoch, epoch_step, learning_rate))

    def _step(self, epoch: int, epoch_step: int, learning_rate: float) -> tuple[float, int]:
        x_BxT, y_BxT = self.feed.read(epoch, epoch_step)
        labels_BxT = self.feed.read_labels(epoch, epoch_step)
        logits_BxTxV, states = self.forward(x_BxT, self.states, training=True, labels=labels_BxT)
        loss = torch.nn.functional.cross_entropy(logits_BxTxV.flatten(0, 1), y_BxT.flatten())
        self.states = [(h.detach(), c.detach()) for h, c in states]
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, CLIP)
        self.optimizer.param_groups[0]["lr"] = learning_rate
        self.optimizer.step()
        return loss.item(), y_BxT.numel()

    def set_arrays(self, weights: Weights) -> None:
        """Take a network's weights by name; the optimizer's moments stay."""
        self.network.set_arrays(weights)

    def tensors(self) -> dict[str, np.ndarray]:
        """All that a step changes, for a checkpoint."""
        named = {f"weights.{name}": array for name, array in self.network.get_arrays().items()}
        for name, tensor in self._other_tensors().items():
            named[name] = tensor.detach().cpu().numpy().copy()
        for number, pair in enumerate(self.states):
            for part, state in zip("hc", pair, strict=True):
                named[f"states.{number}.{part}"] = state.cpu().numpy().copy()
        return named

    def restore(self, tensors: Weights) -> None:
        """Go on from what `tensors` gave."""
        self.network.set_arrays(named(tensors, "weights."))
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
        found: dict[str, torch.Tensor] = {}
        for number, parameter in enumerate(self.parameters):
            # PyTorch makes them at the first step; a checkpoint may be read before.
            state = self.optimizer.state[parameter]
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
            for name in ("step", "exp_avg", "exp_avg_sq"):
                found[f"optimizer.{number}.{name}"] = state[name]
        for number, dropout in enumerate(self.network.dropouts):
            if dropout.rate > 0:  # without it Keras keeps no seed
                found[f"seeds.{number}"] = dropout.seed_generator.state.value
        return found


def named(tensors: Weights, prefix: str) -> dict[str, np.ndarray]:
    """The tensors whose names start so, without that start."""
    return {n.removeprefix(prefix): a for n, a in tensors.items() if n.startswith(prefix)}
