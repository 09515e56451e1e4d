"""A corpus: every text as one memory-mapped run of numbers, prepared once.

Preparing is one streaming pass: each symbol gets a number when it first occurs,
and the numbers go straight to disk, one byte each while there are at most 256.
The vocabulary comes later, as a table over those numbers: so it can be drawn
from the training part alone, and one prepared corpus serves any split of it.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .errors import StorageError, TextError
from .ids import Ids, Stretches
from .labels import LabelCount, Labels, cut
from .numbering import BATCH, NUMBERS, number_texts, symbols_of
from .shards import build_shards, join_shards, processes_for, survey_all
from .sources import END, Reading, Source, Survey, find_sources, pieces, survey
from .vocabulary import END_SYMBOL, UNKNOWN_SYMBOL, Kind, Vocabulary

FORMAT = 1  # of the cache; another number is another key
MANIFEST = "manifest.json"  # the files that it was made of, with their hashes
LABELS = "labels.npy"  # and that of its texts' labels, where they have any


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
        numbers = symbols_of(text, "bytes")
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
    stamps = [(source, source.stamp) for source in sources]
    processes = processes_for(sources)
    surveys = survey_all(sources, reading, processes)
    if reading.deduplicate:
        sources, surveys = _different(sources, surveys)
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
    shards = folder.with_name(f"{folder.name}.shards")
    with writing_to(folder):
        joined = None
        # Whether a row occurred before, in whichever file, only one process that reads all knows.
        rows = reading.deduplicate and any(source.holds_texts(reading) for source in sources)
        if processes > 1 and reading.label is None and not rows:
            parts = build_shards(shards, sources, surveys, reading, kind, processes)
            joined = functools.partial(join_shards, parts, processes=processes)
        _build(folder, sources, surveys, reading, kind, joined)
    shutil.rmtree(shards, ignore_errors=True)
    for source, stamp in stamps:
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
    seen: set[bytes] = set()
    for source, encoding in zip(sources, encodings, strict=True):
        texts = pieces(source, encoding, reading, labels)
        if reading.deduplicate and source.holds_texts(reading):
            texts = _new(texts, seen)
        yield from texts


def _new(texts: Iterator[str], seen: set[bytes]) -> Iterator[str]:
    """Those whose hash is not among those seen, which grow by them: 100 bytes a text."""
    for text in texts:
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if digest not in seen:
            seen.add(digest)
            yield text


def _different(
    sources: Sequence[Source], surveys: Sequence[Survey]
) -> tuple[list[Source], list[Survey]]:
    """The files without those that are the same as one before."""
    first = {seen.sha256: number for number, seen in reversed(list(enumerate(surveys)))}
    kept = sorted(first.values())
    return [sources[number] for number in kept], [surveys[number] for number in kept]


def _build(
    folder: Path,
    sources: Sequence[Source],
    surveys: Sequence[Survey],
    reading: Reading,
    kind: Kind,
    joined: Callable[[Path], dict[str, Any] | None] | None,
) -> None:
    """Write a corpus beside its final place, then move it there in one step.

    Args:
        folder: its place.
        sources, surveys, reading, kind: what is in it.
        joined: makes it of shards that are there already, where it can be.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    labels = None if reading.label is None else LabelCount()
    temporary = Path(tempfile.mkdtemp(prefix="preparing-", dir=folder.parent))
    try:
        facts = joined(temporary / NUMBERS) if joined is not None else None
        if facts is None:
            encodings = [seen.encoding for seen in surveys]
            texts = _all_pieces(sources, encodings, reading, labels)
            facts = number_texts(texts, temporary / NUMBERS, kind)
        # It waits for the disk here: an empty place in the cache would be read as text.
        with open(temporary / NUMBERS, "rb") as file:
            os.fsync(file.fileno())
        # A single text needs no end: the symbol would be one more to learn from one place.
        # With labels the ends stay: they tell which text a place belongs to.
        if facts["texts"] == 1 and labels is None:
            facts["length"] -= 1
            os.truncate(temporary / NUMBERS, facts["length"] * np.dtype(facts["dtype"]).itemsize)
        if labels is not None:
            facts["labels"] = labels.characters
            labels.save(temporary / LABELS)
        files = [
            {"name": source.name, "sha256": seen.sha256, "bytes": seen.size}
            for source, seen in zip(sources, surveys, strict=True)
        ]
        (temporary / MANIFEST).write_text(json.dumps({"files": files}, indent=1))
        (temporary / "corpus.json").write_text(json.dumps(facts))
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            try:
                temporary.rename(folder)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:  # another run prepared it meanwhile
                    raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what runs that were killed while they prepared left, a day ago or more.

    Another corpus' shards stay for a week: a run that is started again goes on with them.
    """
    own = folder.with_name(f"{folder.name}.shards")
    for pattern, days in (("preparing-*", 1), ("*.shards", 7)):
        for path in set(folder.parent.glob(pattern)) - {own}:
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - 86_400 * days:
                    shutil.rmtree(path, ignore_errors=True)


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
