"""A corpus: every text as one memory-mapped run of numbers, prepared once.

Preparing is one streaming pass: each symbol gets a number when it first occurs,
and the numbers go straight to disk, one byte each while there are at most 256.
The vocabulary comes later, as a table over those numbers: so it can be drawn
from the training part alone, and one prepared corpus serves any split of it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .errors import StorageError, TextError
from .ids import Ids, Stretches
from .labels import LabelCount, Labels, cut
from .sources import END, Reading, Source, find_sources, pieces, survey
from .vocabulary import END_SYMBOL, UNKNOWN_SYMBOL, Kind, Vocabulary

FORMAT = 1  # of the cache; another number is another key
NUMBERS = "numbers"  # the file's name in a corpus's folder
LABELS = "labels.npy"  # and that of its texts' labels, where they have any
BATCH = 1 << 20  # symbols numbered at a time
MOST_SYMBOLS = 1 << 16  # what two bytes can number; the rest are unknown from the start


@dataclass(frozen=True)
class TextFacts:
    """What a model card says of the text: no more than the text itself shows."""

    name: str
    sha256: str
    bytes: int
    characters: int
    texts: int
    encoding: str  # of the files, joined where they differ
    detected: dict[str, str]  # by file, where the encoding is a guess
    undecodable: int  # characters that stand for bytes which could not be read


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus. `numbers` (shape (n,)) index `symbols`."""

    numbers: np.ndarray | Stretches
    symbols: tuple[int, ...]
    kind: Kind
    facts: TextFacts
    cached: bool
    folder: Path
    labels: Labels | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def kind_on_disk(self) -> Kind:
        """What the prepared numbers stand for, whatever is made of them here."""
        numbers = self.numbers.numbers if isinstance(self.numbers, Stretches) else self.numbers
        return self.kind if isinstance(numbers, np.memmap) else "characters"

    def cut(self, share: float) -> tuple[Corpus, int]:
        """Laid out with the last share behind the rest, and where that begins.

        Of texts with labels it is the last share of every label's.
        """
        if self.labels is None:
            return self, int(len(self) * (1 - share))
        assert isinstance(self.numbers, np.ndarray)
        numbers, split = cut(self.numbers, self.symbols.index(END_SYMBOL), self.labels, share)
        return replace(self, numbers=numbers), split

    def counts(self, stop: int) -> dict[int, int]:
        """How often each symbol occurs before position `stop`."""
        if isinstance(self.numbers, Stretches):
            found = self.numbers.counts(stop, len(self.symbols))
            return {s: int(n) for s, n in zip(self.symbols, found, strict=True)}
        if not isinstance(self.numbers, np.memmap):
            found = np.bincount(self.numbers[:stop], minlength=len(self.symbols))
            return {s: int(n) for s, n in zip(self.symbols, found, strict=True)}
        total = np.zeros(len(self.symbols), np.int64)
        # Read, not mapped: mapped pages would count as this program's memory, all of them.
        with open(self.folder / NUMBERS, "rb") as file:
            for start in range(0, stop, BATCH):
                part = np.fromfile(file, self.numbers.dtype, min(BATCH, stop - start))
                total += np.bincount(part, minlength=len(total))
        return {s: int(n) for s, n in zip(self.symbols, total, strict=True)}

    def in_bytes(self) -> Corpus:
        """The same corpus as the bytes of its UTF-8 form, held in memory: for small texts."""
        symbols = np.array(self.symbols, np.uint32)
        symbols[symbols == UNKNOWN_SYMBOL] = ord("\ufffd")
        text = symbols[self.numbers[0 : len(self)]].tobytes().decode("utf-32-le", "surrogatepass")
        numbers = _symbols(text, "bytes")
        numbers[numbers == END_SYMBOL] = 256
        ids = numbers.astype(np.uint16)
        return replace(self, numbers=ids, symbols=(*range(256), END_SYMBOL), kind="bytes")

    def part(self, start: int, stop: int, vocabulary: Vocabulary) -> Ids:
        """Positions `start` to `stop` as ids of `vocabulary`."""
        # 0 stands for what cannot occur: an end where there is one text, an unknown byte.
        unknown, end = vocabulary.unknown or 0, vocabulary.end or 0
        table = np.array(
            [vocabulary.ids.get(s, end if s == END_SYMBOL else unknown) for s in self.symbols],
            np.int64,
        )
        if isinstance(self.numbers, Stretches):
            return Ids(self.numbers.part(start, stop), table)
        return Ids(self.numbers[start:stop], table)


def cache_folder() -> Path:
    """Where prepared corpora are kept: CHARLOOM_CACHE, or the system's place for caches."""
    if chosen := os.environ.get("CHARLOOM_CACHE"):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("charloom"))


def prepare(
    texts: Iterable[str | Path], reading: Reading | None = None, kind: Kind = "characters"
) -> Corpus:
    """Turn texts into a corpus, or find it prepared already.

    Args:
        texts: what `find_sources` takes.
        reading: how to read them.
        kind: number characters, or the bytes of their UTF-8 form.

    Raises:
        TextError: if a text cannot be read, or nothing is in it.
        StorageError: if the cache folder cannot be written.
    """
    reading = reading or Reading()
    sources = find_sources(texts, reading)
    stamps = [source.stamp for source in sources]
    surveys = [survey(source, reading) for source in sources]
    options = json.dumps([FORMAT, kind, asdict(reading)])
    key = hashlib.sha256(options.encode())
    for source, seen in zip(sources, surveys, strict=True):
        key.update(f"{source.suffix} {seen.encoding} {seen.sha256}\n".encode())
        if reading.label is not None:
            key.update(f"{source.folder}\n".encode())
    facts = {
        "name": sources[0].name if len(sources) == 1 else f"{len(sources)} files",
        "sha256": surveys[0].sha256 if len(sources) == 1 else key.hexdigest(),
        "bytes": sum(seen.size for seen in surveys),
        "encoding": ", ".join(sorted({seen.encoding for seen in surveys})),
        "detected": {
            source.name: seen.encoding
            for source, seen in zip(sources, surveys, strict=True)
            if seen.detected
        },
    }
    folder = cache_folder() / "corpora" / key.hexdigest()[:32]
    try:
        return _open(folder, kind, facts, cached=True)
    except (OSError, ValueError, KeyError):  # not there, or damaged
        shutil.rmtree(folder, ignore_errors=True)
    encodings = [seen.encoding for seen in surveys]
    labels = None if reading.label is None else LabelCount()
    with writing_to(folder):
        _build(folder, _all_pieces(sources, encodings, reading, labels), kind, labels)
    for source, stamp in zip(sources, stamps, strict=True):
        if source.stamp != stamp:
            shutil.rmtree(folder, ignore_errors=True)
            raise TextError(f"{source.name} changed while it was read; try again.")
    return _open(folder, kind, facts, cached=False)


def reopen(folder: Path, kind: Kind, facts: dict[str, Any]) -> Corpus:
    """A corpus prepared earlier, where the text itself cannot be read again (a pipe).

    Raises:
        TextError: if it is no longer in the cache.
    """
    known = {name: facts[name] for name in ("name", "sha256", "bytes", "encoding", "detected")}
    try:
        return _open(folder, kind, known, cached=True)
    except (OSError, ValueError, KeyError):
        raise TextError(
            "The text came through a pipe and is no longer in the cache; train a new model."
        ) from None


def _all_pieces(
    sources: Sequence[Source],
    encodings: Sequence[str],
    reading: Reading,
    labels: LabelCount | None = None,
) -> Iterator[str]:
    for source, encoding in zip(sources, encodings, strict=True):
        yield from pieces(source, encoding, reading, labels)


def _build(folder: Path, texts: Iterator[str], kind: Kind, labels: LabelCount | None) -> None:
    """Write a corpus beside its final place, then move it there in one step."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)
    temporary = Path(tempfile.mkdtemp(prefix="preparing-", dir=folder.parent))
    try:
        with contextlib.closing(_Numbering(temporary / NUMBERS, kind)) as numbering:
            for batch in _batches(texts):
                numbering.add(batch)
            numbering.finish(labels)
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            try:
                temporary.rename(folder)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:  # another run prepared it meanwhile
                    raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sweep(cache: Path) -> None:
    """Remove what runs that were killed while they prepared left, a day ago or more."""
    for path in cache.glob("preparing-*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - 86_400:
                shutil.rmtree(path, ignore_errors=True)


def _batches(texts: Iterator[str]) -> Iterator[str]:
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


class _Numbering:
    """Numbers symbols in the order they first occur, and writes the numbers."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self.path, self.kind = path, kind
        self.file = open(path, "wb")  # noqa: SIM115 (see close)
        self.table = np.full(0x110000, -1, np.int32)
        self.symbols: list[int] = []
        self.dtype: np.dtype = np.dtype(np.uint8)
        self.length = self.characters = self.texts = self.undecodable = 0

    def add(self, text: str) -> None:
        symbols = _symbols(text, self.kind)
        numbers = self.table[symbols]
        if (numbers < 0).any():
            for symbol in symbols[np.sort(np.unique(symbols, return_index=True)[1])]:
                if self.table[symbol] < 0:
                    self.table[symbol] = self._number(int(symbol))
            numbers = self.table[symbols]
        if len(self.symbols) > 256 and self.dtype == np.uint8:
            self._widen()
        self.file.write(numbers.astype(self.dtype).tobytes())
        ends = text.count(END)
        self.texts += ends
        self.characters += len(text) - ends
        self.undecodable += text.count("\ufffd")
        self.length += len(symbols)

    def finish(self, labels: LabelCount | None) -> None:
        # A single text needs no end: the symbol would be one more to learn from one place.
        # With labels the ends stay: they tell which text a place belongs to.
        if self.texts == 1 and labels is None:
            self.length -= 1
            self.file.truncate(self.length * self.dtype.itemsize)
        self.file.flush()
        os.fsync(self.file.fileno())
        facts = {
            "dtype": self.dtype.name,
            "length": self.length,
            "symbols": self.symbols,
            "characters": self.characters,
            "texts": self.texts,
            "undecodable": self.undecodable,
        }
        if labels is not None:
            facts["labels"] = labels.characters
            labels.save(self.path.parent / LABELS)
        (self.path.parent / "corpus.json").write_text(json.dumps(facts))

    def close(self) -> None:
        self.file.close()

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


def _symbols(text: str, kind: Kind) -> np.ndarray:
    if kind == "characters":
        return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    parts = text.split(END)
    end = np.array([END_SYMBOL], np.uint32)
    arrays = [end] * (2 * len(parts) - 1)
    arrays[::2] = [np.frombuffer(p.encode("utf-8"), np.uint8).astype(np.uint32) for p in parts]
    return np.concatenate(arrays)


def _open(folder: Path, kind: Kind, known: dict[str, Any], cached: bool) -> Corpus:
    data = json.loads((folder / "corpus.json").read_text())
    facts = TextFacts(
        **known,
        characters=data["characters"],
        texts=data["texts"],
        undecodable=data["undecodable"],
    )
    if not data["length"]:
        raise TextError(f"{facts.name} holds no text; give a file with something in it.")
    numbers = np.memmap(folder / NUMBERS, data["dtype"], "r", shape=(data["length"],))
    labels = None
    if "labels" in data:
        labels = Labels.load(data["labels"], folder / LABELS, facts.texts)
    return Corpus(numbers, tuple(data["symbols"]), kind, facts, cached, folder, labels)


@contextlib.contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Turn what can go wrong while writing to disk into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageError(
                f"The disk is full: {place} could not be written; free some space and try again."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f"{place} may not be written; choose another place or change its permissions."
            ) from error
        raise StorageError(f"{place} could not be written ({error.strerror or error}).") from error


def read_texts(texts: Iterable[str | Path], reading: Reading) -> str:
    """Texts as one string, read as `prepare` reads them, with END after each."""
    sources = find_sources(texts, reading)
    encodings = [survey(source, reading).encoding for source in sources]
    return "".join(_all_pieces(sources, encodings, reading))


def read_lowercase(
    texts: Iterable[str | Path], encoding: str | None = None, field: str | None = None
) -> str:
    """Texts as the tutorial reads one: a single string, in lower case; several on lines apart."""
    text = read_texts(texts, Reading(encoding, lowercase=True, field=field))
    return text.removesuffix(END).replace(END, "\n")
