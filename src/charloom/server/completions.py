"""/v1/completions: from a request to texts, in one piece or as events."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from charloom.writing import new_seed

from .delivery import Answer
from .errors import ApiError, Json
from .limits import Limits
from .metrics import Metrics
from .schema import CompletionRequest
from .served import Served
from .tickets import Entry, Ticket


async def complete(
    served: Served, asked: CompletionRequest, request: Request, limits: Limits, metrics: Metrics
) -> Response:
    """Answer a request for texts.

    Raises:
        ApiError: if it asks for too much, or for what the model cannot do.
        Busy: if there is no room for it now.
    """
    check(asked, limits)
    begun = time.perf_counter()
    seed = new_seed() if asked.seed is None else asked.seed
    jobs = await run_in_threadpool(served.jobs, asked, seed)
    tickets = [ticket for job in jobs for ticket in job.tickets]
    first = metrics.first.observe if asked.stream else None
    answer = Answer(served.batcher, tickets, limits.seconds, first)
    answer.begun = begun
    served.batcher.submit(jobs)
    completion = Completion(served.name, asked, seed, answer)
    if asked.stream:
        # What tells that the program ends comes from the batcher, in time for a last word.
        return _Events(completion.events(), sep="\n", shutdown_grace_period=60, answer=answer)
    return await completion.whole(request)


def check(asked: CompletionRequest, limits: Limits) -> None:
    """Refuse what is over a limit.

    Raises:
        ApiError: if so.
    """
    if max(map(len, asked.prompts)) > limits.prompt:
        raise ApiError(
            413,
            f"A prompt may have {limits.prompt:,} characters.",
            "prompt",
            "request_too_large",
        )
    if (asked.max_tokens or 0) > limits.length:
        raise ApiError(
            400, f"max_tokens may be {limits.length:,} (characters) at most.", "max_tokens"
        )


class _Events(EventSourceResponse):
    """Events that let go of their texts in any case, also when nobody has come to read them."""

    def __init__(self, *arguments: Any, answer: Answer, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.answer.close()


class Completion:
    """One request's texts on their way out."""

    def __init__(self, model: str, asked: CompletionRequest, seed: int, answer: Answer) -> None:
        self.asked, self.answer = asked, answer
        self.head = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
            "seed": seed,
        }
        self.endings = dict.fromkeys(answer.open, "")
        self.prompts = [prompt for prompt in asked.prompts for _ in range(asked.n or 1)]
        self.written = 0  # characters
        # Where the next character of each text stands; OpenAI counts from the prompt's start.
        self.offsets = [0 if asked.echo else len(prompt) for prompt in self.prompts]
        self.begun: set[int] = set()

    async def whole(self, request: Request) -> Response:
        """All texts in one piece; nothing, if whoever asked has left."""
        answer = self.answer
        watch = asyncio.create_task(_watch(request, answer))
        texts = [""] * len(self.prompts)
        entries: list[list[Entry]] = [[] for _ in texts]
        try:
            while answer.open:
                for number, ticket, text, _ in await answer.news():
                    more, more_entries = self._part(number, ticket, text)
                    texts[number] += more
                    entries[number] += more_entries
                if answer.left:
                    return Response(status_code=499)  # which nobody will read
        finally:
            watch.cancel()
            answer.close()
        choices = [
            {
                "index": number,
                "text": text,
                "logprobs": self._logprobs(number, entries[number]),
                "finish_reason": self.endings[number],
            }
            for number, text in enumerate(texts)
        ]
        return Json({**self.head, "choices": choices, "usage": self._usage()})

    async def events(self) -> AsyncIterator[bytes]:
        """The texts as server-sent events, each with all that has come since the last."""
        answer = self.answer
        with_usage = self.asked.stream_options is not None and bool(
            self.asked.stream_options.include_usage
        )
        start = "data: " + json.dumps(self.head)[:-1] + ', "choices": ['
        end = ('], "usage": null}' if with_usage else "]}") + "\n\n"
        try:
            while answer.open:
                parts = []
                for number, ticket, text, last in await answer.news():
                    more, entries = self._part(number, ticket, text)
                    logprobs = json.dumps(self._logprobs(number, entries))
                    ending = json.dumps(self.endings[number] if last else None)
                    parts.append(
                        f'{start}{{"index": {number}, "text": {json.dumps(more)}, '
                        f'"logprobs": {logprobs}, "finish_reason": {ending}}}{end}'
                    )
                if parts:
                    yield "".join(parts).encode("ascii")
            if with_usage:
                yield _event({**self.head, "choices": [], "usage": self._usage()})
            yield b"data: [DONE]\n\n"
        except ApiError as error:
            yield _event(error.body())
        finally:
            answer.close()

    def _part(self, number: int, ticket: Ticket, text: str) -> tuple[str, list[Entry]]:
        """What is shown next of a text, and how likely it was where that is wanted."""
        self.written += len(text)
        self.endings[number] = ticket.text.ending
        entries = [] if ticket.odds is None else ticket.odds.take(len(text))
        if number in self.begun:
            return text, entries
        self.begun.add(number)
        if not self.asked.echo:
            return text, entries
        prompt = self.prompts[number]
        if ticket.odds is not None:
            read = ticket.odds.read
            unread = prompt[: max(0, len(prompt) - len(read))]
            entries = [*(Entry(character, None, {}) for character in unread), *read, *entries]
        return prompt + text, entries

    def _logprobs(self, number: int, entries: list[Entry]) -> dict[str, Any] | None:
        if self.asked.logprobs is None:
            return None
        offsets = []
        for entry in entries:
            offsets.append(self.offsets[number])
            self.offsets[number] += len(entry.token)
        top = [entry.top or None for entry in entries]
        return {
            "tokens": [entry.token for entry in entries],
            "token_logprobs": [entry.logprob for entry in entries],
            "top_logprobs": top if self.asked.logprobs else None,
            "text_offset": offsets,
        }

    def _usage(self) -> dict[str, int]:
        read = sum(map(len, self.asked.prompts))
        return {
            "prompt_tokens": read,
            "completion_tokens": self.written,
            "total_tokens": read + self.written,
        }


async def _watch(request: Request, answer: Answer) -> None:
    """Notice when whoever asked has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    answer.left = True
    answer.changed.set()


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode("ascii")
