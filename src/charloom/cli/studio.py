"""`charloom studio`: the web page, and the browser to it."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from pathlib import Path

import click

from .main import cli


@cli.command()
@click.argument("folder", required=False, default="charloom-studio", metavar="[FOLDER]")
@click.option("--port", type=int, default=8642, show_default=True, help="Where the page is served.")
@click.option("--no-browser", is_flag=True, help="Print the page's address, and open nothing.")
def studio(folder: str, port: int, no_browser: bool) -> None:
    """Learn, write and look inside on a web page of this computer.

    Texts and models are kept in FOLDER [default: charloom-studio].
    """
    from charloom.server.web import run
    from charloom.studio.app import make_app

    def opened(url: str) -> None:
        click.echo(f"Charloom Studio is at {url} (Ctrl-C ends it; a training goes on).")
        if not no_browser and _has_screen():
            # A browser may take seconds to answer.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    run(make_app(Path(folder)), "127.0.0.1", port, opened)


def _has_screen() -> bool:
    """Whether a browser would open a window, and not fill this terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
