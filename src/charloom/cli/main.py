"""The `charloom` command, and how errors are shown."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import click

import charloom


class _Group(click.Group):
    """Shows a CharloomError as its one sentence, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        # Imported here, not at the top: `--help` needs none of it.
        from charloom.text.errors import CharloomError

        try:
            return super().invoke(ctx)
        except CharloomError as error:
            click.echo(f"charloom: {error}", err=True)
            # As shells count a program that a signal ended.
            ctx.exit(128 + getattr(error, "signal", -127))
        except BrokenPipeError:  # `charloom write MODEL | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(128 + signal.SIGPIPE)
        except OSError as error:  # what no part of the program foresaw
            click.echo(f"charloom: {error}", err=True)
            ctx.exit(1)
        except (MemoryError, RuntimeError) as error:
            # PyTorch and JAX say so with an error of their own.
            if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
                raise
            click.echo(
                "charloom: Out of memory; try a smaller --batch, --units or --count.", err=True
            )
            ctx.exit(1)

    def list_commands(self, ctx: click.Context) -> Sequence[str]:  # type: ignore[override]
        return list(self.commands)  # in the order of use, not of the alphabet


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(charloom.__version__, prog_name="charloom")
def cli() -> None:
    """Learn how a text is written, character by character, and write more of it.

    \b
    charloom train TEXT          learn from a text (about 2 minutes)
    charloom write TEXT-model    write in its style
    """


def main() -> None:
    """Run the command line."""
    from . import commands, serve, studio, tutorial  # noqa: F401 (their commands join the group)

    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):  # a terminal need not know every character
            output.reconfigure(errors="replace")
    cli(prog_name="charloom")
