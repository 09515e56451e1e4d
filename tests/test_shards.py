"""Many files prepared by several processes: the same corpus, resumed, and without repetitions."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

import charloom
from charloom.text import Corpus, Reading, prepare, shards
from conftest import run_here


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of all kinds: the third has over 256 characters, so numbers get wider there."""
    folder = tmp_path / "texts"
    (folder / "b").mkdir(parents=True)
    play = charloom.sample("othello")
    (folder / "a.txt").write_text(play[:50_000], "utf-8")
    (folder / "b" / "c.md").write_bytes("Größe, naïveté: été.\n".encode("latin-1") * 40)
    (folder / "b" / "d.txt").write_text("".join(map(chr, range(0x4E00, 0x5000))) * 3, "utf-8")
    with gzip.open(folder / "e.txt.gz", "wt", encoding="utf-8") as file:
        file.write("“Quoted” – " * 500)
    rows = [{"text": f"row {number % 7}"} for number in range(30)]
    (folder / "f.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "g.txt").write_text(play[:50_000], "utf-8")  # as a.txt
    return folder


def prepared(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, processes: int, reading: Reading
) -> Corpus:
    monkeypatch.setenv("CHARLOOM_CACHE", str(cache))
    monkeypatch.setattr("charloom.text.corpus.processes_for", lambda sources: processes)
    return prepare([folder], reading)


@pytest.mark.parametrize("reading", [Reading(field="text"), Reading(field="text", lowercase=True)])
def test_several_processes_make_what_one_makes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reading: Reading
) -> None:
    one, two = (
        prepared(folder, tmp_path / str(count), monkeypatch, count, reading) for count in (1, 2)
    )
    assert not one.cached
    assert not two.cached
    assert one.facts == two.facts
    assert one.symbols == two.symbols
    assert len(one.symbols) > 256
    np.testing.assert_array_equal(one.numbers, two.numbers)
    files = json.loads((two.folder / "manifest.json").read_text())["files"]
    assert [Path(file["name"]).name for file in files] == [
        *("a.txt", "c.md", "d.txt", "e.txt.gz", "f.jsonl", "g.txt")
    ]
    assert all(len(file["sha256"]) == 64 for file in files)
    assert [path.name for path in two.folder.parent.iterdir()] == [two.folder.name]


def test_a_preparation_that_was_killed_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    reading = Reading(field="text")
    with monkeypatch.context() as patch:
        patch.setattr("charloom.text.corpus.join_shards", killed)
        with pytest.raises(KeyboardInterrupt):
            prepared(folder, tmp_path / "cache", monkeypatch, 2, reading)
    (kept,) = (tmp_path / "cache" / "corpora").glob("*.shards")
    made = sorted(path for path in kept.iterdir())
    assert len(made) == 6
    (made[0] / "numbers").write_bytes(b"\0" * 50_001)  # taken as it is: not made again
    corpus = prepared(folder, tmp_path / "cache", monkeypatch, 2, reading)
    assert not corpus.numbers[:50_001].any()
    assert not kept.exists()


def test_an_error_of_a_worker_is_its_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "broken.txt.gz").write_bytes(gzip.compress(b"text " * 1000)[:40])
    with pytest.raises(charloom.TextError, match=r"broken\.txt\.gz is not a whole gzip file"):
        prepared(folder, tmp_path / "cache", monkeypatch, 2, Reading(field="text"))


def test_a_killed_worker_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_TASKS", {})
    monkeypatch.setattr(shards.sys, "executable", "/bin/false")
    with pytest.raises(charloom.CharloomError, match="was killed; try again"):
        shards._done([{"do": "survey"}] * 3, 2)


def test_texts_that_occur_again_are_left_out(folder: Path, tmp_path: Path) -> None:
    reading = Reading(field="text", deduplicate=True)
    whole, once = prepare([folder], Reading(field="text")), prepare([folder], reading)
    assert (whole.facts.texts, once.facts.texts) == (35, 11)  # 5 files and 30 rows; 4 and 7
    assert whole.facts.characters > once.facts.characters + 50_000
    with pytest.raises(charloom.SettingError, match="not deduplicated"):
        Reading(label="folder", deduplicate=True)
    result = run_here(
        *("train", folder, "-o", tmp_path / "m", "--field", "text", "--deduplicate"),
        *("--units", 8, "--epochs", 1, "--from", "nothing"),
    )
    assert "in 11 texts" in result.stderr
