"""Errors as OpenAI's interface shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from charloom.text import CharloomError

from .batcher import Busy, Stopped

RETRY_AFTER = "1"  # seconds: places come free with every text that ends


class Json(JSONResponse):
    """JSON in ASCII: a prompt may hold half a character, which has no form in UTF-8."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class ApiError(Exception):
    """A request that cannot be met.

    Args:
        status: of HTTP.
        message: what is wrong, and what to do.
        param: the part of the request that is meant.
        code: a short name of the error.
    """

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code

    def body(self) -> dict[str, Any]:
        """The error as JSON."""
        kinds = {401: "authentication_error", 429: "rate_limit_error"}
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return {
            "error": {
                "message": self.message,
                "type": kinds.get(self.status, kind),
                "param": self.param,
                "code": self.code,
            }
        }

    def response(self, headers: Mapping[str, str] | None = None) -> Json:
        """The error as an answer."""
        all_headers = dict(headers or {})
        if self.status in (429, 503):
            all_headers["Retry-After"] = RETRY_AFTER
        if self.status == 401:
            all_headers["WWW-Authenticate"] = "Bearer"
        return Json(self.body(), self.status, all_headers)


def api_error(error: Exception) -> ApiError:
    """Any error as one that can be shown."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, Busy):
        return ApiError(429, str(error), code="rate_limit_exceeded")
    if isinstance(error, Stopped):
        return ApiError(503, str(error), code="stopping")
    if isinstance(error, CharloomError):
        return ApiError(400, str(error))
    return ApiError(500, "Something went wrong in the server; its own output says what.")


def add_handlers(app: FastAPI) -> None:
    """Make every error of an application one of these."""

    @app.exception_handler(ApiError)
    @app.exception_handler(CharloomError)
    @app.exception_handler(Exception)
    async def _known(_: Request, error: Exception) -> Response:
        return api_error(error).response()

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        if first["loc"] == ("body",) or first["type"] == "json_invalid":
            return ApiError(
                400, "Send one JSON object, with Content-Type: application/json."
            ).response()
        where = [str(part) for part in first["loc"] if part != "body"]
        name = next((part for part in where if part.isidentifier()), None)
        message = f"{first['msg']}." if name is None else f"{name}: {first['msg']}."
        return ApiError(400, message, name).response()

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        message = "There is no such path; see /docs." if error.status_code == 404 else error.detail
        return ApiError(error.status_code, message).response(error.headers)
