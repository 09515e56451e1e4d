"""`charloom serve`: a server for others' clients."""

from __future__ import annotations

import ipaddress
import os
from typing import Any

import click

from .main import cli

# One thread a product: the batch is one thread's work, and the other cores are the event
# loop's, so that threads of the BLAS would only wait for one another.
THREADS = (
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@cli.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=int, default=8000, show_default=True, help="0 takes a free one.")
@click.option(
    "--api-key",
    metavar="KEY",
    envvar="CHARLOOM_API_KEY",
    show_envvar=True,
    help="Ask every client for it.",
)
@click.option("--no-auth", is_flag=True, help="Ask nobody for a key, whoever can reach the host.")
@click.option(
    "--max-length", type=int, default=10_000, show_default=True, help="Characters of a text."
)
@click.option(
    "--max-prompt", type=int, default=20_000, show_default=True, help="Characters of a prompt."
)
@click.option(
    "--max-score", type=int, default=100_000, show_default=True, help="Characters scored at once."
)
@click.option(
    "--max-running", type=int, default=256, show_default=True, help="Texts written at once."
)
@click.option(
    "--max-waiting", type=int, default=256, show_default=True, help="Texts that wait for a place."
)
@click.option(
    "--max-seconds", type=float, default=120, show_default=True, help="Time for a request."
)
@click.option(
    "--max-body", type=int, default=1_000_000, show_default=True, help="Bytes of a request."
)
def serve(models: tuple[str, ...], **options: Any) -> None:
    """Serve models to others' programs, by the names of OpenAI's interface."""
    for name in THREADS:  # read once, when NumPy is imported
        os.environ.setdefault(name, "1")
    from charloom.server.app import create_app
    from charloom.server.limits import Limits
    from charloom.server.served import load_all
    from charloom.server.web import run

    host, key = options["host"], options["api_key"]
    _check_open(host, key, options["no_auth"])
    names = ("length", "prompt", "score", "running", "waiting", "seconds", "body")
    limits = Limits(**{name: options[f"max_{name}"] for name in names})
    loaded = load_all(list(models), limits)
    here = key is None and not options["no_auth"]

    def opened(url: str) -> None:
        click.echo(f"Serving {', '.join(loaded)} at {url}/v1 ({url}/docs); Ctrl-C ends it.")

    run(create_app(loaded, limits, key=key, only_from_here=here), host, options["port"], opened)


def _check_open(host: str, key: str | None, no_auth: bool) -> None:
    """Make sure that who can reach the server is meant to."""
    from charloom.text import SettingError

    if key is not None and no_auth:
        raise SettingError("A key and --no-auth contradict each other; leave one of them out.")
    if key is not None and not (key and key.isascii() and key.isprintable()):
        raise SettingError("The key must be of printable ASCII characters, at least one.")
    if not (key or no_auth or _is_this_computer(host)):
        raise SettingError(
            f"Whoever reaches {host} could use the models, and read what they remember; give "
            "--api-key (or CHARLOOM_API_KEY), or --no-auth if that is meant."
        )


def _is_this_computer(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
