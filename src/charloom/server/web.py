"""What every page and interface of Charloom's needs: a socket of its own, and who may use it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from charloom.text import SettingError

if TYPE_CHECKING:
    from fastapi import FastAPI

GRACE = 4  # seconds that requests have to end once the program is asked to

# A reader that takes nothing for so long is gone: Linux then drops the connection, which
# asyncio would keep open, with what was to be sent, until the reader closes it.
UNREAD = 60_000  # milliseconds

HERE = ("127.0.0.1", "localhost", "[::1]")


def _nothing(url: str) -> None:
    """What is called once a server is open, by default."""


def run(app: FastAPI, host: str, port: int, opened: Callable[[str], None] = _nothing) -> None:
    """Serve an application until Ctrl-C or SIGTERM, which end it within some seconds.

    Where `app.state.stopping` is set, it is called when the program is asked to end, while
    requests still have time to.

    Args:
        app: what to serve.
        host: the name or address to listen at.
        port: 0 takes one that is free.
        opened: told the address once connections are taken.

    Raises:
        SettingError: if the address cannot be had.
    """
    import uvicorn

    listener = _listen(host, port)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            opened(_url(host, listener.getsockname()[1]))

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            logging.getLogger("uvicorn.error").addFilter(_not_cancelled)
            if stopping := getattr(app.state, "stopping", None):
                stopping()
            await super().shutdown(sockets)
            if self.force_exit:  # a second Ctrl-C: nothing was waited for, but all is put away
                await self.lifespan.shutdown()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn raises the signal again when all is done; for us that is the usual end.
            yield

    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )
    server = Server(config)
    with contextlib.closing(listener), _signals_to(server.handle_exit):
        server.run(sockets=[listener])


@contextlib.contextmanager
def _signals_to(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Hand Ctrl-C and SIGTERM on while something runs."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where signals do not come
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _not_cancelled(record: logging.LogRecord) -> bool:
    """Whether a message is of more than a request that was broken off, as they are at the end."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise SettingError(f"port must be a whole number from 0 to 65535, not {port}.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listener = socket.create_server(address, family=family, backlog=1024)
    except (OSError, UnicodeError) as error:
        if isinstance(error, socket.gaierror | UnicodeError):
            advice = "there is no such address; try --host 127.0.0.1."
        elif isinstance(error, PermissionError):
            advice = "that needs another user's rights; choose one over 1023 with --port."
        else:
            reason = error.strerror or error
            advice = f"{reason}; end what uses it, or choose another with --port."
        raise SettingError(f"Port {port} of {host} cannot be opened: {advice}") from None
    # By this number asyncio knows its connections for TCP, and sends small pieces at once: else
    # the first of an answer waits 40 ms for the reader's system to own up to its headers.
    listener = socket.socket(
        family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=listener.detach()
    )
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # handed on to every connection
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD)
    return listener


def _url(host: str, port: int) -> str:
    if host in ("0.0.0.0", ""):  # every address; this one can be typed into a browser
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class OnlyFromHere:
    """Answers only what was asked of this computer by name, and by no other site's page.

    A page from elsewhere can make a browser send requests to 127.0.0.1. Those that carry its
    name as their origin are refused, and so are those that come by another name for this
    computer (DNS rebinding), as then the browser takes the page for one of ours.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._from_here(scope):
            await self.app(scope, receive, send)
            return
        refusal = {
            "message": "This is for pages and programs on the same computer; "
            f"use it as http://127.0.0.1:{scope['server'][1]}.",
            "type": "invalid_request_error",
            "param": None,
            "code": "not_from_here",
        }
        await JSONResponse({"error": refusal}, 403)(scope, receive, send)

    def _from_here(self, scope: Scope) -> bool:
        port = scope["server"][1]
        names = {f"{name}:{port}" for name in HERE} | (set(HERE) if port == 80 else set())
        hosts = [value.decode("latin-1").lower() for value in _values(scope, b"host")]
        origins = [value.decode("latin-1").lower() for value in _values(scope, b"origin")]
        return (
            len(hosts) == 1
            and hosts[0] in names
            and all(origin in {f"http://{name}" for name in names} for origin in origins)
        )


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]
