"""Real parts for the tests: sample texts, and models trained on them for a few seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import charloom

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# What Charloom caches while it is tested stays out of the user's own cache.
TESTS = Path(__file__).parent


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["CHARLOOM_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def monologue() -> str:
    return charloom.sample("othello-monologue")


@pytest.fixture(scope="session")
def othello(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 40,000 characters of the play, as a file."""
    path = tmp_path_factory.mktemp("texts") / "othello.txt"
    path.write_text(charloom.sample("othello")[:40_000], "utf-8")
    return path


@pytest.fixture(scope="session")
def trained(othello: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of characters, trained for two passes: the folder."""
    folder = tmp_path_factory.mktemp("models") / "othello"
    charloom.train(othello, folder, units=64, epochs=2, seed=1)
    return folder


@pytest.fixture(scope="session")
def trained_bytes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of bytes, trained on text that is mostly not ASCII."""
    folder = tmp_path_factory.mktemp("models")
    text = folder / "lines.txt"
    text.write_text("“Größe” – naïve café, 東京 и Москва; été 🎭.\n" * 60, "utf-8")
    charloom.train(text, folder / "bytes", vocabulary="bytes", units=48, epochs=3, lines=True)
    return folder / "bytes"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("These tests need Chromium; install it with: apt-get install chromium")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium)
        yield one
        one.close()


def run_here(
    *arguments: object, check: bool = True, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """`charloom ARGUMENTS` in this process: for what loads PyTorch, which takes seconds."""
    from charloom.cli import commands, tutorial  # noqa: F401 (their commands join the group)
    from charloom.cli.main import cli

    line = [str(argument) for argument in arguments]
    found = CliRunner().invoke(cli, line, input=stdin, prog_name="charloom")
    assert isinstance(found.exception, SystemExit | None), found.exception
    if check:
        assert found.exit_code == 0, found.stderr
    return subprocess.CompletedProcess(line, found.exit_code, found.stdout, found.stderr)


def run_charloom(
    *arguments: object, check: bool = True, stdin: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`charloom ARGUMENTS` in a process of its own, as a user runs it."""
    result = subprocess.run(
        [sys.executable, "-m", "charloom", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        input=stdin,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        timeout=240,
    )
    assert "Traceback" not in result.stderr, result.stderr
    if check:
        assert result.returncode == 0, result.stderr
    return result
