"""A thread that writes all texts of one model together, character by character. No web in here.

Texts join and leave between two steps. Those under the same label are one batch (a `Lane`);
lanes take turns.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from charloom.model import ModelData
from charloom.text import CharloomError, SettingError

from .lane import Lane
from .tickets import Job, Ticket


class Busy(CharloomError):  # noqa: N818 (it is no fault)
    """There is no room for more texts now."""


class Stopped(CharloomError):  # noqa: N818
    """The server is ending."""


class Batcher:
    """Writes texts as they are asked for.

    Args:
        model: what writes.
        running: texts that are written at once, at most.
        waiting: texts that wait until others are done, at most.
        tell: called from the batcher's thread when `ready` holds tickets with something new;
            not again until `heard` is.

    Attributes:
        ready: tickets with something new; whoever takes one sets its `listed` to False before
            it looks what that is.
        ended: how texts have ended, counted: "stop", "length", "left" or "error".
        steps: rounds that were made, of all lanes.
    """

    def __init__(
        self, model: ModelData, running: int, waiting: int, tell: Callable[[], None]
    ) -> None:
        self.model, self.most_running, self.most_waiting = model, running, waiting
        self.tell = tell
        self.ready: deque[Ticket] = deque()
        self.ended = Counter(stop=0, length=0, left=0, error=0)
        self.steps = 0
        self._told = False
        self._pruned = True
        self._stopped: CharloomError | None = None
        self._stop_now = False
        self._jobs: deque[Job] = deque()  # that wait
        self._inside = self._running = 0  # texts
        self._lanes: dict[int, Lane] = {}
        self._read_ids = self._written = 0  # of lanes that are gone
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="charloom-batcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def running(self) -> int:
        """Texts that are read or written now."""
        return self._running

    @property
    def waiting(self) -> int:
        """Texts that wait."""
        return self._inside - self._running

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def counts(self) -> tuple[int, int]:
        """Ids read of prompts, and ids written, since the start."""
        lanes = list(self._lanes.values())
        return (
            self._read_ids + sum(lane.read_ids for lane in lanes),
            self._written + sum(lane.written for lane in lanes),
        )

    def submit(self, jobs: Sequence[Job]) -> None:
        """Ask for texts: all of them are taken on, or none.

        Raises:
            SettingError: if more texts go on from one prompt than can be written at once.
            Busy: if there is no room for all of them.
            Stopped: if the server is ending.
        """
        sizes = [len(job.tickets) for job in jobs]
        texts = sum(sizes)
        if max(sizes) > self.most_running or texts > self.most_running + self.most_waiting:
            raise SettingError(
                f"{texts} texts are too many at once; ask for at most {self.most_running}."
            )
        with self._changed:
            if self._stopped is not None:
                raise self._stopped
            if self._inside + texts > self.most_running + self.most_waiting:
                raise Busy(
                    f"{self._inside} texts are being written or wait already; try again later."
                )
            self._inside += texts
            self._jobs.extend(replace(job) for job in jobs)  # ours change as they are read
            self._changed.notify()

    def cancel(self, tickets: Sequence[Ticket]) -> None:
        """Nobody waits for these any more: their places are free before the next step."""
        for ticket in tickets:
            ticket.cancelled = True
        with self._changed:
            self._pruned = False
            for job in self._jobs:
                self._cross_out(job)
            self._jobs = deque(job for job in self._jobs if job.tickets)
            self._changed.notify()

    def heard(self) -> None:
        """What `tell` said has been seen to; it may speak again."""
        self._told = False

    def stop(self, reason: CharloomError, now: bool = True) -> None:
        """Take nothing more on; with `now`, also end what is being written, with this error."""
        with self._changed:
            self._stopped = reason
            if now:
                for job in self._jobs:
                    for ticket in job.tickets:
                        ticket.error = reason
                        self._leave(ticket)
                self._jobs.clear()
                self._stop_now = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._jobs or self._lanes or self._stop_now):
                    self._changed.wait()
                self._admit()
                prune, self._pruned = not self._pruned, True
                ending = self._stopped if self._stop_now else None
            for key, lane in list(self._lanes.items()):
                if ending is not None:
                    lane.fail(ending)
                else:
                    self._advance(lane, prune)
                if lane.empty:
                    self._read_ids += lane.read_ids
                    self._written += lane.written
                    del self._lanes[key]
            self.steps += 1
            if self.ready and not self._told:
                self._told = True
                self.tell()
            if ending is not None:
                return

    def _admit(self) -> None:
        """Let those who wait begin, in their order, while there is room."""
        while self._jobs and self._running + len(self._jobs[0].tickets) <= self.most_running:
            job = self._jobs.popleft()
            self._running += len(job.tickets)
            lane = self._lanes.get(id(job.manner))
            if lane is None:
                lane = Lane(self.model, job.manner, self._given, self._left)
                self._lanes[id(job.manner)] = lane
            tickets = job.tickets
            try:
                lane.join(job)
            except Exception as error:
                self._fail(lane, error)
                for ticket in tickets:
                    if not ticket.done:
                        ticket.error = error
                        self._left(ticket)

    def _advance(self, lane: Lane, prune: bool) -> None:
        try:
            if prune:
                lane.prune()
            lane.advance()
        except Exception as error:  # one lane's texts are lost, and no others
            self._fail(lane, error)

    def _fail(self, lane: Lane, error: Exception) -> None:
        logging.getLogger(__name__).error("Writing failed", exc_info=error)
        lane.fail(error)

    def _given(self, ticket: Ticket) -> None:
        if not ticket.listed:
            ticket.listed = True
            self.ready.append(ticket)

    def _left(self, ticket: Ticket) -> None:
        """A text that ran has ended."""
        with self._changed:
            self._running -= 1
            self._leave(ticket)

    def _leave(self, ticket: Ticket) -> None:
        self._inside -= 1
        if ticket.error is not None:
            self.ended["error"] += 1
        else:
            self.ended["left" if ticket.cancelled else ticket.text.ending] += 1
        ticket.done = True
        self._given(ticket)

    def _cross_out(self, job: Job) -> None:
        for ticket in job.tickets:
            if ticket.cancelled:
                self._leave(ticket)
        job.tickets = [ticket for ticket in job.tickets if not ticket.cancelled]
