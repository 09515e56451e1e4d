"""Symbols to numbers: each symbol gets the next number when it first occurs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .sources import END
from .vocabulary import END_SYMBOL, UNKNOWN_SYMBOL, Kind

NUMBERS = "numbers"  # the file's name in a corpus's folder
BATCH = 1 << 20  # symbols read at a time
STEP = 1 << 16  # and numbered: their arrays stay in the processor's cache, which doubles the speed
MOST_SYMBOLS = 1 << 16  # what two bytes can number; the rest are unknown from the start


def batches(texts: Iterator[str]) -> Iterator[str]:
    """Short texts together: one row at a time would spend its time in calls."""
    waiting: list[str] = []
    length = 0
    for text in texts:
        waiting.append(text)
        length += len(text)
        if length >= BATCH:
            yield "".join(waiting)
            waiting, length = [], 0
    if waiting:
        yield "".join(waiting)


class Numbering:
    """Numbers symbols in the order they first occur, and writes the numbers."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self.path, self.kind = path, kind
        self.file = open(path, "wb")  # noqa: SIM115 (see close)
        self.table = np.full(0x110000, -1, np.int32)
        self.symbols: list[int] = []
        self.dtype: np.dtype = np.dtype(np.uint8)
        self.length = self.characters = self.texts = self.undecodable = 0
        self.known, self.narrow = b"", bytes(256)  # of ASCII

    def add(self, text: str) -> None:
        """Number a piece of text; END in it ends a text."""
        if not self._add_ascii(text):
            symbols = symbols_of(text, self.kind)
            numbers = self.table.take(symbols)
            if len(new := symbols[numbers < 0]):
                self._number_all(new)
                numbers = self.table.take(symbols)
                self._know_ascii()
            if len(self.symbols) > 256 and self.dtype == np.uint8:
                self._widen()
            self.file.write(numbers.astype(self.dtype).tobytes())
            self.length += len(symbols)
            self.undecodable += text.count("\ufffd")
        ends = text.count(END)
        self.texts += ends
        self.characters += len(text) - ends

    def _add_ascii(self, text: str) -> bool:
        """Number a text of ASCII by one table of bytes: ten times as fast."""
        if self.dtype != np.uint8 or "\0" in text:
            return False
        text = text.replace(END, "\0")  # whose place in the table is END's
        if not text.isascii():
            return False
        data = text.encode("ascii")
        if new := data.translate(None, self.known):
            if len(self.symbols) > 128:  # one byte may not number all that come
                return False
            symbols = np.frombuffer(new, np.uint8).astype(np.uint32)
            self._number_all(np.where(symbols == 0, END_SYMBOL, symbols))
            self._know_ascii()
        self.file.write(data.translate(self.narrow))
        self.length += len(data)
        return True

    def _know_ascii(self) -> None:
        numbers = self.table[:128].copy()
        numbers[0] = self.table[END_SYMBOL]
        inside = (numbers >= 0) & (numbers < 256)
        self.known = bytes(np.flatnonzero(inside).tolist())
        self.narrow = bytes(np.where(inside, numbers, 0).tolist() + [0] * 128)

    def facts(self) -> dict[str, Any]:
        """What is known of the numbers, which are all in the file then."""
        self.file.flush()
        return {
            "dtype": self.dtype.name,
            "length": self.length,
            "symbols": self.symbols,
            "characters": self.characters,
            "texts": self.texts,
            "undecodable": self.undecodable,
        }

    def close(self) -> None:
        self.file.close()

    def _number_all(self, new: np.ndarray) -> None:
        """Number new symbols, each of them as often as it occurs, in their order."""
        while len(new):
            # The first few hold most of them, and sorting a million takes 30 milliseconds.
            head = new[:4096]
            for symbol in head[np.sort(np.unique(head, return_index=True)[1])].tolist():
                self.table[symbol] = self._number(symbol)
            new = new[self.table[new] < 0]

    def _number(self, symbol: int) -> int:
        if len(self.symbols) == MOST_SYMBOLS - 1:
            self.symbols.append(UNKNOWN_SYMBOL)
        if len(self.symbols) == MOST_SYMBOLS:
            return MOST_SYMBOLS - 1
        self.symbols.append(symbol)
        return len(self.symbols) - 1

    def _widen(self) -> None:
        """The 257th symbol: one byte no longer holds a number, so what is there is rewritten."""
        self.file.close()
        narrow = self.path.with_suffix(".narrow")
        self.path.rename(narrow)
        self.dtype = np.dtype(np.uint16)
        self.file = open(self.path, "wb")  # noqa: SIM115
        with open(narrow, "rb") as file:
            while piece := file.read(BATCH):
                self.file.write(np.frombuffer(piece, np.uint8).astype(self.dtype).tobytes())
        narrow.unlink()


def number_texts(texts: Iterator[str], path: Path, kind: Kind) -> dict[str, Any]:
    """Write the numbers of texts; what is known of them."""
    with contextlib.closing(Numbering(path, kind)) as numbering:
        for batch in batches(texts):
            for start in range(0, len(batch), STEP):
                numbering.add(batch[start : start + STEP])
        return numbering.facts()


def symbols_of(text: str, kind: Kind) -> np.ndarray:
    """A text's code points, or the bytes of its UTF-8 form; END is END_SYMBOL in both."""
    if kind == "characters":
        return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    parts = text.split(END)
    end = np.array([END_SYMBOL], np.uint32)
    arrays = [end] * (2 * len(parts) - 1)
    arrays[::2] = [np.frombuffer(p.encode("utf-8"), np.uint8).astype(np.uint32) for p in parts]
    return np.concatenate(arrays)
