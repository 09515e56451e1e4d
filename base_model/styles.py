"""One text in many dresses, so that the base model is at home in whatever layout it meets.

Quotes and dashes typographic or plain, lines wrapped at some width or not, verse, the
layout of a play, lower case: drawn anew for every piece of every document.
"""

from __future__ import annotations

import random
import re
import textwrap

from .sources import Document

TYPOGRAPHIC = 0.55  # the share of pieces with typographic quotes and dashes
LOWER_CASE = 0.04
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "—": "--", "–": "-", "…": "..."})
_NAMES = [
    "ANNE",
    "EDWARD",
    "MARY",
    "JOHN",
    "THE",
    "KING",
    "FIRST",
    "SOLDIER",
    "SERVANT",
    "LADY",
    "GREY",
    "RUTH",
    "SAMUEL",
    "MARTHA",
    "PETER",
    "CAPTAIN",
    "MESSENGER",
    "HELEN",
    "DAVID",
    "ESTHER",
    "NATHAN",
]


def dressed(document: Document, draw: random.Random) -> str:
    """A piece of a document in one style."""
    paragraphs = [p for p in document if p]
    typographic = draw.random() < TYPOGRAPHIC
    paragraphs = [_typographic(p) if typographic else p.translate(_PLAIN) for p in paragraphs]
    if not typographic and draw.random() < 0.3:
        paragraphs = [p.replace("--", " - ") for p in paragraphs]
    text = draw.choices([_wrapped, _unwrapped, _lines, _verse, _play], weights=[50, 20, 10, 12, 8])[
        0
    ](paragraphs, draw)
    return text.lower() if draw.random() < LOWER_CASE else text


def _typographic(text: str) -> str:
    text = text.replace("--", "—").replace("...", "…")
    text = re.sub(r'(^|[\s(\[—‘])"', r"\1“", text).replace('"', "”")
    return re.sub(r"(^|[\s(\[—“])'", r"\1‘", text).replace("'", "’")


def _wrapped(paragraphs: Document, draw: random.Random) -> str:
    width = draw.randint(54, 80)
    return "\n\n".join(textwrap.fill(p, width, break_on_hyphens=False) for p in paragraphs) + "\n"


def _unwrapped(paragraphs: Document, draw: random.Random) -> str:
    return "\n\n".join(paragraphs) + "\n"


def _lines(paragraphs: Document, draw: random.Random) -> str:
    return "\n".join(paragraphs) + "\n"


def _verse(paragraphs: Document, draw: random.Random) -> str:
    """Lines of about ten syllables, each with a capital; a blank line now and then."""
    width = draw.randint(34, 52)
    stanzas = []
    for paragraph in paragraphs:
        lines = textwrap.wrap(paragraph, width, break_on_hyphens=False)
        stanzas.append("\n".join(line[:1].upper() + line[1:] for line in lines))
    return ("\n\n" if draw.random() < 0.5 else "\n").join(stanzas) + "\n"


def _play(paragraphs: Document, draw: random.Random) -> str:
    """A speaker's name over every speech."""
    names = draw.sample(_NAMES, 4)
    end = draw.choice(["", ".", ":"])
    width = draw.choice([44, 48, 72, 10_000])
    capitals = draw.random() < 0.7
    speeches = []
    for paragraph in paragraphs:
        lines = textwrap.wrap(paragraph, width, break_on_hyphens=False)
        if width < 60:
            lines = [line[:1].upper() + line[1:] for line in lines]
        name = draw.choice(names)
        speeches.append((name if capitals else name.title()) + end + "\n" + "\n".join(lines))
    return "\n\n".join(speeches) + "\n"
