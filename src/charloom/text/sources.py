"""From what a user names (files, folders, globs, "-") to pieces of text.

Nothing here holds a whole text: files are read a piece at a time, so that a
corpus larger than memory costs no more than a small one.
"""

from __future__ import annotations

import atexit
import codecs
import glob
import gzip
import hashlib
import io
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from .errors import SettingError, TextError
from .labels import FOLDER, LabelCount
from .rows import LONE_SURROGATES, Fields, csv_rows, jsonl_rows

# The end of one text and the start of the next, as it travels inside pieces of
# text: a lone surrogate. It is no character; where a decoder gives one it is replaced.
END = "\udfff"

TEXT_SUFFIXES = (".txt", ".md")
ROW_SUFFIXES = (".jsonl", ".csv")
# What a folder that holds a model holds, whole or half trained.
MODEL_SIGNS = ("model.safetensors", "training/checkpoint.safetensors")
PIPE = "-"  # standard input
PIECE = 1 << 20  # bytes or characters read at a time

_BYTE_ORDER_MARKS = (
    # The order matters: UTF-32's little-endian mark starts with UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Reading:
    """How texts are read: the options of `charloom train` that change what is learned."""

    encoding: str | None = None
    lowercase: bool = False
    field: str | None = None
    lines: bool = False
    label: str | None = None  # a field, or "folder": each text's label
    deduplicate: bool = False  # leave out texts that occurred before

    def __post_init__(self) -> None:
        if self.label == "":
            raise SettingError("A label's field has a name; give --label FIELD or --label folder.")
        if self.encoding is not None:
            try:  # some codecs are not of text, and some cannot pass over errors
                "a".encode(self.encoding).decode(self.encoding, "replace")
            except (LookupError, ValueError, TypeError):
                raise SettingError(
                    f"{self.encoding!r} is not an encoding Python knows; "
                    "try one such as utf-8, latin-1 or cp1252."
                ) from None
        if self.deduplicate and self.label is not None:
            raise SettingError(
                "Labelled texts are not deduplicated; drop --label or --deduplicate."
            )
        if self.field is not None and self.lines:
            raise SettingError(
                "A text is read by field or by line, not both: drop --field or --lines."
            )


@dataclass(frozen=True)
class Source:
    """One file to read, and the name it goes by in messages."""

    path: Path
    name: str
    folder: str | None = None  # the first folder below the one named, where it lies in one

    @property
    def stamp(self) -> tuple[int, int]:
        """Changes when the file does."""
        found = self.path.stat()
        return found.st_size, found.st_mtime_ns

    @property
    def suffix(self) -> str:
        """The ending that tells the format, with `.gz` looked through."""
        path = self.path.with_suffix("") if self.compressed else self.path
        return path.suffix.lower()

    def holds_texts(self, reading: Reading) -> bool:
        """Whether the file holds several texts, one a row or line."""
        return self.suffix in ROW_SUFFIXES or reading.lines

    @property
    def compressed(self) -> bool:
        return self.path.suffix.lower() == ".gz"

    def open(self) -> BinaryIO:
        """The file's bytes, decompressed."""
        return cast(BinaryIO, gzip.open(self.path) if self.compressed else self.path.open("rb"))


@dataclass(frozen=True)
class Survey:
    """What one look through a file's bytes tells."""

    sha256: str
    size: int
    encoding: str
    detected: bool  # False where a byte-order mark, UTF-8 itself or the user said so


def stem_of(text: str | Path, default: str) -> str:
    """What is made from a text is named after it: `poems` for poems.txt.gz and for poems*."""
    stem = Path(text).name.split(".")[0].strip("*?[]")
    return default if stem in ("", PIPE) else stem


def find_sources(texts: Iterable[str | Path], reading: Reading) -> list[Source]:
    """The files that `texts` name, in a fixed order, each once.

    Args:
        texts: paths of files or folders (searched for .txt and .md, and for
            .jsonl and .csv where a field is named, each also as .gz), glob
            patterns, or "-" for standard input.

    Raises:
        TextError: if something named does not exist or holds no text.
    """
    found: dict[Path, Source] = {}
    for text in texts:
        name = str(text)
        path = Path(name)
        if name == PIPE:
            paths = [_spool(sys.stdin.buffer)]
        elif path.is_fifo():  # as in `charloom train <(zcat x.gz)`
            with path.open("rb") as pipe:
                paths = [_spool(pipe)]
        elif path.is_dir():
            paths = _files_in(path, reading)
        elif path.exists():
            paths = [path]
        else:
            paths = sorted(Path(p) for p in glob.glob(name, recursive=True) if Path(p).is_file())  # noqa: PTH207
            if not paths:
                raise TextError(f"There is no file, folder or match for {name!r}; check the path.")
        for one in paths:
            shown = "standard input" if name == PIPE else str(one)
            below = one.relative_to(path).parts if path.is_dir() else ()
            folder = below[0] if len(below) > 1 else None
            found.setdefault(one.resolve(), Source(one, shown, folder))
    if not found:
        raise TextError("No text was named; give at least one file, folder or '-'.")
    return list(found.values())


def survey(source: Source, reading: Reading) -> Survey:
    """Read a file's bytes once: their hash, their size, and their encoding."""
    digest = hashlib.sha256()
    utf8 = codecs.getincrementaldecoder("utf-8")()
    size, valid, head, doubtful = 0, True, b"", b""
    with _Readable(source), source.open() as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            if not size:
                head = piece[: 1 << 16]
            size += len(piece)
            if valid:
                try:
                    utf8.decode(piece)
                except UnicodeDecodeError as error:
                    # The detector learns most from the part that is not ASCII.
                    start = max(0, error.start - 4096)
                    valid, doubtful = False, piece[start : start + (1 << 16)]
    encoding, detected = _encoding(source, reading, head, valid, doubtful)
    return Survey(digest.hexdigest(), size, encoding, detected)


def pieces(
    source: Source, encoding: str, reading: Reading, labels: LabelCount | None = None
) -> Iterator[str]:
    """The texts of a file, piece by piece, with END after every text.

    Line ends become "\\n". Bytes that are not valid in the encoding become U+FFFD.
    Where `labels` are counted, each text's is said before the text.
    """
    by_row = source.suffix in ROW_SUFFIXES
    in_folder = reading.label == FOLDER and source.folder is not None
    by_folder = labels is not None and (in_folder or not by_row)
    if by_row and reading.field is None:
        raise TextError(
            f"{source.name} holds one text a row; name the field to read with --field NAME."
        )
    # csv wants its line ends untouched: they may stand inside a quoted field.
    newline = "" if source.suffix == ".csv" else None
    with _Readable(source), source.open() as raw:
        file = io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline=newline)
        if by_row:
            rows = jsonl_rows if source.suffix == ".jsonl" else csv_rows
            fields = Fields(str(reading.field), reading.label, None if by_folder else labels)
            texts: Iterator[str] = (text + END for text in rows(source.name, file, fields))
        elif reading.lines:
            texts = (line.rstrip("\n") + END for line in file if line.strip())
        else:
            texts = _whole(file)
        if labels is not None and by_folder:
            texts = _labelled(texts, _folder_label(source, reading), labels)
        for text in texts:
            if not encoding.startswith("utf-8"):  # UTF-7 can spell END
                text = _without_surrogates(text)
            text = text.lower() if reading.lowercase else text
            if labels is not None:
                labels.add(len(text) - text.endswith(END))
            yield text


def _folder_label(source: Source, reading: Reading) -> str:
    if reading.label != FOLDER:
        raise TextError(
            f"{source.name} has no fields, and --label {reading.label} names one of .jsonl and "
            ".csv; files are labelled by their folders, with --label folder."
        )
    if source.folder is None:
        raise TextError(
            f"{source.name} lies in no sub-folder that could be its label; name the folder that "
            "holds one sub-folder a label."
        )
    return source.folder


def _labelled(texts: Iterator[str], label: str, labels: LabelCount) -> Iterator[str]:
    """The same pieces of text, each text's label said before its first."""
    new = True
    for text in texts:
        if new:
            labels.begin(label)
        new = text.endswith(END)
        yield text


def _without_surrogates(text: str) -> str:
    end = END if text.endswith(END) else ""
    return LONE_SURROGATES.sub("\ufffd", text.removesuffix(end)) + end


def _whole(file: io.TextIOWrapper) -> Iterator[str]:
    empty = True
    while piece := file.read(PIECE):
        empty = False
        yield piece
    if not empty:
        yield END


def _files_in(folder: Path, reading: Reading) -> list[Path]:
    suffixes = TEXT_SUFFIXES + (ROW_SUFFIXES if reading.field is not None else ())
    endings = suffixes + tuple(suffix + ".gz" for suffix in suffixes)
    files = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name.lower().endswith(endings) and not _in_model(path)
    ]
    if not files:
        raise TextError(f"The folder {folder} holds no {', '.join(endings)} file.")
    return sorted(files)


def _in_model(path: Path) -> bool:
    """Whether a file is the card of a model, which is no text to learn from."""
    return any((path.parent / sign).exists() for sign in MODEL_SIGNS)


def _spool(pipe: BinaryIO) -> Path:
    """A pipe cannot be read twice, so its text is kept in a file while the program runs."""
    with tempfile.NamedTemporaryFile(prefix="charloom-", suffix=".txt", delete=False) as file:
        while piece := pipe.read(PIECE):
            file.write(piece)
    path = Path(file.name)
    atexit.register(path.unlink, missing_ok=True)
    return path


def _encoding(
    source: Source, reading: Reading, head: bytes, valid_utf8: bool, doubtful: bytes
) -> tuple[str, bool]:
    if reading.encoding is not None:
        # A mark at the start is not part of the text, whoever named the encoding.
        utf8 = codecs.lookup(reading.encoding).name == "utf-8"
        return ("utf-8-sig" if utf8 else reading.encoding), False
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name, False
    if b"\0" in head and not _looks_like_utf16(head):
        raise TextError(
            f"{source.name} does not look like text (it holds zero bytes); "
            "if it is, name its encoding with --encoding."
        )
    if b"\0" not in head and (valid_utf8 or _mostly_utf8(doubtful)):
        return "utf-8", False
    import charset_normalizer

    best = charset_normalizer.from_bytes(head if b"\0" in head else doubtful).best()
    # Where the detector finds nothing, Windows' Western encoding is the likeliest.
    return (best.encoding if best is not None else "cp1252"), True


def _mostly_utf8(data: bytes) -> bool:
    """UTF-8 with a few broken bytes, which no detector would call UTF-8."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return broken * 10 <= sum(c > "\x7f" for c in text)


def _looks_like_utf16(head: bytes) -> bool:
    """Nearly all zero bytes at odd (or at even) places: UTF-16 without its mark."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    return max(even, odd) > 0.3 * len(head) / 2 and min(even, odd) < 0.05 * len(head) / 2


class _Readable:
    """Turns what goes wrong while a file is read into one sentence."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, gzip.BadGzipFile | EOFError | zlib.error):
            raise TextError(
                f"{self.source.name} is not a whole gzip file; compress it again."
            ) from error
        if isinstance(error, OSError):
            raise TextError(
                f"{self.source.name} cannot be read ({error.strerror or error}); "
                "check that it exists and that you may read it."
            ) from error
