"""Running an app on this computer alone: binding, errors in a sentence, foreign pages kept out."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from charloom.text import CharloomError, SettingError

HERE = frozenset({"127.0.0.1", "localhost", "::1"})
GRACE = 2  # seconds that open streams have to end


def run(
    app: FastAPI, host: str, port: int, opened: Callable[[str], None] = lambda url: None
) -> None:
    """Serve an app until a signal ends it.

    Args:
        app: what answers.
        host, port: where; port 0 takes any that is free.
        opened: told the address once connections are accepted.

    Raises:
        SettingError: if the port is taken, or may not be used.
    """
    listening = _bound(host, port)
    url = f"http://{host}:{listening.getsockname()[1]}"
    starts = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with starts(app):
            opened(url)  # the socket listens already: who comes now is answered in a moment
            yield

    app.router.lifespan_context = lifespan
    config = uvicorn.Config(
        app, log_level="error", access_log=False, timeout_graceful_shutdown=GRACE
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def _bound(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=128)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        if number == errno.EADDRINUSE:
            raise SettingError(
                f"Port {port} is in use already; choose another with --port."
            ) from None
        why = getattr(error, "strerror", None) or error
        raise CharloomError(f"Port {port} cannot be used ({why}); choose another.") from None


class OnlyFromHere:
    """Refuses what a page from elsewhere sends: requests for another host, or of another origin.

    A foreign name that leads to this computer (DNS rebinding) shows in Host, and a foreign
    page that posts here (cross-site request forgery) in Origin.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host, origin = headers.get("host", ""), headers.get("origin")
            if not (_is_here(f"http://{host}") and origin in (None, f"http://{host}")):
                answer = JSONResponse(
                    {"error": "Only pages of this computer may use this address."}, 403
                )
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _is_here(url: str) -> bool:
    try:
        return urlsplit(url).hostname in HERE
    except ValueError:
        return False
