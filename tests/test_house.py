"""The rules of the house, kept by machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import charloom

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "charloom"
# Every package knows only those before it. Writing and scoring come before training,
# which shows samples and reports scores.
ORDER = [
    *("text", "memory", "model", "writing", "scoring", "language_model", "training"),
    *("tutorial", "comparison", "export", "server", "studio", "cli"),
]


def imported_packages(path: Path) -> set[str]:
    """The parts of Charloom that a file imports, by name."""
    inside = path.relative_to(SOURCE).parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = list(inside[: len(inside) - node.level]) if node.level else []
            base = ["charloom", *above] if node.level else []
            names = [".".join([*base, *(node.module or "").split(".")])]
        else:
            continue
        found |= {n.split(".")[1] for n in names if n.startswith("charloom.") and n.count(".")}
    return found - {""}


def test_packages_know_only_those_before_them() -> None:
    for path in SOURCE.rglob("*.py"):
        package = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if package in ORDER:
            allowed = set(ORDER[: ORDER.index(package) + 1])
            assert imported_packages(path) <= allowed, path


def test_files_stay_short() -> None:
    for path in [*SOURCE.rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]:
        assert len(path.read_text("utf-8").splitlines()) <= 400, path


def test_public_names_are_those_that_are_documented() -> None:
    documented = re.findall(r"^### `charloom\.(\w+)", (ROOT / "docs/python.md").read_text(), re.M)
    assert sorted(documented) == sorted(charloom.__all__)
    for name in charloom.__all__:
        assert getattr(charloom, name).__doc__, name
        assert name in dir(charloom)


@pytest.mark.parametrize(
    "code",
    ["import charloom", "from charloom.cli import commands, export, serve, studio, tutorial"],
)
def test_importing_charloom_imports_nothing_heavy(code: str) -> None:
    heavy = {"keras", "torch", "numpy", "rich", "fastapi"}
    check = f"{code}; import sys; print({heavy} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert result.stdout.strip() == "set()", result.stderr


def test_the_command_lines_help_is_in_the_docs() -> None:
    script = ROOT / "docs" / "write_cli.py"
    result = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True
    )
    assert result.returncode == 0, "docs/cli.md is out of date; run: make docs"


def test_links_in_the_docs_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
