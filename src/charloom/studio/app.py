"""The studio as a web application: the page, what it asks for, and errors as one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from charloom.server.web import OnlyFromHere
from charloom.text import CharloomError, SettingError, StorageError

from . import learn_api, model_api
from .models import Models
from .runs import Runs
from .store import Missing, Store
from .texts import Texts, TooLarge

PAGE = Path(__file__).with_name("page")
TICK = 0.3  # seconds between looks at the trainings
HEADERS = {
    # Everything the page needs comes with Charloom, and it is shown in no other page.
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_STATUS: tuple[tuple[type[CharloomError], int], ...] = (
    (Missing, 404),
    (TooLarge, 413),
    (StorageError, 507),
    (SettingError, 400),
    (CharloomError, 409),
)


def make_app(folder: Path) -> FastAPI:
    """The studio for a folder.

    Args:
        folder: where its texts and models lie, or will; it is made when the first text comes.

    Raises:
        StorageError: if another studio has the folder, or it may not be used.
    """
    store = Store(folder)
    store.open()
    texts = Texts(store)
    runs = Runs(store, texts)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(_watch(runs))
        yield
        watching.cancel()
        store.close()

    mimetypes.add_type("text/javascript", ".js")  # some systems have it as plain text
    # Its own pages of documentation would load scripts from elsewhere.
    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.texts, app.state.runs, app.state.models = texts, runs, Models()
    app.include_router(learn_api.router)
    app.include_router(model_api.router)

    @app.get("/", include_in_schema=False)
    def index() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    app.mount("/page", StaticFiles(directory=PAGE))
    app.add_exception_handler(CharloomError, _sentence)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _unforeseen)
    app.add_middleware(_Headers)
    app.add_middleware(OnlyFromHere)
    return app


async def _watch(runs: Runs) -> None:
    """Start trainings when their turn comes, and keep the list of runs up to date."""
    while True:
        with contextlib.suppress(CharloomError):  # a full disk: tried again
            await run_in_threadpool(runs.tick)
        await asyncio.sleep(TICK)


def _sentence(_: Request, error: Exception) -> JSONResponse:
    status = next(code for kind, code in _STATUS if isinstance(error, kind))
    return JSONResponse({"error": str(error)}, status)


def _unfit(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:]) or "The request"
    return JSONResponse({"error": f"{name} does not fit: {first['msg']}."}, 422)


def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    text = f"There is nothing at {request.url.path}."
    return JSONResponse(
        {"error": text if error.status_code == 404 else error.detail}, error.status_code
    )


def _unforeseen(_: Request, error: Exception) -> JSONResponse:
    why = f"{type(error).__name__}: {error}"
    return JSONResponse({"error": f"Something went wrong in the studio ({why})."}, 500)


class _Headers:
    """Adds the headers that keep the page to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-cache")  # a newer Charloom, a newer page
            await send(message)

        await self.app(scope, receive, with_headers)
