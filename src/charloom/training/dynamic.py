"""Dynamic evaluation: a network that learns from every piece of a text once it is scored."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

from charloom.model import ModelData
from charloom.model.network import Network

# Tried on 30,000 characters of tiny Shakespeare's training part that a model of 160 units had
# not read (2.473 bits static): 1e-4, 3e-4, 1e-3 and 2e-3 gave 2.390, 2.313, 2.233 and 2.224;
# the paper's rule, with mean squares from the training text, 2.306 at 3e-4 and 2.229 at
# 1e-3; plain clipped gradients 2.256 at best. On 8,000 bytes of its own corpus the base model
# (1.273 static) came to 1.153, 1.127 and 1.188 with 3e-4, 1e-3 and 2e-3. Drawing the weights
# back to the model's after each step, as the paper does, brought nothing: by 0.001, 0.003
# and 0.01 2.235, 2.242 and 2.271 there; on 30,000 bytes of the corpus and 15,000 of program
# code behind them 2.077 without, 2.096 and 2.127 by 0.001 and 0.003 (4.387 static).
LEARNING_RATE = 1e-3
KEPT = 0.999  # of the mean squared gradients, a step; 0.99 was no better
FLOOR = 1e-5  # of a gradient's root mean square; 1e-4, as above, gave 2.233, this 2.230


class LearningNetwork:
    """A model's network, read piece by piece (Krause et al. 2018, arXiv 1709.07432).

    A step divides each gradient by the root of its mean square: the paper's update, but
    with the mean squares of the text that is scored (which makes it Adam without
    momentum) where the paper takes the training text's, which not every model holds.

    Args:
        data: the model; its weights are copied.
        opening: the ids that the text silently follows, at least one.
    """

    def __init__(self, data: ModelData, opening: np.ndarray) -> None:
        # In float32 on every processor, as static scores are.
        self.network = Network(data.shape, compute="float32")
        self.network.set_arrays(data.weights)
        parameters = [variable.value for variable in self.network.trainable_variables]
        self.optimizer = torch.optim.Adam(
            parameters, LEARNING_RATE, betas=(0.0, KEPT), eps=FLOOR, fused=True
        )
        self.states = self.network.initial_states(1)
        self.last = opening[-1:]
        if len(opening) > 1:
            with torch.no_grad():
                _, self.states = self.network(self._tensor(opening[None, :-1]), self.states)

    def read(self, ids_T: np.ndarray) -> np.ndarray:
        """What was expected before each id of the text's next piece; then learn from it.

        Returns:
            logarithms of probabilities, shape (T, V).
        """
        before_T = np.concatenate([self.last, ids_T[:-1]])
        self.last = ids_T[-1:]
        logits_BxTxV, states = self.network(self._tensor(before_T[None]), self.states)
        logp_TxV = torch.log_softmax(logits_BxTxV[0], -1)
        expected_TxV: np.ndarray = logp_TxV.detach().cpu().numpy().copy()
        self.states = [(h.detach(), c.detach()) for h, c in states]
        loss = torch.nn.functional.nll_loss(logp_TxV, self._tensor(ids_T))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return expected_TxV

    def _tensor(self, ids: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(ids).to(self.network.embedding.embeddings.value.device)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep PyTorch to one thread for a while.

    With one text the products are too small to share: a piece of 320 units takes 13 ms, and
    2 s where a second thread has to wait for another program's time on its core.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
