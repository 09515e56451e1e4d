"""Quick looks at a held-out part with the network as it is trained, on PyTorch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from charloom.model.network import Network

STREAM = 256  # ids that are read as one stream, behind WARM_UP others
WARM_UP = 64


def read_streams(network: Network, ids: np.ndarray, opening: np.ndarray) -> np.ndarray:
    """What a network expects before every id of a text, read in short streams side by side.

    Each stream begins WARM_UP ids early with an empty state: near enough for comparing,
    where `charloom.scoring` is exact.

    Returns:
        logarithms of probabilities, shape (n, vocabulary).
    """
    before = np.concatenate([np.full(WARM_UP, opening[-1]), ids])
    n = len(ids)
    streams = -(-n // STREAM)
    padded = np.pad(before, (0, streams * STREAM - n))
    rows = np.arange(streams)[:, None] * STREAM
    x_BxT = padded[rows + np.arange(WARM_UP + STREAM - 1)]
    device = network.embedding.embeddings.value.device
    with torch.no_grad():
        logits_BxTxV, _ = network(
            torch.from_numpy(x_BxT).to(device), network.initial_states(streams)
        )
        logp_BxTxV = torch.log_softmax(logits_BxTxV[:, WARM_UP - 1 :], -1)
    return logp_BxTxV.flatten(0, 1)[:n].cpu().numpy()


@contextlib.contextmanager
def swapped(parameters: Sequence[torch.Tensor], others: Sequence[torch.Tensor]) -> Iterator[None]:
    """Have other values in a network's parameters for a while."""
    for parameter, other in zip(parameters, others, strict=True):
        parameter.data, other.data = other.data, parameter.data
    try:
        yield
    finally:
        for parameter, other in zip(parameters, others, strict=True):
            parameter.data, other.data = other.data, parameter.data
