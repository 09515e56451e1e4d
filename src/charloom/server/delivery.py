"""From the batchers' threads to the event loop: news in bundles, and the texts of one request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from .batcher import Batcher
from .errors import ApiError, api_error
from .tickets import Ticket

# News is passed on so often at most. One character at a time would cost the loop 50 to 100 µs
# each, more than the network takes; and nobody sees a hundredth of a second.
PACE = 0.005  # seconds
REST = 3  # the loop delivers for a quarter of its time at most: the rest is the batcher's


class Postman:
    """Wakes those who wait for texts of one batcher, all at once.

    `news` may be called from any thread, and does little: one call into the loop.
    """

    def __init__(self, batcher: Batcher, loop: asyncio.AbstractEventLoop) -> None:
        self.batcher, self.loop = batcher, loop

    def news(self) -> None:
        """There is something to deliver."""
        try:
            self.loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop has ended, and with it all who waited
            return

    def _deliver(self) -> None:
        begun = time.thread_time()  # not the clock's: waiting for the batcher's thread is no work
        ready = self.batcher.ready
        while ready:
            ticket = ready.popleft()
            ticket.listed = False
            ticket.wake()
        # Runs behind all that were woken just now: what they took is known then.
        self.loop.call_soon(self._rest, begun)

    def _rest(self, begun: float) -> None:
        taken = time.thread_time() - begun
        self.loop.call_later(max(PACE, REST * taken), self._listen)

    def _listen(self) -> None:
        if self.batcher.ready:
            self._deliver()
            return
        self.batcher.heard()
        if self.batcher.ready:  # came in between, and may have been told to nobody
            self._deliver()


class Answer:
    """The texts of one request while they come.

    Args:
        batcher: writes them.
        tickets: one for each text.
        seconds: that they may take in all.
        first: told how many seconds a stream's first character took.
    """

    def __init__(
        self,
        batcher: Batcher,
        tickets: Sequence[Ticket],
        seconds: float,
        first: Callable[[float], None] | None,
    ) -> None:
        self.batcher, self.seconds = batcher, seconds
        self.open = dict(enumerate(tickets))  # those of which more comes
        self.begun = time.perf_counter()
        self.first = first
        self.changed = asyncio.Event()
        self.left = False  # nobody is there to read it
        for ticket in tickets:
            ticket.wake = self.changed.set

    async def news(self) -> list[tuple[int, Ticket, str, bool]]:
        """Wait for what comes next.

        Returns:
            for each text with something new: its number, its ticket, what came, and whether
            that was the last.

        Raises:
            ApiError: if a text could not be written, or not in time.
        """
        remaining = self.begun + self.seconds - time.perf_counter()
        try:
            async with asyncio.timeout(max(0.0, remaining)):
                await self.changed.wait()
        except TimeoutError:
            raise ApiError(
                503,
                f"This took over {self.seconds:g} seconds; ask for fewer characters.",
                code="timeout",
            ) from None
        self.changed.clear()
        found = []
        for number, ticket in list(self.open.items()):
            last = ticket.done  # before looking what came: after it nothing does
            if ticket.error is not None:
                raise api_error(ticket.error)
            if last or ticket.pieces:
                found.append((number, ticket, ticket.take(), last))
            if last:
                del self.open[number]
        if self.first is not None and any(text for _, _, text, _ in found):
            self.first(time.perf_counter() - self.begun)
            self.first = None
        return found

    def close(self) -> None:
        """Let go of what is still being written."""
        if self.open:
            self.batcher.cancel(list(self.open.values()))
            self.open.clear()
