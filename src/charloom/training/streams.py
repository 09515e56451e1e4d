"""The text as parallel streams, for truncated backpropagation through time."""

from __future__ import annotations

import numpy as np

from charloom.text import Ids


class Streams:
    """Cuts a text into `batch` streams that are read side by side, `steps` ids at a time.

    Every epoch starts at another place, drawn from (seed, epoch): so the cuts fall
    elsewhere each time, and a position in the data is just (epoch, step).

    Args:
        ids: the text, n ids; it is read as a ring, so that every id is learned.
        batch: B streams, each of n // B ids.
        steps: T ids at a time.
        seed: fixes where epochs start.
    """

    def __init__(self, ids: Ids, batch: int, steps: int, seed: int) -> None:
        self.ids, self.batch, self.steps, self.seed = ids, batch, steps, seed
        self.rows = slice(0, batch)  # the streams that are read here
        self.length = len(ids) // batch
        self.steps_per_epoch = -(-self.length // steps)

    def read(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The ids at a place, and those that come after each: two arrays of (B, T).

        The last step of an epoch may be shorter than T.
        """
        ids_BxT = self.ids.at(self.places(epoch, step))
        return ids_BxT[:, :-1], ids_BxT[:, 1:]

    def read_labels(self, epoch: int, step: int) -> np.ndarray | None:
        """The labels of the ids that come after each, (B, T); None where there are none."""
        return self.ids.labels_at(self.places(epoch, step)[:, 1:])

    def places(self, epoch: int, step: int) -> np.ndarray:
        """Where in the text a step reads, (B, T + 1): its ids, and the one after the last."""
        n = len(self.ids)
        offset = int(np.random.default_rng([self.seed, epoch]).integers(n))
        starts_B = offset + np.arange(self.batch)[self.rows] * self.length
        first = step * self.steps
        width = min(self.steps, self.length - first)
        return (starts_B[:, None] + first + np.arange(width + 1)) % n
