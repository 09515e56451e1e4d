"""How many threads a run takes."""

from __future__ import annotations

import time

import pytest
import torch

from charloom.training import threads as module
from charloom.training.threads import TRIED, Threads


@pytest.fixture(autouse=True)
def _two_threads(monkeypatch: pytest.MonkeyPatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(module, "MOST", 2)
    yield
    torch.set_num_threads(before)


def crowded() -> None:
    """A step as it is beside a busy program: ten times as slow with two threads."""
    time.sleep(0.02 if torch.get_num_threads() == 2 else 0.002)


def test_a_run_goes_over_to_the_number_that_is_faster() -> None:
    threads = Threads(units=640, steady=False)
    assert threads.count == 2
    threads.next_look = 0.0
    for _ in range(1 + TRIED):
        threads.timed(crowded)
    assert threads.count == torch.get_num_threads() == 1
    threads.next_look = 0.0
    for _ in range(1 + TRIED):  # and stays there when it has looked again
        threads.timed(crowded)
    assert threads.count == torch.get_num_threads() == 1


def test_a_run_that_can_be_repeated_keeps_its_number() -> None:
    threads = Threads(units=640, steady=True)
    for _ in range(3 * TRIED):
        threads.timed(crowded)
    assert threads.count == torch.get_num_threads() == 2
    assert Threads(units=64, steady=True).count == torch.get_num_threads() == 1
