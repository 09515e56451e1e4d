"""Texts in: what is read, how it is decoded, and the prepared corpus."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charloom.text import (
    END,
    Reading,
    SettingError,
    TextError,
    build_vocabulary,
    prepare,
    read_texts,
)
from charloom.text import corpus as corpus_module
from charloom.text import sources as sources_module

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
ANY_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

GERMAN = "Der Fluß strömt über die Wiesen, und die Vögel hören nicht auf zu singen. " * 20
RUSSIAN = (
    "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива "
    "по-своему. Все смешалось в доме Облонских. Жена узнала, что муж был в связи с бывшею "
    "в их доме француженкою-гувернанткой, и объявила мужу, что не может жить с ним. "
) * 5


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def decoded(path: Path, reading: Reading | None = None) -> str:
    """A corpus turned back into text by way of its ids."""
    corpus = prepare([path], reading)
    vocabulary = build_vocabulary(corpus.counts(len(corpus)), "characters", False).vocabulary
    return vocabulary.decode(corpus.part(0, len(corpus), vocabulary)[0 : len(corpus)])


@ANY_FOLDER
@given(text=TEXTS, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_any_text_survives_the_way_to_ids_and_back(
    tmp_path: Path, text: str, encoding: str
) -> None:
    # A mark of UTF-8 or UTF-16 at the start of a text without one is taken for a mark,
    # and a zero byte for a sign that it is no text.
    if text[0] in "\ufeff\ufffe" or "\0" in text:
        return
    path = write(tmp_path / "text.txt", text, encoding)
    assert decoded(path) == text.replace("\r\n", "\n").replace("\r", "\n")


@ANY_FOLDER
@given(text=TEXTS.filter(lambda t: "\0" not in t and t[0] not in "\ufeff"), piece=st.integers(1, 7))
def test_a_text_read_in_tiny_pieces_is_the_same_text(
    tmp_path: Path, text: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "text.txt", text)
    whole = read_texts([path], Reading())
    with monkeypatch.context() as patch:
        patch.setattr(sources_module, "PIECE", piece)
        assert read_texts([path], Reading()) == whole


@pytest.mark.parametrize(("text", "encoding"), [(GERMAN, "cp1252"), (RUSSIAN, "cp1251")])
def test_a_legacy_encoding_is_found_and_said(tmp_path: Path, text: str, encoding: str) -> None:
    path = write(tmp_path / "old.txt", text, encoding)
    assert decoded(path) == text
    assert str(path) in prepare([path]).facts.detected


def test_an_encoding_can_be_forced(tmp_path: Path) -> None:
    path = write(tmp_path / "old.txt", "naïve café", "latin-1")
    assert read_texts([path], Reading(encoding="latin-1")) == f"naïve café{END}"
    assert prepare([path], Reading(encoding="utf-8")).facts.undecodable == 2


def test_utf16_without_a_mark_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "wide.txt", "Plain words without any mark at all. " * 20, "utf-16-le")
    assert read_texts([path], Reading()).startswith("Plain words")


def test_windows_line_ends_and_lower_case(tmp_path: Path) -> None:
    path = write(tmp_path / "text.txt", "One\r\nTwo\rThree\n")
    assert read_texts([path], Reading(lowercase=True)) == f"one\ntwo\nthree\n{END}"


def test_folders_globs_and_gzip_are_read_in_order(tmp_path: Path) -> None:
    write(tmp_path / "b.md", "second")
    write(tmp_path / "a.txt", "first")
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"third"))
    write(tmp_path / "ignored.py", "code")
    expected = f"first{END}second{END}third{END}"
    assert read_texts([tmp_path], Reading()) == expected
    assert read_texts([tmp_path / "a.*", tmp_path / "*"], Reading()).count("first") == 1
    assert read_texts([str(tmp_path / "[a-b].*")], Reading()) == f"first{END}second{END}"


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO("tööt".encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert read_texts(["-"], Reading()) == f"tööt{END}"


def test_a_pipe_by_name_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["sh", "-c", f"printf 'through a pipe' > {pipe}"])
    corpus = prepare([pipe])
    assert writer.wait() == 0
    assert corpus.facts.characters == 14


def test_a_few_broken_bytes_do_not_change_the_encoding(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(RUSSIAN.encode() + b"\xff" + RUSSIAN.encode())
    corpus = prepare([path])
    assert (corpus.facts.encoding, corpus.facts.undecodable) == ("utf-8", 1)


def test_an_encoding_that_spells_our_end_of_a_text_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"one +3/8- two")
    assert read_texts([path], Reading(encoding="utf-7")) == f"one \ufffd two{END}"


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    path = write(tmp_path / "text.txt", "something to keep for later")
    folder = prepare([path]).folder
    (folder / "numbers").write_bytes(b"")
    assert not prepare([path]).cached
    (folder / "corpus.json").write_text("{}")
    assert decoded(path) == "something to keep for later"


def test_a_text_that_changes_while_it_is_read_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "log.txt", "line\n" * 100)
    survey = corpus_module.survey_all

    def grow(*arguments):
        result = survey(*arguments)
        write(path, "line\n" * 101)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(corpus_module, "survey_all", grow)
        with pytest.raises(TextError, match="changed while it was read"):
            prepare([path])
    assert not prepare([path]).cached


def test_the_card_of_a_model_is_no_text(tmp_path: Path) -> None:
    write(tmp_path / "poem.txt", "verse")
    (tmp_path / "m" / "training").mkdir(parents=True)
    write(tmp_path / "m" / "README.md", "card")
    write(tmp_path / "m" / "training" / "checkpoint.safetensors", "")
    assert read_texts([tmp_path], Reading()) == f"verse{END}"


def test_rows_of_jsonl_and_csv_are_texts(tmp_path: Path) -> None:
    rows = ["one\r\nline", "two, with a comma", 'three "quoted"', "lone \ud800 surrogate"]
    lines = "\n".join(json.dumps({"text": row, "n": 1}) for row in rows)
    jsonl = write(tmp_path / "rows.jsonl", lines + "\n\n")
    assert read_texts([jsonl], Reading(field="text")).split(END) == [
        "one\nline",
        *rows[1:3],
        "lone \ufffd surrogate",
        "",
    ]
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["id", "text"])
        writer.writeheader()
        writer.writerows({"id": n, "text": row} for n, row in enumerate(rows[:3]))
    assert read_texts([tmp_path / "rows.csv"], Reading(field="text")).split(END) == [
        "one\nline",
        *rows[1:3],
        "",
    ]


def test_lines_are_texts(tmp_path: Path) -> None:
    path = write(tmp_path / "names.txt", "Ada\n\nGrace\nMary")
    assert read_texts([path], Reading(lines=True)) == f"Ada{END}Grace{END}Mary{END}"
    corpus = prepare([path], Reading(lines=True))
    assert (corpus.facts.texts, corpus.facts.characters, len(corpus)) == (3, 12, 15)


def test_a_single_text_has_no_end(tmp_path: Path) -> None:
    corpus = prepare([write(tmp_path / "text.txt", "abcabc")])
    assert len(corpus) == 6
    assert corpus.facts.texts == 1


def test_a_second_run_finds_the_corpus_prepared(tmp_path: Path) -> None:
    path = write(tmp_path / "text.txt", "something to keep")
    assert not prepare([path]).cached
    moved = path.rename(tmp_path / "moved.txt")
    assert prepare([moved]).cached
    assert not prepare([moved], Reading(lowercase=True)).cached
    assert not prepare([write(path, "something else")]).cached


def test_more_than_256_characters_take_two_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_module, "BATCH", 64)
    monkeypatch.setattr(sources_module, "PIECE", 50)
    text = "".join(map(chr, [*range(0x4E00, 0x4E00 + 200), *range(0x4E50, 0x4E50 + 400)]))
    path = write(tmp_path / "wide.txt", text)
    assert prepare([path]).numbers.dtype == np.uint16
    assert decoded(path) == text


def test_a_corpus_of_bytes_is_the_texts_utf8(tmp_path: Path) -> None:
    path = write(tmp_path / "lines.txt", "été\n東京\n")
    corpus = prepare([path], Reading(lines=True), "bytes")
    vocabulary = build_vocabulary(corpus.counts(len(corpus)), "bytes", True).vocabulary
    ids = corpus.part(0, len(corpus), vocabulary)[0 : len(corpus)]
    assert ids.tolist() == [*"été".encode(), 256, *"東京".encode(), 256]
    assert vocabulary.count_characters(ids) == 5
    assert vocabulary.count_bytes(ids) == 11


@pytest.mark.parametrize(
    ("name", "content", "reading", "words"),
    [
        ("empty.txt", b"", Reading(), "holds no text"),
        ("image.txt", b"\x89PNG\0\1\2\0\0\0" * 9, Reading(), "does not look like text"),
        ("cut.txt.gz", gzip.compress(b"text" * 999)[:30], Reading(), "not a whole gzip file"),
        ("rows.jsonl", b'{"a": "b"}', Reading(), "--field"),
        ("rows.jsonl", b'{"a": "b"}', Reading(field="text"), "its fields are: a"),
        ("rows.jsonl", b"{", Reading(field="text"), "Line 1"),
        ("rows.csv", b"a,b\n1,2\n", Reading(field="text"), "its fields are: a, b"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    tmp_path: Path, name: str, content: bytes, reading: Reading, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TextError, match=words):
        prepare([path], reading)


@pytest.mark.parametrize("encoding", ["klingon", "hex", "idna", "zip"])
def test_what_is_no_encoding_is_one_sentence(encoding: str) -> None:
    with pytest.raises(SettingError, match="not an encoding"):
        Reading(encoding=encoding)


def test_what_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="no file, folder or match"):
        prepare([tmp_path / "missing.txt"])
    with pytest.raises(TextError, match="holds no"):
        prepare([tmp_path])
