"""Dynamic evaluation: a network that learns from every piece of a text once it is scored."""

from __future__ import annotations

import numpy as np
import torch

from charloom.model import ModelData
from charloom.model.network import Network

LEARNING_RATE = 1e-3
KEPT = 0.999  # of the mean squared gradients, a step
DECAY = 0.0  # towards the weights that the model has, a step


class LearningNetwork:
    """A model's network, read piece by piece (Krause et al. 2018, arXiv 1709.07432).

    A step divides each gradient by the root of its mean square: the paper's update,
    which is Adam without momentum, but with the mean squares of the text that is
    scored where the paper takes the training text's. Not every model holds that.

    Args:
        data: the model; its weights are copied.
        opening: the ids that the text silently follows, at least one.
    """

    def __init__(self, data: ModelData, opening: np.ndarray) -> None:
        # In float32 on every processor, as static scores are.
        self.network = Network(data.shape, compute="float32")
        self.network.set_arrays(data.weights)
        self.parameters = [variable.value for variable in self.network.trainable_variables]
        self.start = [parameter.detach().clone() for parameter in self.parameters]
        self.optimizer = torch.optim.Adam(
            self.parameters, LEARNING_RATE, betas=(0.0, KEPT), eps=1e-5, fused=True
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
        with torch.no_grad():
            torch._foreach_lerp_(self.parameters, self.start, DECAY)
        return expected_TxV

    def _tensor(self, ids: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(ids).to(self.network.embedding.embeddings.value.device)
