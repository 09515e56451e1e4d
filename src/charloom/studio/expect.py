"""What to expect of a text, in plain words: how it is learned, what comes of it, how long it takes.

The figures are those of docs and benchmarks: two cores learn some 25,000 characters a second,
and a large text pays for ten minutes and more.
"""

from __future__ import annotations

from charloom.training import SMALLEST_SPLIT

# Characters at most, then the minutes that are offered first.
_MINUTES = ((20_000, 1.0), (500_000, 2.0), (2_000_000, 5.0), (10_000_000, 10.0))
_MOST_MINUTES = 30.0
_A_SECOND = 25_000  # characters that two cores learn


def minutes_for(characters: int) -> float:
    """The time to offer for a text of so many characters."""
    return next((minutes for most, minutes in _MINUTES if characters <= most), _MOST_MINUTES)


def expectations(characters: int, start: str) -> list[str]:
    """What to expect, in a few sentences.

    Args:
        characters: of the text.
        start: "base" where the base model is tuned on it, else "nothing".
    """
    return [
        _start(characters, start == "base"),
        _outcome(characters, start == "base"),
        _time(characters),
    ]


def _start(characters: int, tuned: bool) -> str:
    if tuned:
        return (
            "The model that comes with Charloom can read English already: it is tuned to your text."
        )
    if characters >= 500_000:
        return "There is enough here for a model that learns from your text alone."
    return (
        "The model that comes with Charloom knows English only, and this text is not of its "
        "kind: a new one learns from your text alone."
    )


def _outcome(characters: int, tuned: bool) -> str:
    if characters < SMALLEST_SPLIT:
        return (
            f"With under {SMALLEST_SPLIT:,} characters it mostly repeats the text, and nothing "
            "can be held out to score it on."
        )
    if tuned and characters < 20_000:
        return (
            "Expect real words and the look of your text, its names and its turns; a longer text "
            "teaches more of its manner."
        )
    if tuned:
        return (
            "Expect real words, whole phrases and much of its manner; the sense seldom lasts "
            "longer than a sentence."
        )
    if characters < 100_000:
        return (
            "Expect the look of the text and its short words; many longer ones are made up. "
            "Over 100,000 characters do better."
        )
    if characters < 1_000_000:
        return (
            "Expect its words, names and line lengths; the sentences look right and seldom "
            "make sense."
        )
    return (
        "Expect well-spelled words and whole phrases in its manner; the sense seldom lasts "
        "longer than a sentence."
    )


def _time(characters: int) -> str:
    minutes = minutes_for(characters)
    learned = minutes * 60 * _A_SECOND
    offered = f"{minutes:g} minute{'s' if minutes > 1 else ''}"
    if characters > learned:
        return (
            f"It is so long that {offered} see about {learned / characters:.0%} of it; more time "
            "learns more."
        )
    if characters <= 20_000:
        return f"{offered.capitalize()} is all that so short a text needs."
    return f"{offered.capitalize()} are a good start; with more time it gets somewhat better."
