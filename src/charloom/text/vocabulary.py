"""Characters (or bytes) to ids and back."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from .errors import ModelError
from .sources import END

Kind = Literal["characters", "bytes"]

# Symbols are code points, and two that are no characters (lone surrogates).
END_SYMBOL = ord(END)
UNKNOWN_SYMBOL = 0xDFFE
UNICODE_CHARACTERS = 0x110000 - 0x800  # all code points but the surrogates

# A character this rare teaches a large text's network nothing, and costs it a row.
# The share is one in a million, so that tiny Shakespeare keeps its 65 characters.
RARE_SHARE = 1e-6
RARE_AT_MOST = 10

# What stands in for a typographic character that a model never saw, and back.
STAND_INS = {
    "‘": "'",
    "’": "'",
    "‚": ",",
    "“": '"',
    "”": '"',
    "„": '"',
    "«": '"',
    "»": '"',
    "–": "-",
    "—": "-",
    "‐": "-",
    "‑": "-",
    "…": ".",
    "\u00a0": " ",
    "\t": " ",
    "\u2028": "\n",
    "\u2029": "\n",
    "'": "’",
    '"': "”",
    "-": "—",
}


@dataclass(frozen=True)
class Vocabulary:
    """The symbols a model knows, in the order of their ids.

    Characters come first, sorted by code point as in the tutorial; then the
    unknown id; then, if the corpus holds several texts, the id that ends a text.
    With kind "bytes" the first 256 ids are the bytes of UTF-8 and nothing is
    ever unknown.
    """

    kind: Kind
    symbols: tuple[int, ...]
    has_end: bool = False

    @property
    def size(self) -> int:
        """The number of ids."""
        return len(self.symbols) + (self.kind == "characters") + self.has_end

    @property
    def unknown(self) -> int | None:
        """The id of characters never seen, or None where that cannot be (bytes)."""
        return len(self.symbols) if self.kind == "characters" else None

    @property
    def end(self) -> int | None:
        """The id that ends a text, or None where the model learned one text only."""
        return self.size - 1 if self.has_end else None

    @cached_property
    def ids(self) -> dict[int, int]:
        """Symbol to id."""
        return {symbol: number for number, symbol in enumerate(self.symbols)}

    @property
    def characters(self) -> str:
        """The distinct characters, sorted; empty for bytes."""
        return "".join(map(chr, self.symbols)) if self.kind == "characters" else ""

    def encode(self, text: str) -> tuple[np.ndarray, Counter[str]]:
        """A text as ids (int64, shape (n,)), and the characters that have none, counted.

        Those are encoded as the unknown id.
        """
        if self.kind == "bytes":
            data = text.encode("utf-8", "replace")
            return np.frombuffer(data, dtype=np.uint8).astype(np.int64), Counter()
        ids, unknown = self.ids, len(self.symbols)
        encoded = np.fromiter((ids.get(ord(c), unknown) for c in text), np.int64, len(text))
        unseen = Counter(text[i] for i in np.flatnonzero(encoded == unknown))
        return encoded, unseen

    def encode_prompt(self, text: str) -> tuple[np.ndarray, dict[str, str]]:
        """A prompt as ids, and what stands in for each character never seen.

        The rule, for every character on its own; the first that gives known
        characters wins: its plain or typographic twin (’ and '), its other case,
        its compatibility form (ﬁ to fi), its letter without accents, and else the
        unknown id (shown as "").
        """
        _, unseen = self.encode(text)
        replaced = {character: self._stand_in(character) for character in unseen}
        for character, stand_in in replaced.items():
            if stand_in:
                text = text.replace(character, stand_in)
        return self.encode(text)[0], replaced

    def _stand_in(self, character: str) -> str:
        plain = unicodedata.normalize("NFD", character)
        candidates = (
            STAND_INS.get(character, ""),
            character.swapcase(),
            unicodedata.normalize("NFKC", character),
            unicodedata.normalize("NFC", character),
            "".join(c for c in plain if not unicodedata.combining(c)),
            "".join(c for c in plain if not unicodedata.combining(c)).swapcase(),
        )
        for candidate in candidates:
            if candidate and all(ord(c) in self.ids for c in candidate):
                return candidate
        return ""

    def decode(self, ids: Iterable[int]) -> str:
        """Ids as text; the unknown id shows as U+FFFD and the end of a text as nothing."""
        array = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), np.int64)
        if self.kind == "bytes":
            return array[array < 256].astype(np.uint8).tobytes().decode("utf-8", "replace")
        symbols = np.array([*self.symbols, 0xFFFD], np.uint32)
        if self.has_end:
            array = array[array != self.end]
        return symbols[array].tobytes().decode("utf-32-le")

    def count_characters(self, ids: np.ndarray) -> int:
        """How many characters ids stand for: all but ends of texts and UTF-8's later bytes."""
        if self.kind == "bytes":
            return int(((ids < 256) & (ids & 0xC0 != 0x80)).sum())
        return int((ids != self.end).sum()) if self.has_end else len(ids)

    def count_bytes(self, ids: np.ndarray) -> int:
        """How many bytes the characters take in UTF-8; an unknown one is counted as 3."""
        if self.kind == "bytes":
            return int((ids < 256).sum())
        sizes = [len(chr(symbol).encode("utf-8")) for symbol in self.symbols]
        return int(np.array([*sizes, 3, 0])[ids].sum())

    def to_json(self) -> str:
        """The vocabulary as it stands in a model's metadata."""
        return json.dumps({"kind": self.kind, "symbols": self.symbols, "end": self.has_end})

    @classmethod
    def from_json(cls, text: str) -> Vocabulary:
        """Read back what `to_json` wrote.

        Raises:
            ModelError: if it is anything else.
        """
        try:
            data = json.loads(text)
            kind, symbols, end = data["kind"], tuple(data["symbols"]), data["end"]
        except (ValueError, TypeError, KeyError):
            raise ModelError("The model's vocabulary cannot be read; get the file again.") from None
        sound = (
            kind in ("characters", "bytes")
            and isinstance(end, bool)
            and 0 < len(symbols) < 1 << 16
            and all(type(s) is int and 0 <= s < 0x110000 for s in symbols)
            and list(symbols) == sorted(set(symbols))
            and not any(0xD800 <= s < 0xE000 for s in symbols)
            and (kind == "characters" or symbols == tuple(range(256)))
        )
        if not sound:
            raise ModelError("The model's vocabulary is damaged; get the file again.")
        return cls(kind, symbols, end)


@dataclass(frozen=True)
class Folding:
    """The vocabulary that a text's counts give, and what it left out."""

    vocabulary: Vocabulary
    folded: Mapping[str, int] = field(default_factory=dict)


def build_vocabulary(counts: Mapping[int, int], kind: Kind, has_end: bool) -> Folding:
    """Choose the vocabulary for a text from how often each symbol occurs in it.

    Args:
        counts: occurrences by symbol (a code point or a byte, and END_SYMBOL).
        kind: "characters" or "bytes".
        has_end: whether the corpus holds several texts, so that their ends are learned.
    """
    if kind == "bytes":
        return Folding(Vocabulary("bytes", tuple(range(256)), has_end))
    total = sum(counts.values())
    least = max(1, min(RARE_AT_MOST, int(total * RARE_SHARE)))
    special = (END_SYMBOL, UNKNOWN_SYMBOL)
    seen = {s: n for s, n in counts.items() if n > 0 and s not in special}
    kept = sorted(s for s, n in seen.items() if n >= least)
    folded = {chr(s): n for s, n in sorted(seen.items()) if n < least}
    return Folding(Vocabulary("characters", tuple(kept), has_end), folded)
