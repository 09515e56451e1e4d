"""When things happen in a run: the deadline, the learning rate, checks, and the end.

Against a clock (`minutes`) everything follows from the seconds spent, across stops
and resumes. With a count of epochs everything follows from the step, so that a run
can be repeated exactly.
"""

from __future__ import annotations

import time

from .plan import warm_up_and_decay
from .progress import Progress

CHECKS = 150  # validation checks in a run against the clock, where they cost little
COUNTED_CHECKS = 20  # and in one that counts steps
COUNTED_SHARE = 0.15  # of what is trained on: the characters that all of those look at
CHECK_SHARE = 0.03  # of the time: what all checks together may take
FEWEST_CHECKS = 16  # in a run: with 4, Othello was known by heart before a second one said so
CHECK_CHARACTERS = 8_192  # a check looks at no more, from the validation part's start
FINAL_SHARE = 0.08  # of the time: what the last, exact score may take
FINAL_CHARACTERS = 4_000_000  # the last score looks at no more: its arrays are 32 MB each
# Training winds down when this share of the time, and so many checks, have brought nothing.
# A check counts as the mean of so many: at a high learning rate one differs from the next by
# 0.03 bits, and a lucky one ended tiny Shakespeare's 1.8 minutes after 68 s.
PATIENCE, FEWEST, SMOOTHED = 0.15, 3, 3
WIND_DOWN = 0.25  # of the steps so far: how long winding down takes


class Clock:
    """Says where a run stands in its schedule.

    Args:
        minutes: the deadline, or None to count epochs alone.
        steps: the most steps, or None to leave it to the deadline.
        step_size: ids that a step trains on.
        validation: ids in the validation part.
    """

    def __init__(
        self,
        minutes: float | None,
        steps: int | None,
        step_size: int,
        validation: int,
    ) -> None:
        self.validation = validation
        self.budget = None if minutes is None else 60 * minutes
        self.total_steps, self.step_size = steps, step_size
        self.rate = 10_000.0  # characters/s that scoring reads, until measured
        self.check_seconds = 0.0  # what the last check took
        self.reserve = 0.0  # seconds that are wanted after the last score
        self.began = self.last_check = self.resumed_seconds = 0.0
        self.resumed_characters = 0

    def start(self, progress: Progress) -> None:
        """The clock runs from here; what earlier runs spent counts."""
        now = time.monotonic()
        self.began, self.last_check = now - progress.seconds, now
        self.resumed_seconds, self.resumed_characters = progress.seconds, progress.characters

    def tick(self, progress: Progress) -> None:
        """Bring a run's figures of time up to date."""
        progress.seconds = time.monotonic() - self.began
        spent = progress.seconds - self.resumed_seconds
        progress.characters_per_second = (progress.characters - self.resumed_characters) / spent
        progress.fraction = self._fraction(progress)
        left = progress.seconds * (1 / progress.fraction - 1)
        winding_down = progress.winding_down_from is not None
        if self.budget is not None and not winding_down and self.total_steps is None:
            left = self.budget - progress.seconds
        progress.seconds_left = max(0.0, left)

    def _fraction(self, progress: Progress) -> float:
        fractions = [1e-9]
        if self.total_steps is not None:
            fractions.append(progress.step / self.total_steps)
        if self.budget is not None:
            last = self.final_characters() / self.rate + self.check_seconds + self.reserve
            fractions.append(progress.seconds / max(0.5 * self.budget, self.budget - last))
        fractions.append(self._wound_down(progress))
        return min(1.0, max(fractions))

    def _wound_down(self, progress: Progress) -> float:
        begun = progress.winding_down_from
        if begun is None:
            return 0.0
        return min(1.0, (progress.step - begun) / max(1.0, WIND_DOWN * begun))

    def learning_rate(self, progress: Progress) -> float:
        """The share of the highest learning rate."""
        if progress.winding_down_from is None:
            return warm_up_and_decay(progress.fraction)
        return progress.winding_down_rate * (1 - self._wound_down(progress))

    def check_due(self, progress: Progress) -> bool:
        """Whether to score the validation part now."""
        if self.budget is None:
            return progress.step % max(1, (self.total_steps or 0) // COUNTED_CHECKS) == 0
        pause = max(self.budget / CHECKS, self.check_seconds / CHECK_SHARE)
        return time.monotonic() - self.last_check >= pause

    def checked(self, progress: Progress) -> None:
        """A check is over."""
        self.tick(progress)
        self.last_check = time.monotonic()

    def scored(self, characters: int, seconds: float) -> None:
        """So many characters were scored in so many seconds."""
        self.check_seconds = seconds
        self.rate = characters / max(1e-6, seconds)

    def check_characters(self) -> int:
        """How many characters a check looks at, as fast as scoring goes now."""
        if self.budget is not None:
            most = self.rate * self.budget * CHECK_SHARE / FEWEST_CHECKS
        else:
            trained = (self.total_steps or 0) * self.step_size
            most = trained * COUNTED_SHARE / COUNTED_CHECKS
        return min(self.validation, max(256, min(CHECK_CHARACTERS, int(most))))

    def final_characters(self) -> int:
        """How many characters the last, exact score looks at."""
        most = FINAL_CHARACTERS
        if self.budget is not None:
            most = min(most, int(self.rate * self.budget * FINAL_SHARE))
        return min(self.validation, max(256, most))

    def stopped_improving(self, progress: Progress) -> bool:
        """Whether the last checks brought nothing, while there is still time to be saved."""
        if self.budget is None or progress.winding_down_from is not None:
            return False
        known = [c for c in progress.history if c.validation_bits is not None]
        bits = [c.validation_bits or 0.0 for c in known]
        means = [sum(bits[n - SMOOTHED : n]) for n in range(SMOOTHED, len(bits) + 1)]
        if not means:
            return False
        best = SMOOTHED - 1 + means.index(min(means))
        waited = progress.seconds - known[best].seconds
        return len(known) - 1 - best >= FEWEST and waited >= PATIENCE * self.budget
