"""What the page asks of a model: to write, to suggest, to be looked into, and its card."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from charloom.scoring import Passage
from charloom.text import CharloomError, SettingError
from charloom.writing import Written, new_seed

from .learn_api import GRACE, TheRuns, TheTexts
from .models import LONGEST_READ, Models
from .store import Missing

BATCH = 0.05  # seconds of writing that are sent at a time
LONGEST = 20_000  # characters that are written in one go
# Of a long text the end decides what comes next; reading more before every word would make
# the page wait: 1,000 characters take a large network a quarter of a second.
SUGGESTED_AFTER = 1_000
PASSAGE = 2_000  # characters of a model's own text that are offered to look at
WORST = 5

router = APIRouter(prefix="/api/models/{number}")


def models_of(request: Request) -> Models:
    return request.app.state.models


def file_of(number: str, runs: TheRuns) -> Path:
    return runs.model(number)


TheModels = Annotated[Models, Depends(models_of)]
TheFile = Annotated[Path, Depends(file_of)]


class Writing(BaseModel):
    """What is to be written: the settings of `LanguageModel.stream`."""

    prompt: str = ""
    length: int = Field(500, ge=1, le=LONGEST)
    temperature: float = 0.8
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    max_copy: int | None = None
    seed: int | None = None
    label: str | None = None


class Looking(BaseModel):
    """A text to go on from, or to look at."""

    text: str
    label: str | None = None


class OneUnit(Looking):
    """A text, and one unit of the network."""

    unit: int


@router.post("/write")
def write(writing: Writing, file: TheFile, models: TheModels) -> EventSourceResponse:
    """Write, and tell of each character how likely it was and what else might have come."""
    model = models.load(file)
    settings = writing.model_dump()
    if settings["seed"] is None:
        settings["seed"] = new_seed()
    written = model.watch(**settings)  # complains now, not once it streams
    _, replaced = model.data.vocabulary.encode_prompt(writing.prompt)
    begun, ending = {"seed": settings["seed"], "replaced": replaced}, anyio.Event()
    told = _told(begun, takewhile(lambda _: not ending.is_set(), written))
    return EventSourceResponse(told, shutdown_event=ending, shutdown_grace_period=GRACE)


def _told(begun: dict[str, Any], written: Iterator[Written]) -> Iterator[ServerSentEvent]:
    yield ServerSentEvent(json.dumps(begun), event="begin")
    try:
        for batch in _batches(written):
            characters = [
                [
                    w.text,
                    round(w.probability, 4),
                    [[a.text, round(a.probability, 4)] for a in w.alternatives],
                ]
                for w in batch
            ]
            yield ServerSentEvent(json.dumps(characters), event="text")
    except CharloomError as error:
        yield ServerSentEvent(json.dumps({"error": str(error)}), event="problem")
    yield ServerSentEvent("{}", event="end")


def _batches(written: Iterator[Written]) -> Iterator[list[Written]]:
    """As many characters together as come in a moment."""
    batch: list[Written] = []
    sent = time.monotonic()
    for character in written:
        batch.append(character)
        if time.monotonic() - sent >= BATCH:
            yield batch
            batch, sent = [], time.monotonic()
    if batch:
        yield batch


@router.post("/suggest")
def suggest(looking: Looking, file: TheFile, models: TheModels) -> list[dict[str, Any]]:
    """The likeliest pieces to go on with."""
    model = models.load(file)
    found = model.suggest(looking.text[-SUGGESTED_AFTER:], label=looking.label)
    found.sort(key=lambda one: -one.probability)  # they come by their first characters
    return [{"text": s.text, "probability": s.probability} for s in found]


@router.post("/inside")
def inside(looking: Looking, file: TheFile, models: TheModels) -> dict[str, Any]:
    """A text as the model reads it: its surprise, and the units that follow something."""
    text = _read(looking.text)
    model = models.load(file)
    units = models.units(file, text, looking.label)
    reading = model.read(text, label=looking.label)
    bits_C = reading.nats_by_position() / math.log(2)
    return {
        "text": text,
        "cut": len(text) < len(looking.text),
        "bits": [round(bits, 2) for bits in bits_C.tolist()],
        "mean": reading.score().bits_per_character,
        "worst": [_passage(passage) for passage in reading.worst(WORST)],
        "units": units.states_CxU.shape[1],
        "followers": [vars(follower) for follower in units.followers()],
    }


@router.post("/unit")
def unit(looking: OneUnit, file: TheFile, models: TheModels) -> list[float]:
    """What one unit holds after each character of a text, from -1 to 1."""
    units = models.units(file, _read(looking.text), looking.label)
    count = units.states_CxU.shape[1]
    if not 0 <= looking.unit < count:
        raise SettingError(f"The units of this model are numbered 0 to {count - 1}.")
    return [round(value, 2) for value in units.states_CxU[:, looking.unit].tolist()]


@router.get("")
def card(number: str, file: TheFile, runs: TheRuns, models: TheModels) -> dict[str, Any]:
    """All that is known of a model."""
    model = models.load(file)
    data = model.data
    return {
        "id": number,
        "name": runs.find(number)["name"],
        "bytes": file.stat().st_size,
        "text": {
            n: data.text.get(n) for n in ("characters", "bytes", "texts", "encoding", "sha256")
        },
        "scores": data.scores,
        "training": data.training,
        "network": {**data.shape.to_dict(), "parameters": data.shape.parameters},
        "vocabulary": {"kind": data.vocabulary.kind, "symbols": len(data.vocabulary.symbols)},
        "memory": None if data.memory is None else len(data.memory),
        "labels": list(model.labels),
    }


@router.get("/passage")
def passage(number: str, runs: TheRuns, texts: TheTexts) -> dict[str, str]:
    """Some of the text that the model was made from, to look at it with."""
    try:
        return {"text": texts.end(runs.find(number)["text"], PASSAGE)}
    except (Missing, OSError):
        return {"text": ""}


@router.get("/file")
def download(number: str, file: TheFile, runs: TheRuns, models: TheModels) -> FileResponse:
    """The model file, as `charloom write` and `charloom.load` take it."""
    models.load(file)  # in a sentence where there is none
    name = runs.find(number)["name"].replace("/", "-")
    return FileResponse(file, filename=f"{name}.safetensors")


def _read(text: str) -> str:
    if not text.strip():
        raise SettingError("There is nothing to look at; give a text first.")
    return text[:LONGEST_READ].replace("\r\n", "\n")


def _passage(passage: Passage) -> dict[str, Any]:
    return {"position": passage.position, "text": passage.text, "bits": passage.bits_per_character}
