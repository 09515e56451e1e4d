"""Texts that stand one a row: the fields of .jsonl and .csv files."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .errors import TextError
from .labels import LabelCount

LONE_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Fields:
    """What is read of a row: its text, and its label where labels are counted."""

    text: str
    label: str | None
    labels: LabelCount | None


def jsonl_rows(name: str, file: Iterable[str], fields: Fields) -> Iterator[str]:
    """The texts of JSON lines; `name` is the file's, for messages."""
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            raise TextError(
                f"Line {number} of {name} is not JSON; .jsonl holds one object a line."
            ) from None
        yield from _field_text(name, number, row if isinstance(row, dict) else {}, fields)


def csv_rows(name: str, file: Iterable[str], fields: Fields) -> Iterator[str]:
    """The texts of a table with commas."""
    csv.field_size_limit(1 << 30)  # the library's 128 KB would cut long texts off
    rows = csv.DictReader(file)
    try:
        for number, row in enumerate(rows, 2):
            yield from _field_text(name, number, row, fields)
    except csv.Error as error:
        raise TextError(
            f"{name} cannot be read as CSV near line {rows.line_num} ({error}); "
            "save it again as comma-separated UTF-8."
        ) from None


def _field_text(name: str, number: int, row: dict[str, object], fields: Fields) -> Iterator[str]:
    value = _field(name, number, row, fields.text)
    if value is None or value == "":
        return
    if fields.labels is not None:
        fields.labels.begin(_label(name, number, row, str(fields.label)))
    # JSON can spell lone surrogates, which are no characters and would look like END.
    text = LONE_SURROGATES.sub("\ufffd", value if isinstance(value, str) else str(value))
    yield text.replace("\r\n", "\n").replace("\r", "\n")


def _label(name: str, number: int, row: dict[str, object], field: str) -> str:
    value = _field(name, number, row, field)
    label = "" if value is None else LONE_SURROGATES.sub("\ufffd", str(value)).strip()
    if not label:
        raise TextError(
            f"Line {number} of {name} has nothing in its field {field!r}; "
            "give every text a label, or leave out those that have none."
        )
    return label


def _field(name: str, number: int, row: dict[str, object], field: str) -> object:
    if field not in row:
        names = ", ".join(str(one) for one in list(row)[:8]) or "none"
        raise TextError(f"Line {number} of {name} has no field {field!r}; its fields are: {names}.")
    return row[field]
