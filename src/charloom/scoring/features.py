"""What can be said of every character of a text, for units of a network to be compared with.

Each feature is a number for each character, known once that character is read: nothing after
it plays a part, as a network has not read that either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

_OPENING = {"“": "”", "„": "“", "«": "»"}
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def _each(test: Callable[[str], bool]) -> Callable[[str], np.ndarray]:
    """1 where a character passes a test, else 0."""
    return lambda text: np.fromiter(map(test, text), np.float32, len(text))


def _inside_quotes(text: str) -> np.ndarray:
    """1 from an opening double quote on until the closing one.

    An empty line closes what was left open: in novels each paragraph of a long speech opens
    anew, and one stray mark would turn all that follows inside out.
    """
    inside, closing, before = np.zeros(len(text), np.float32), "", ""
    for at, character in enumerate(text):
        if closing and (character == closing or (character == before == "\n")):
            closing = ""
        elif not closing and (character == '"' or character in _OPENING):
            closing = _OPENING.get(character, '"')
        inside[at] = bool(closing)
        before = character
    return inside


def _inside_brackets(text: str) -> np.ndarray:
    inside, waiting = np.zeros(len(text), np.float32), list[str]()
    for at, character in enumerate(text):
        if character in _BRACKETS:
            waiting.append(_BRACKETS[character])
        elif waiting and character == waiting[-1]:
            waiting.pop()
        inside[at] = bool(waiting)
    return inside


def _since(ends: Callable[[str], bool]) -> Callable[[str], np.ndarray]:
    """How many characters ago the last one was that passes a test."""

    def count(text: str) -> np.ndarray:
        places, last = np.zeros(len(text), np.float32), -1
        for at, character in enumerate(text):
            if ends(character):
                last = at
            places[at] = at - last
        return places

    return count


def _matches(pattern: str) -> Callable[[str], np.ndarray]:
    """1 for the last character of every match: what is known once it is read."""
    compiled = re.compile(pattern)

    def mark(text: str) -> np.ndarray:
        found = np.zeros(len(text), np.float32)
        found[[match.end() - 1 for match in compiled.finditer(text)]] = 1
        return found

    return mark


def _in_capitals(text: str) -> np.ndarray:
    """1 inside words that are of capitals so far, from their second letter on."""
    inside, letters = np.zeros(len(text), np.float32), 0
    for at, character in enumerate(text):
        if not character.isalpha():
            letters = 0
        elif letters >= 0 and character.isupper():
            letters += 1
        else:
            letters = -1
        inside[at] = letters > 1
    return inside


FEATURES: Mapping[str, Callable[[str], np.ndarray]] = {
    "inside quotes": _inside_quotes,
    "inside brackets": _inside_brackets,
    "place in the line": _since(lambda c: c == "\n"),
    "place in the word": _since(lambda c: not c.isalpha()),
    "place in the sentence": _since(lambda c: c in ".!?"),
    "capital letters": _each(str.isupper),
    "words in capitals": _in_capitals,
    "word starts": _matches(r"(?<![^\W\d_])[^\W\d_]"),
    "vowels": _each(lambda c: c in "aeiouAEIOU"),
    "spaces": _each(lambda c: c == " "),
    "line ends": _each(lambda c: c == "\n"),
    "after a newline": _matches(r"(?<=\n)[^\n]"),
    "punctuation": _each(lambda c: c in ".,;:!?"),
    "digits": _each(str.isdigit),
}
