"""docs/tutorial.md: its notebook is its own, and runs from the top down."""

from __future__ import annotations

import importlib.util
import itertools
import re
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def lesson() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_lesson", DOCS / "write_lesson.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_notebook_is_the_page(lesson: ModuleType) -> None:
    page = (DOCS / "tutorial.md").read_text("utf-8")
    notebook = nbformat.writes(lesson.notebook_of(page)) + "\n"
    current = (DOCS / "tutorial.ipynb").read_text("utf-8") == notebook
    assert current, "docs/tutorial.ipynb is out of date; run: make docs"


def test_new_outputs_take_the_place_of_the_old(lesson: ModuleType) -> None:
    page = "A\n\n```python\n1\n```\n\n```text\nold\n```\n\nB\n\n```python\n2\n```\n\nC\n"
    new = lesson.with_outputs(page, ["", "new \n"])
    expected = "A\n\n```python\n1\n```\n\nB\n\n```python\n2\n```\n\n```text\nnew\n```\n\nC\n"
    assert new == expected
    assert lesson.with_outputs(new, ["", "new\n"]) == new


# Warnings of the libraries that run notebooks, about how they talk to each other.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_notebook_runs(lesson: ModuleType, tmp_path: Path) -> None:
    """The one that is shipped, with seconds for minutes and a scene for the play."""
    notebook = nbformat.read(DOCS / "tutorial.ipynb", as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    for name, value in (("EPOCHS", "1"), ("MINUTES", "0.03")):
        first.source, found = re.subn(rf"(?m)^{name} = [\d.]+", f"{name} = {value}", first.source)
        assert found == 1
    shorter = {
        'sample("othello")': 'sample("othello")[:12_000]',
        "(2_000, 10_000, 50_000, len(play))": "(2_000,)",
        # Once more what the monologue's cell does.
        'charloom.compare("othello.txt", minutes=MINUTES)': "small",
    }
    for cell, (long, short) in itertools.product(notebook.cells, shorter.items()):
        cell.source = cell.source.replace(long, short)
    printed = lesson.run(notebook, tmp_path)
    everything = "\n".join(printed)
    assert "1,860 characters, 31 different" in everything
    assert "X (1760, 100, 1)" in everything
    assert "KeyError" in everything
    assert everything.count("held-out bits per character") == 2
    for picture in ("monologue.png", "othello.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
