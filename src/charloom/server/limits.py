"""How much may be asked of a server, and at once."""

from __future__ import annotations

from dataclasses import dataclass

from charloom.text import SettingError, check_whole

# A text to stop at is looked for after every character, in the thread that writes for all.
MOST_STOPS = 8
LONGEST_STOP = 100  # characters
MOST_TEXTS = 128  # of one request, of one prompt
MOST_PROMPTS = 64
MOST_LOGPROBS = 5
BODY_SECONDS = 30  # for a request's body to arrive


@dataclass(frozen=True)
class Limits:
    """What a server takes on; all has a bound, so its memory has one.

    Args:
        length: characters of a text.
        prompt: characters of a prompt.
        score: characters of a text to score.
        running: texts that are written at once, of each model.
        waiting: texts that wait until others are done, of each model.
        seconds: for a request, from when it has arrived.
        body: bytes of a request.

    Raises:
        SettingError: if a limit is out of its range.
    """

    length: int = 10_000
    prompt: int = 20_000
    score: int = 100_000
    running: int = 256
    waiting: int = 256
    seconds: float = 120.0
    body: int = 1_000_000

    def __post_init__(self) -> None:
        check_whole("max-length", self.length, 1, 10**7)
        check_whole("max-prompt", self.prompt, 1, 10**7)
        check_whole("max-score", self.score, 1, 10**7)
        check_whole("max-running", self.running, 1, 4096)
        check_whole("max-waiting", self.waiting, 0, 10**5)
        check_whole("max-body", self.body, 1000, 10**9)
        if not 1 <= self.seconds <= 86_400:
            raise SettingError(f"max-seconds must be a number from 1 to 86400, not {self.seconds}.")

    def requests(self, models: int) -> int:
        """Requests in hand at once, whatever they ask for; those that only ask how it is too."""
        return models * (self.running + self.waiting) + 64
