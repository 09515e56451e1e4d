"""The application: its paths, and what they need."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, Response

import charloom

from .batcher import Stopped
from .completions import complete
from .delivery import Postman
from .errors import ApiError, Json, add_handlers
from .gates import Counted, Keyed, Sized
from .limits import Limits
from .metrics import Metrics
from .page import page
from .schema import (
    Completion,
    CompletionRequest,
    ErrorAnswer,
    Health,
    Model,
    ModelList,
    ScoreAnswer,
    ScoreRequest,
)
from .served import Served
from .web import OnlyFromHere

LAST = 2.0  # seconds that texts have to end in once the program is asked to
SCORES_WAITING = 8  # texts to score that wait while one is read

PATHS = ("/v1/completions", "/v1/models", "/v1/score", "/healthz", "/metrics", "/docs")
ABOUT = (
    "Texts from models that Charloom trained, by the names of OpenAI's interface. "
    "A token is a character."
)


def create_app(
    models: Mapping[str, Served],
    limits: Limits,
    *,
    key: str | None = None,
    only_from_here: bool = False,
) -> FastAPI:
    """The server as an application.

    Args:
        models: what is served, by id.
        limits: what it takes on.
        key: that every request has to show.
        only_from_here: refuse what pages of other sites send; see `OnlyFromHere`.
    """
    metrics = Metrics({name: served.batcher for name, served in models.items()})
    app = FastAPI(
        title="Charloom",
        version=charloom.__version__,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(models),
    )
    add_handlers(app)
    app.add_middleware(Sized, limits=limits)
    if key is not None:
        app.add_middleware(Keyed, key=key)
    if only_from_here:
        app.add_middleware(OnlyFromHere)
    app.add_middleware(Counted, most=limits.requests(len(models)), metrics=metrics, paths=PATHS)
    _add_paths(app, models, limits, metrics)
    _describe(app, limits)
    return app


def _lifespan(models: Mapping[str, Served]) -> Any:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        reason = Stopped("The server is being stopped.")
        for served in models.values():
            served.news = Postman(served.batcher, loop).news
            served.batcher.start()

        def stop_now() -> None:
            for served in models.values():
                served.batcher.stop(reason)

        def stopping() -> None:
            """Nothing more is taken on; what is being written has a moment to end in."""
            for served in models.values():
                served.batcher.stop(reason, now=False)
            loop.call_later(LAST, stop_now)

        app.state.stopping = stopping
        yield
        stop_now()

    return lifespan


def _add_paths(
    app: FastAPI, models: Mapping[str, Served], limits: Limits, metrics: Metrics
) -> None:
    scorer = ThreadPoolExecutor(1, thread_name_prefix="charloom-score")
    scoring = 0

    def found(name: str) -> Served:
        if name not in models:
            raise ApiError(
                404,
                f"There is no model {name!r} here; there is {', '.join(models)}.",
                "model",
                "model_not_found",
            )
        return models[name]

    @app.post(
        "/v1/completions",
        response_class=Json,
        responses={
            200: {
                "model": Completion,
                "description": "The texts; with `stream`, events that hold pieces of them.",
                "content": {"text/event-stream": {}},
            },
            404: {"model": ErrorAnswer, "description": "There is no such model."},
        },
    )
    async def completions(asked: CompletionRequest, request: Request) -> Response:
        """New text after a prompt."""
        return await complete(found(asked.model), asked, request, limits, metrics)

    @app.post(
        "/v1/score",
        response_class=Json,
        responses={
            200: {"model": ScoreAnswer},
            404: {"model": ErrorAnswer, "description": "There is no such model."},
        },
    )
    async def score(asked: ScoreRequest) -> Response:
        """How well a model predicts a text: the exact mean over every character."""
        nonlocal scoring
        served = found(asked.model)
        if len(asked.text) > limits.score:
            raise ApiError(
                413,
                f"A text to score may have {limits.score:,} characters.",
                "text",
                "request_too_large",
            )
        if scoring > SCORES_WAITING:
            raise ApiError(
                429, "Other texts are being scored; try again.", code="rate_limit_exceeded"
            )
        scoring += 1
        work = asyncio.get_running_loop().run_in_executor(
            scorer, served.score, asked.text, asked.label
        )
        work.add_done_callback(_done)
        try:
            # Shielded: a thread cannot be stopped, so its place is not free before it ends.
            result = await asyncio.wait_for(asyncio.shield(work), limits.seconds)
        except TimeoutError:
            raise ApiError(
                503, f"This took over {limits.seconds:g} seconds; give less.", code="timeout"
            ) from None
        return Json({"object": "score", "model": served.name, **result.to_dict()})

    def _done(work: asyncio.Future[Any]) -> None:
        nonlocal scoring
        scoring -= 1
        if not work.cancelled():
            work.exception()  # seen, also where nobody waits any more

    @app.get("/v1/models", response_class=Json, responses={200: {"model": ModelList}})
    async def all_models() -> Response:
        """What is served."""
        return Json({"object": "list", "data": [_card(served) for served in models.values()]})

    @app.get(
        "/v1/models/{name}",
        response_class=Json,
        responses={
            200: {"model": Model},
            404: {"model": ErrorAnswer, "description": "There is no such model."},
        },
    )
    async def one_model(name: str) -> Response:
        """One of the models."""
        return Json(_card(found(name)))

    @app.get("/healthz", response_class=Json, responses={200: {"model": Health}})
    async def health() -> Response:
        """Whether all is well; needs no key."""
        if not all(served.batcher.alive for served in models.values()):
            raise ApiError(503, "A model has stopped writing; start the server anew.")
        return Json({"status": "ok"})

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def all_metrics() -> Response:
        """Counters in Prometheus' text format."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page(app.openapi()))


def _card(served: Served) -> dict[str, Any]:
    return {
        "id": served.name,
        "object": "model",
        "created": served.created,
        "owned_by": "charloom",
        "characters": served.data.vocabulary.characters,
        "labels": list(served.data.labels),
        "file_changed": served.changed,
    }


def _describe(app: FastAPI, limits: Limits) -> None:
    """The OpenAPI document: errors are ours, not FastAPI's, and this server's limits are in it."""
    errors = {
        "400": "The request makes no sense, or asks for what is not supported.",
        "401": "The key is missing or wrong.",
        "403": "It was not asked from here.",
        "413": "The prompt, the text or the request is too long.",
        "429": "There is no room now; try again after Retry-After seconds.",
        "503": "It took too long, or the server is ending.",
    }

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            answer = {"$ref": "#/components/schemas/ErrorAnswer"}
            for operations in document["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
                    for status, description in errors.items():
                        operation["responses"][status] = {
                            "description": description,
                            "content": {"application/json": {"schema": answer}},
                        }
            schemas = document["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            fields = schemas["CompletionRequest"]["properties"]
            fields["max_tokens"]["anyOf"][0]["maximum"] = limits.length
            # As a float, which FastAPI makes of it, it would be another number.
            fields["seed"]["anyOf"][0] = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
            one_prompt, several = fields["prompt"]["anyOf"][:2]
            one_prompt["maxLength"] = several["items"]["maxLength"] = limits.prompt
            schemas["ScoreRequest"]["properties"]["text"]["maxLength"] = limits.score
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
