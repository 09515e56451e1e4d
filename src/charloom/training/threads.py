"""How many threads PyTorch takes: as many as are fastest now.

PyTorch's threads wait for each other many times in a step. Where another program keeps a
core busy, two of them are slower than one: a step of 320 units on two cores gave 17,400
characters/s with two threads and 13,000 with one while nothing else ran, and 5,300 with two
and still 13,000 with one beside a busy program. A small network needs one alone (64 units:
50,000 characters/s; 43,000 with two, and 9,000 beside that program).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import torch

MOST = torch.get_num_threads()  # before any run has changed it
FEW_UNITS = 128  # up to this many, one thread
# Seconds between looks at another number; twice as long after each that found nothing.
TRY_EVERY, MOST_SELDOM = 8.0, 64.0
TRIED = 3  # steps that a look takes; the first of them, which starts threads, does not count
Result = TypeVar("Result")


class Threads:
    """Times steps, and looks now and then whether another number of threads is faster.

    Args:
        units: of the network.
        steady: keep one number from start to end. Sums may be rounded differently with
            another, and a run that can be repeated exactly must not depend on what else runs.
    """

    def __init__(self, units: int, steady: bool) -> None:
        self.counts = [1]
        while self.counts[-1] < MOST:
            self.counts.append(min(MOST, 2 * self.counts[-1]))
        self.steady = steady or len(self.counts) == 1
        self.seconds: dict[int, float] = {}  # a step took lately, by number of threads
        self.count = 1 if units <= FEW_UNITS else MOST
        self.tried: list[int] = []  # what the look that is going on has left to try
        self.left = 0  # steps with the number that is tried now
        self.next_look, self.pause = time.monotonic() + 1.0, TRY_EVERY
        torch.set_num_threads(self.count)

    def timed(self, step: Callable[[], Result]) -> Result:
        """Make a step with the number of threads that is due."""
        begun = time.perf_counter()
        result = step()
        if not self.steady:
            self._learn(time.perf_counter() - begun)
        return result

    def _learn(self, seconds: float) -> None:
        count = torch.get_num_threads()
        if not self.left:
            old = self.seconds.get(count, seconds)
            self.seconds[count] = old + 0.2 * (seconds - old)
            if time.monotonic() >= self.next_look:
                at = self.counts.index(self.count)
                self.tried = [*self.counts[max(0, at - 1) : at], *self.counts[at + 1 : at + 2]]
                self._next()
            return
        self.left -= 1
        if self.left < TRIED - 1:
            self.seconds[count] = min(seconds, self.seconds.get(count, seconds))
        if not self.left:
            self._next()

    def _next(self) -> None:
        """Try the next number, or take the fastest."""
        if self.tried:
            count, self.left = self.tried.pop(), TRIED
            self.seconds.pop(count, None)
            torch.set_num_threads(count)
            return
        fastest = min(self.seconds, key=self.seconds.__getitem__)
        self.pause = min(MOST_SELDOM, 2 * self.pause) if fastest == self.count else TRY_EVERY
        self.next_look = time.monotonic() + self.pause
        self.count = fastest
        torch.set_num_threads(self.count)
