"""The texts that people give: kept as they are, looked at once, and said plainly what they are."""

from __future__ import annotations

import shutil
import time
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from charloom.text import END, CharloomError, Reading, TextError, cache_folder, prepare, writing_to
from charloom.training import Settings, begin

from .expect import expectations, minutes_for
from .store import Store, read_json, write_json

MOST_BYTES = 100_000_000  # of a text that comes through the page
LONGEST_NAME = 80
PREVIEW = 400  # characters of a text that are shown
FILE, FACTS = "text.txt", "text.json"

# What people drop that is no text, by how it begins.
_FOREIGN = (
    (b"PK\x03\x04", "a Word, OpenDocument, e-book or zip file"),
    (b"%PDF-", "a PDF"),
    (b"{\\rtf", "an RTF file"),
    (b"\xd0\xcf\x11\xe0", "an old Word file"),
    (b"\x1f\x8b", "a compressed file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)


class TooLarge(TextError):  # noqa: N818 (it says what is wrong)
    """A text is larger than the page takes."""


def clean_name(name: str, default: str) -> str:
    """A name as it is shown: printable, on one line, not too long."""
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    shown = "".join(c if c.isprintable() else " " for c in name)
    return " ".join(shown.split())[:LONGEST_NAME] or default


class Texts:
    """The texts in a studio's folder."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def give(self, name: str, chunks: AsyncIterator[bytes]) -> dict[str, Any]:
        """Keep a text, and look at it.

        Args:
            name: as the person calls it.
            chunks: its bytes; they go to disk as they come.

        Raises:
            TextError: if it is too large, or cannot be read or learned from.
            StorageError: if it cannot be kept.
        """
        name = clean_name(name, "A text")
        number, path = await run_in_threadpool(self.store.make, "texts")
        try:
            await spool(name, path / FILE, chunks)
            facts = await run_in_threadpool(_look, name, path / FILE)
            facts |= {"id": number, "given": time.time()}
            await run_in_threadpool(write_json, path / FACTS, facts)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return self.shown(facts)

    def all(self) -> list[dict[str, Any]]:
        """What is known of every text, the newest first."""
        found = [self._facts(self.store.path / "texts" / n) for n in self.store.numbers("texts")]
        known = [facts for facts in found if facts]
        return [self.shown(f) for f in sorted(known, key=lambda f: -f["given"])]

    def find(self, number: str) -> dict[str, Any]:
        """What is known of a text.

        Raises:
            Missing: if it is not there.
        """
        path = self.store.find("texts", number)
        facts = self._facts(path)
        if facts is None:
            raise TextError("This text was never read to its end; give it again.")
        return facts

    def path(self, number: str) -> Path:
        """The file of a text."""
        return self.store.find("texts", number) / FILE

    def end(self, number: str, characters: int) -> str:
        """The last characters of a text, decoded as it was; from a line's start on."""
        facts = self.find(number)
        with self.path(number).open("rb") as file:
            if facts["encoding"].startswith("utf-8"):  # others cannot be read from the middle
                file.seek(max(0, facts["bytes"] - 4 * characters - 4))
            text = file.read().decode(facts["encoding"], "ignore")[-characters:]
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        newline = text.find("\n", 0, characters // 4)
        return text[newline + 1 :].strip("\n") if len(text) == characters else text

    def remove(self, number: str) -> None:
        """Remove a text, and what was prepared of it."""
        path = self.store.find("texts", number)
        prepared = (self._facts(path) or {}).get("prepared", "")
        self.store.remove(path)
        if prepared.isalnum():  # the cache may go at any time: it is made anew
            shutil.rmtree(cache_folder() / "corpora" / prepared, ignore_errors=True)

    @staticmethod
    def shown(facts: dict[str, Any]) -> dict[str, Any]:
        """What the page is told of a text."""
        characters, start = facts["characters"], facts["start"]
        return {
            **{name: value for name, value in facts.items() if name != "prepared"},
            "expect": expectations(characters, start),
            "minutes": minutes_for(characters),
        }

    @staticmethod
    def _facts(path: Path) -> dict[str, Any] | None:
        return read_json(path / FACTS)


async def spool(name: str, path: Path, chunks: AsyncIterator[bytes]) -> None:
    """Write what is given to a file, as it comes.

    Raises:
        TooLarge: if it is more than the page takes; what came so far stays.
        StorageError: if it cannot be written.
    """
    size = 0
    with writing_to(path), path.open("wb") as file:
        async for chunk in chunks:
            size += len(chunk)
            check_size(name, size)
            await run_in_threadpool(file.write, chunk)


def check_size(name: str, size: int) -> None:
    """Make sure that a file is not larger than the page takes.

    Raises:
        TooLarge: if it is.
    """
    if size > MOST_BYTES:
        raise TooLarge(
            f"{name} is larger than {MOST_BYTES // 10**6} MB, the most that the studio takes; "
            "give a part of it, or use charloom on the command line."
        )


def _look(name: str, path: Path) -> dict[str, Any]:
    """Read a text once, and prepare it for training."""
    with path.open("rb") as file:
        head = file.read(8)
    for sign, what in _FOREIGN:
        if head.startswith(sign):
            raise TextError(
                f"{name} is {what}, not plain text; save it as plain text (.txt) and give that."
            )
    try:
        corpus = prepare([path])
        different = sum(count > 0 for count in corpus.counts(len(corpus)).values())
        if different < 2:
            raise TextError(
                f"{name} holds fewer than two different characters; there is nothing to learn."
            )
        # The same decision as training makes.
        _, settings, _ = begin([path], Reading(), Settings())
    except CharloomError as error:
        said = str(error).replace(str(path), name)
        if "--encoding" in said:  # advice for another place than this
            said = f"{said.split(';')[0]}; save it as plain text in UTF-8 and give that."
        raise type(error)(said) from None
    facts = corpus.facts
    preview = _opening(path, facts.encoding)
    return {
        "name": name,
        "bytes": facts.bytes,
        "characters": facts.characters,
        "symbols": different,
        "encoding": facts.encoding,
        "guessed": bool(facts.detected),
        "undecodable": facts.undecodable,
        "start": settings.start,
        "preview": preview,
        "prepared": corpus.folder.name,
    }


def _opening(path: Path, encoding: str) -> str:
    with path.open("r", encoding=encoding, errors="replace") as file:
        return file.read(PREVIEW).replace(END, "")
