"""Ids on their way to where they are learned: to a GPU without waiting, or there from the start."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .streams import Streams

# The share of a GPU's free memory that a text may take: the network and its steps need the rest.
RESIDENT = 0.25
PIECE = 1 << 24  # ids that are copied there at a time


class Feed:
    """Gives a step's ids as tensors.

    Args:
        streams: where in the text a step reads.
        device: where the tensors are wanted.
    """

    def __init__(self, streams: Streams, device: torch.device) -> None:
        self.streams, self.device = streams, device
        self.resident: Tensor | None = None
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if self._bytes() <= RESIDENT * free:
                self.keep()

    def keep(self) -> None:
        """Put the whole text where it is learned; a step then only says where it reads."""
        ids = self.streams.ids
        dtype = torch.uint8 if self._width() == 1 else torch.int32
        self.resident = torch.empty(len(ids), dtype=dtype, device=self.device)
        for start in range(0, len(ids), PIECE):
            part = ids[start : min(start + PIECE, len(ids))]
            self.resident[start : start + len(part)] = torch.from_numpy(part).to(dtype)

    def read(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """The ids at a place, and those that come after each: two tensors of (B, T), int64."""
        if self.resident is not None:
            places_BxT = self._sent(self.streams.places(epoch, step))
            ids_BxT = self.resident[places_BxT].long()
            return ids_BxT[:, :-1], ids_BxT[:, 1:]
        x_BxT, y_BxT = self.streams.read(epoch, step)
        return self._sent(x_BxT), self._sent(y_BxT.copy())

    def read_labels(self, epoch: int, step: int) -> Tensor | None:
        """The labels of the ids that come after each; None where there are none."""
        labels_BxT = self.streams.read_labels(epoch, step)
        return None if labels_BxT is None else self._sent(labels_BxT)

    def _sent(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(array)
        if self.device.type == "cuda":
            # From pinned memory the copy goes on while the step before is still computed.
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def _width(self) -> int:
        return 1 if int(self.streams.ids.table.max()) < 256 else 4

    def _bytes(self) -> int:
        return len(self.streams.ids) * self._width()
