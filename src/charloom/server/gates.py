"""What every request passes on its way in: how many there are, the key, the body's size."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ApiError
from .limits import BODY_SECONDS, Limits
from .metrics import Metrics

OPEN = ("/healthz", "/docs", "/openapi.json")  # without a key


class Counted:
    """Counts requests and their time, and refuses more at once than there may be.

    A request counts until its answer is read, so that slow readers do not add up unseen.
    """

    def __init__(self, app: ASGIApp, most: int, metrics: Metrics, paths: Collection[str]) -> None:
        self.app, self.most, self.metrics, self.paths = app, most, metrics, paths
        self.inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def counting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.inside += 1
        try:
            if self.inside > self.most:
                error = ApiError(503, "Too many requests are open; try again.", code="overloaded")
                await error.response()(scope, receive, counting)
            else:
                await self.app(scope, receive, counting)
        finally:
            self.inside -= 1
            path = scope["path"] if scope["path"] in self.paths else "other"
            self.metrics.requests.labels(path, str(status)).inc()
            self.metrics.seconds.labels(path).observe(time.perf_counter() - begun)


class Keyed:
    """Lets in whoever shows the key: `Authorization: Bearer KEY`."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app, self.expected = app, f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN:
            shown = [value for name, value in scope["headers"] if name == b"authorization"]
            # In constant time: how long it takes says nothing about the key.
            if len(shown) != 1 or not hmac.compare_digest(shown[0], self.expected):
                error = ApiError(
                    401,
                    "This server asks for its key; send it as Authorization: Bearer KEY.",
                    code="invalid_api_key",
                )
                await error.response()(scope, receive, send)
                return
        await self.app(scope, receive, send)


class Sized:
    """Takes a request's body in, as far as it may go, before anything else looks at it."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.most = app, limits.body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await self._body(scope, receive)
        except TimeoutError:
            error = ApiError(408, f"The request took over {BODY_SECONDS} seconds to arrive.")
            await error.response({"Connection": "close"})(scope, receive, send)
            return
        except ApiError as error:
            # What is still on its way is not waited for.
            await error.response({"Connection": "close"})(scope, receive, send)
            return
        if body is None:
            return
        first: Message | None = {"type": "http.request", "body": body, "more_body": False}

        async def once_more() -> Message:
            nonlocal first
            message, first = first, None
            return message if message is not None else await receive()

        await self.app(scope, once_more, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None if whoever sent it has left."""
        told = [value for name, value in scope["headers"] if name == b"content-length"]
        if told and int(told[0]) > self.most:
            raise self._too_large()
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self.most:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> ApiError:
        return ApiError(
            413, f"The request is over {self.most:,} bytes long.", code="request_too_large"
        )
