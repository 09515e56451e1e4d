"""The texts of one engine: prompts that are being read, and texts that are being written.

Both are batches that change between steps. What a text costs is read in arrays; what it is
stands in its `Text`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from charloom.model import ModelData
from charloom.writing import (
    Sampling,
    Samplings,
    State,
    allowed_ids,
    draw_next,
    probabilities,
    take_states,
    writable_ids,
)

from .tickets import Job, Manner, Ticket

SLICE = 0.005  # seconds of reading at a time where nothing is written beside it
AS_IT_IS = Sampling(temperature=1.0)

Member = TypeVar("Member")


class Batch(Generic[Member]):
    """Members with a row each, their states and the ids that they read next.

    Rows behind theirs fill the last block up; what comes of them is not used.
    """

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        self.members: list[Member] = []
        self.ids_B = np.zeros(0, np.int64)
        self.states: State = manner.engine.initial_states(0)

    def change(
        self, keep: list[int], members: list[Member], ids: list[int], states: list[State]
    ) -> None:
        """Keep some rows, in their order, and put new ones behind them."""
        self.members = [self.members[row] for row in keep] + members
        spare = -len(self.members) % self.manner.rows
        kept = np.array(keep, np.int64)
        self.ids_B = np.concatenate([self.ids_B[kept], ids, np.zeros(spare)]).astype(np.int64)
        parts = [take_states(self.states, kept), *states, self.manner.engine.idle_states(spare)]
        self.states = [
            (np.concatenate([h for h, _ in layer]), np.concatenate([c for _, c in layer]))
            for layer in zip(*parts, strict=True)
        ]


class Lane:
    """Reads and writes with one engine.

    Args:
        model: what the engine is of.
        manner: the engine.
        given: told of every ticket that has something new to take.
        gone: told of every ticket whose text has ended, here.
    """

    def __init__(
        self,
        model: ModelData,
        manner: Manner,
        given: Callable[[Ticket], None],
        gone: Callable[[Ticket], None],
    ) -> None:
        self.manner, self.given, self.gone = manner, given, gone
        self.writable_V = writable_ids(model)
        self.reading: Batch[Job] = Batch(manner)
        self.writing: Batch[Ticket] = Batch(manner)
        self.sampling: Sampling | Samplings = AS_IT_IS
        self.read_ids = self.written = 0

    @property
    def empty(self) -> bool:
        return not self.reading.members and not self.writing.members

    def join(self, job: Job) -> None:
        """Take a job on; it is read from the next step on."""
        for ticket in job.tickets:
            if ticket.text.done and ticket.odds not in job.odds:  # nothing was asked for
                self._end(ticket)
        job.tickets = [ticket for ticket in job.tickets if not ticket.done]
        if not job.tickets:
            return
        for odds in job.odds:
            if odds.prompt == 0 and len(job.ids):
                odds.note(int(job.ids[0]), None)
        blank = self.manner.engine.initial_states(1)
        if len(job.ids) > 1:
            rows = list(range(len(self.reading.members)))
            self.reading.change(rows, [job], [int(job.ids[0])], [blank])
        elif len(job.ids):
            self._begin_writing([(job, blank)])
        else:  # nothing at all to go on from: the average character
            self._begin_with(job, self.manner.engine.dense_V[None])

    def advance(self) -> None:
        """One character of every text; and prompts, for as long as that has taken."""
        begun = time.perf_counter()
        if self.writing.members:
            self._write()
        spent = time.perf_counter() - begun
        until = begun + (2 * spent if self.writing.members else SLICE)
        while self.reading.members:
            self._read()
            if time.perf_counter() >= until:
                break

    def prune(self) -> None:
        """Let go of what nobody waits for any more."""
        for job in self.reading.members:
            for ticket in job.tickets:
                if ticket.cancelled:
                    self._end(ticket)
            job.tickets = [ticket for ticket in job.tickets if not ticket.done]
        rows = [row for row, job in enumerate(self.reading.members) if job.tickets]
        if len(rows) < len(self.reading.members):
            self.reading.change(rows, [], [], [])
        for ticket in self.writing.members:
            if ticket.cancelled:
                self._end(ticket)
        self._drop_ended()

    def fail(self, error: Exception) -> None:
        """End every text with an error."""
        tickets = [ticket for job in self.reading.members for ticket in job.tickets]
        for ticket in [*tickets, *self.writing.members]:
            if not ticket.done:
                ticket.error = error
                self._end(ticket)
        self.reading, self.writing = Batch(self.manner), Batch(self.manner)

    def _read(self) -> None:
        """One id of every prompt; those that are read but for their last id begin to write."""
        batch = self.reading
        jobs = batch.members
        self.read_ids += len(jobs)
        wanted = [row for row, job in enumerate(jobs) if job.odds]
        if wanted:
            logits_BxV = self.manner.engine.step(batch.ids_B, batch.states)
            everything = np.ones((1, logits_BxV.shape[1]), bool)
            for row, p_V in zip(
                wanted, probabilities(logits_BxV[wanted], AS_IT_IS, everything), strict=True
            ):
                self._note_prompt(jobs[row], p_V)
        else:
            self.manner.engine.read(batch.ids_B, batch.states)
        ready = []
        for row, job in enumerate(jobs):
            job.at += 1
            batch.ids_B[row] = job.ids[job.at]
            if job.at == len(job.ids) - 1:
                ready.append(row)
        if ready:
            self._begin_writing([(jobs[row], take_states(batch.states, [row])) for row in ready])
            done = set(ready)
            batch.change([row for row in range(len(jobs)) if row not in done], [], [], [])

    def _note_prompt(self, job: Job, p_V: np.ndarray) -> None:
        for odds in job.odds:
            assert odds.prompt is not None
            if job.at + 1 >= odds.prompt:
                odds.note(int(job.ids[job.at + 1]), p_V)

    def _begin_writing(self, jobs: list[tuple[Job, State]]) -> None:
        """Prompts are read but for their last id: each of their texts gets a row."""
        tickets: list[Ticket] = []
        ids: list[int] = []
        states: list[State] = []
        for job, state in jobs:
            for ticket in job.tickets:
                if ticket.text.done:  # no character was asked for
                    self._end(ticket)
                    continue
                tickets.append(ticket)
                ids.append(int(job.ids[-1]))
                states.append(state)
        self._write_on(self._going(), tickets, ids, states)

    def _begin_with(self, job: Job, logits_1xV: np.ndarray) -> None:
        tickets = [ticket for ticket in job.tickets if not ticket.text.done]
        if tickets:
            sampling = Samplings.of([ticket.text.request.sampling for ticket in tickets])
            logits_BxV = np.repeat(logits_1xV, len(tickets), 0)
            ids = self._draw(tickets, logits_BxV, sampling).tolist()
            blank = self.manner.engine.initial_states(1)
            going = [row for row, ticket in enumerate(tickets) if not ticket.done]
            self._write_on(
                self._going(),
                [tickets[row] for row in going],
                [ids[row] for row in going],
                [blank for _ in going],
            )
        for ticket in job.tickets:
            if ticket.text.done and not ticket.done:
                self._end(ticket)

    def _write(self) -> None:
        """One character of every text."""
        batch = self.writing
        logits_BxV = self.manner.engine.step(batch.ids_B, batch.states)
        count = len(batch.members)
        batch.ids_B[:count] = self._draw(batch.members, logits_BxV[:count], self.sampling)
        self._drop_ended()

    def _draw(
        self, tickets: list[Ticket], logits_BxV: np.ndarray, sampling: Sampling | Samplings
    ) -> np.ndarray:
        """Draw for every text and hand out what can be shown of it."""
        texts = [ticket.text for ticket in tickets]
        odds = self._expected(tickets, logits_BxV)
        ids_B, stuck = draw_next(texts, logits_BxV, sampling, self.writable_V)
        self.written += len(tickets)
        for row, (ticket, number) in enumerate(zip(tickets, ids_B.tolist(), strict=True)):
            text = ticket.text
            if stuck and text in stuck:
                piece = text.finish()
            else:
                if ticket.odds is not None:
                    ticket.odds.add(number, odds[row])
                piece = text.add(number)
            if piece:
                ticket.pieces.append(piece)
            if text.done:
                self._end(ticket)
            elif piece and ticket.streamed and not ticket.listed:
                self.given(ticket)
        return ids_B

    def _expected(self, tickets: list[Ticket], logits_BxV: np.ndarray) -> dict[int, np.ndarray]:
        """By row, what the model expects in the texts of which that is wanted."""
        rows = [row for row, ticket in enumerate(tickets) if ticket.odds is not None]
        if not rows:
            return {}
        allowed_BxV = allowed_ids([tickets[row].text for row in rows], self.writable_V)
        p_BxV = probabilities(logits_BxV[rows], AS_IT_IS, allowed_BxV)
        return dict(zip(rows, p_BxV, strict=True))

    def _end(self, ticket: Ticket) -> None:
        ticket.done = True
        self.gone(ticket)

    def _drop_ended(self) -> None:
        rows = self._going()
        if len(rows) < len(self.writing.members):
            self._write_on(rows, [], [], [])

    def _write_on(
        self, keep: list[int], tickets: list[Ticket], ids: list[int], states: list[State]
    ) -> None:
        self.writing.change(keep, tickets, ids, states)
        if self.writing.members:
            self.sampling = Samplings.of(
                [ticket.text.request.sampling for ticket in self.writing.members]
            )

    def _going(self) -> list[int]:
        """The rows of the texts that go on."""
        return [row for row, ticket in enumerate(self.writing.members) if not ticket.done]
