"""Write docs/cli.md from `charloom --help`; with --check, only say whether it is current."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from charloom.cli import commands, serve, studio, tutorial  # noqa: F401 (their commands join the group)
from charloom.cli.main import cli

PAGE = Path(__file__).with_name("cli.md")


def help_of(command: click.Command, name: str) -> str:
    """What `NAME --help` prints, 100 columns wide."""
    context = click.Context(command, info_name=name, terminal_width=100)
    context.help_option_names = ["-h", "--help"]
    return command.get_help(context)


def page() -> str:
    """The whole page."""
    parts = ["# The command line\n\nMade from the program's own help by `make docs`.\n"]
    names = [("charloom", cli), *((f"charloom {n}", c) for n, c in cli.commands.items())]
    for name, command in names:
        parts.append(f"## {name}\n\n```\n{help_of(command, name)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.exists() and PAGE.read_text("utf-8") == page() else 1)
    PAGE.write_text(page(), "utf-8")
