"""What the page asks for to give texts and to train: texts, runs, and what happens in them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

import charloom
from charloom.text import sample

from .events import read_events
from .runs import Runs
from .texts import MOST_BYTES, Texts, check_size

LOOK = 0.2  # seconds between looks for something new to tell
GRACE = 1.0  # seconds in which a stream ends by itself where the studio ends
SAMPLES = {"othello-monologue": "Othello’s monologue", "othello": "Othello"}

router = APIRouter(prefix="/api")


def texts_of(request: Request) -> Texts:
    return request.app.state.texts


def runs_of(request: Request) -> Runs:
    return request.app.state.runs


TheTexts = Annotated[Texts, Depends(texts_of)]
TheRuns = Annotated[Runs, Depends(runs_of)]


@router.get("/studio")
def studio(texts: TheTexts) -> dict[str, Any]:
    """What the page says of the studio itself."""
    return {
        "version": charloom.__version__,
        "folder": str(texts.store.path),
        "samples": SAMPLES,
        "most_bytes": MOST_BYTES,
    }


@router.get("/texts")
def all_texts(texts: TheTexts) -> list[dict[str, Any]]:
    return texts.all()


@router.post("/texts")
async def give(request: Request, texts: TheTexts, name: str = "") -> dict[str, Any]:
    """Take the body's bytes as a text."""
    # Told before anything is sent, where the page says how much it will be.
    check_size(name or "The text", int(request.headers.get("content-length") or 0))
    return await texts.give(name, request.stream())


@router.post("/samples/{name}")
async def give_sample(name: str, texts: TheTexts) -> dict[str, Any]:
    """Take a sample as a text."""
    text = await run_in_threadpool(sample, name)

    async def chunks() -> AsyncIterator[bytes]:
        yield text.encode("utf-8")

    return await texts.give(SAMPLES[name], chunks())


@router.delete("/texts/{number}")
def remove_text(number: str, texts: TheTexts, runs: TheRuns) -> dict[str, Any]:
    runs.check_unused(number)
    texts.remove(number)
    return {}


class Training(BaseModel):
    """What is to be trained."""

    text: str
    minutes: float
    name: str = ""


@router.get("/runs")
def all_runs(runs: TheRuns) -> list[dict[str, Any]]:
    runs.tick()
    return runs.list


@router.post("/runs")
def begin(training: Training, runs: TheRuns) -> dict[str, Any]:
    return runs.begin(training.text, training.minutes, training.name)


@router.post("/models")
async def add_model(request: Request, runs: TheRuns, name: str = "") -> dict[str, Any]:
    """Take the body's bytes as a model file."""
    check_size(name or "The model", int(request.headers.get("content-length") or 0))
    return await runs.add(name, request.stream())


@router.get("/runs/{number}")
def run(number: str, runs: TheRuns) -> dict[str, Any]:
    return runs.find(number)


@router.get("/runs/{number}/events")
def events(number: str, runs: TheRuns) -> JSONResponse:
    """All that a training has told so far."""
    lines, _ = read_events(runs.events(number))
    return JSONResponse([json.loads(line) for line in lines])


@router.post("/runs/{number}/stop")
def stop(number: str, runs: TheRuns) -> dict[str, Any]:
    return runs.stop(number)


@router.post("/runs/{number}/resume")
def resume(number: str, runs: TheRuns) -> dict[str, Any]:
    return runs.resume(number)


@router.delete("/runs/{number}")
def remove(number: str, runs: TheRuns) -> dict[str, Any]:
    runs.remove(number)
    return {}


@router.get("/events")
async def follow(
    request: Request, runs: TheRuns, run: Annotated[str, Query()] = ""
) -> EventSourceResponse:
    """The list of runs whenever it changes, and what one of them tells.

    One stream a page, as browsers open six to a server at most. A page that comes back after
    a pause says what it has seen of the run, and gets the rest.
    """
    seen = request.headers.get("last-event-id", "")
    of, _, place = seen.partition(":")
    start = int(place) if of == run and place.isdecimal() else 0
    path = runs.events(run) if run else None

    ending = anyio.Event()

    async def tell() -> AsyncIterator[ServerSentEvent]:
        version, at = -1, start
        while not ending.is_set():
            if runs.version != version:
                version = runs.version
                yield ServerSentEvent(json.dumps(runs.list), event="runs", retry=1000)
            if path is not None:
                lines, at = await run_in_threadpool(read_events, path, at)
                if lines:
                    told = f"[{','.join(lines)}]"
                    yield ServerSentEvent(told, event="told", id=f"{run}:{at}")
            await asyncio.sleep(LOOK)

    return EventSourceResponse(tell(), shutdown_event=ending, shutdown_grace_period=GRACE)
