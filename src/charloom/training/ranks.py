"""Several processes that train one network together, as torchrun starts them.

Rank 0 trains as a single process does: clock, validation, checkpoints and what is shown are its
own. Before each thing that all have to do together it tells the others which, and so they agree on
time, learning rate and the end without asking.

(torchrun's variables: https://docs.pytorch.org/docs/stable/elastic/run.html)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Any

from charloom.text import CharloomError, SettingError

PATIENCE = timedelta(minutes=30)  # for the slowest thing that others wait for: a large text's score


class Parted(CharloomError):  # noqa: N818 (like Interrupted)
    """A process of the run has ended, and so the others cannot go on."""


class Order(IntEnum):
    """What rank 0 tells the others to do."""

    STEP = 1  # with epoch, step of the epoch, learning rate
    WEIGHTS = 2  # take those that follow
    GATHER = 3  # give the states of your streams
    RESTORE = 4  # take all that a checkpoint holds
    END = 5


@dataclass(frozen=True)
class Ranks:
    """This process among those of a run.

    Args:
        rank: its number, from 0.
        size: how many there are.
        local: its number among those on this machine.
    """

    rank: int
    size: int
    local: int

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """Which of all streams are this process's."""
        each = batch // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def tell(self, order: Order, *numbers: float) -> None:
        """Rank 0: say what comes next."""
        self._share([float(order), *numbers])

    def hear(self) -> tuple[Order, list[float]]:
        """The others: wait for what comes next."""
        order, *numbers = self._share([])
        return Order(int(order)), numbers

    def _share(self, numbers: list[float]) -> list[float]:
        import torch

        told = torch.zeros(4, dtype=torch.float64)
        told[: len(numbers)] = torch.tensor(numbers, dtype=torch.float64)
        with together():
            torch.distributed.broadcast(told, 0)
        return told.tolist()


def ranks_of_this_run() -> Ranks | None:
    """This process among those that torchrun started; None where it runs alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size < 2:
        return None
    rank = int(os.environ["RANK"])
    return Ranks(rank, size, int(os.environ.get("LOCAL_RANK", rank)))


def restarts() -> int:
    """How often torchrun has started the run again because a process had ended."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def check_alone(ranks: Ranks | None) -> None:
    """For what one process does.

    Raises:
        SettingError: if there are several.
    """
    if ranks is not None:
        raise SettingError(
            "A network that can read already is tuned on a small text by one process; leave "
            "torchrun out, or give --from nothing."
        )


@contextmanager
def joined(ranks: Ranks | None) -> Iterator[None]:
    """Meet the other processes; leave them at the end."""
    if ranks is None:
        yield
        return
    import torch
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(ranks.local % torch.cuda.device_count())
    # gloo carries what lies in ordinary memory, the orders and states, in any case.
    backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
    with together():
        store, _, _ = next(rendezvous("env://", ranks.rank, ranks.size))
        # torchrun keeps its store when it starts all again, with the addresses that the processes
        # had before: without a place of their own the new ones would look for each other there.
        store = PrefixStore(f"charloom-{restarts()}", store)
        torch.distributed.init_process_group(
            backend, timeout=PATIENCE, store=store, rank=ranks.rank, world_size=ranks.size
        )
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


@contextmanager
def leader_first(ranks: Ranks | None) -> Iterator[None]:
    """Let the first process of each machine do something before its others: prepare a text."""
    import torch

    if ranks is not None and ranks.local:
        with together():
            torch.distributed.barrier()
    yield
    if ranks is not None and not ranks.local:
        with together():
            torch.distributed.barrier()


@contextmanager
def together() -> Iterator[None]:
    """Something that all processes do at once: an error in it means that one is gone."""
    try:
        yield
    except RuntimeError as error:
        raise Parted(
            "Another process of this run has ended, so it cannot go on; what was learned is in the "
            f"last checkpoint: resume it with as many processes ({_first_line(error)})."
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:120]


def share_object(value: Any, ranks: Ranks) -> Any:
    """Rank 0's value, in all processes."""
    import torch

    found = [value if ranks.leads else None]
    with together():
        torch.distributed.broadcast_object_list(found, 0)
    return found[0]
