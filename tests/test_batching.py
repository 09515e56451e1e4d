"""Texts written together: each as if it were alone, joining and leaving between characters."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charloom import LanguageModel, SettingError
from charloom.model import ModelData
from charloom.server.batcher import Batcher, Busy, Stopped
from charloom.server.tickets import Job, Manner, Odds, Ticket
from charloom.writing import (
    CopyLimit,
    Engine,
    Request,
    Sampling,
    Samplings,
    Text,
    engine_of,
    opening_ids,
    probabilities,
    steady,
)
from charloom.writing.blocks import OneByOne, in_blocks, is_steady
from untrained import FOREIGN, play, untrained

MODELS = {
    "characters": untrained(),
    "two layers": untrained(layers=2, units=40, remembers=False),
    "bytes": untrained("bytes", text=FOREIGN * 20, has_end=True),
}
SETTINGS = [
    Sampling(),
    Sampling(temperature=1.3, top_k=5),
    Sampling(temperature=0.6, top_p=0.8),
    Sampling(min_p=0.1, repetition_penalty=1.4),
    Sampling(greedy=True),
    Sampling(temperature=1.0, top_k=9, top_p=0.9, min_p=0.02, repetition_penalty=1.1),
]


def manner_of(model: ModelData) -> Manner:
    plain = engine_of(model)
    return Manner(*steady(plain), plain)


def job(
    model: ModelData,
    manner: Manner,
    prompt: str = "",
    *,
    count: int = 1,
    odds: bool = False,
    prompt_odds: bool = False,
    **settings: object,
) -> Job:
    """What a server makes of a request."""
    request = Request(prompt, count=count, **{"length": 60, "seed": 1, **settings})
    ids = model.vocabulary.encode_prompt(prompt)[0]
    limit = None if request.max_copy is None else CopyLimit(model, request.max_copy)
    start = len(model.opening) if prompt_odds else None
    tickets = [
        Ticket(
            Text(model, request, request.seed or 0, number, ids, limit),
            Odds(model.vocabulary, 3, start) if odds or prompt_odds else None,
        )
        for number in range(count)
    ]
    return Job(manner, opening_ids(model, ids), tickets)


class Desk:
    """Asks a batcher for texts and waits for them, as a server does."""

    def __init__(self, model: ModelData, running: int = 64, waiting: int = 64) -> None:
        self.news = threading.Event()
        self.batcher = Batcher(model, running, waiting, self.news.set)
        self.batcher.start()
        self.read: dict[Ticket, str] = {}

    def look(self) -> None:
        """Wait a moment for news, and take what there is."""
        self.news.wait(0.01)
        self.news.clear()
        self.batcher.heard()
        while self.batcher.ready:
            ticket = self.batcher.ready.popleft()
            ticket.listed = False
            self.read[ticket] = self.read.get(ticket, "") + ticket.take()

    def texts(self, jobs: Sequence[Job]) -> list[str]:
        """Wait for all of them."""
        tickets = [ticket for one in jobs for ticket in one.tickets]
        deadline = time.monotonic() + 60
        while not all(ticket.done for ticket in tickets):
            assert time.monotonic() < deadline
            self.look()
        self.look()
        for ticket in tickets:
            assert ticket.error is None, ticket.error
        return [self.read.get(ticket, "") for ticket in tickets]

    def ask(self, *jobs: Job) -> list[str]:
        self.batcher.submit(jobs)
        return self.texts(jobs)


@pytest.fixture
def desk() -> Iterator[type[Desk]]:
    """Makes desks whose batchers end with the test."""
    made: list[Desk] = []

    class Closing(Desk):
        def __init__(self, *arguments: object, **named: object) -> None:
            super().__init__(*arguments, **named)
            made.append(self)

    yield Closing
    for one in made:
        one.batcher.stop(Stopped("The test is over."))
        one.batcher._thread.join(10)
        assert not one.batcher.alive


def varied(model: ModelData, manner: Manner) -> list[Job]:
    """Thirty jobs of all kinds, of different lengths."""
    draw = np.random.default_rng(3)
    source = FOREIGN * 4 if model.vocabulary.kind == "bytes" else play()
    jobs = []
    for number in range(30):
        start, length = draw.integers(0, 100), draw.integers(0, 50)
        jobs.append(
            job(
                model,
                manner,
                source[start : start + length],
                sampling=SETTINGS[number % len(SETTINGS)],
                length=int(draw.integers(1, 90)),
                seed=number,
                count=1 + number % 3,
                stop=("e ", "tt") if number % 4 == 0 else (),
                max_copy=6 if number % 5 == 0 and model.memory is not None else None,
            )
        )
    return jobs


@pytest.mark.parametrize("name", MODELS)
def test_a_text_is_the_same_alone_and_beside_thirty_others(name: str, desk: type[Desk]) -> None:
    model = MODELS[name]
    manner = manner_of(model)
    one, prompt = desk(model, running=100), "And then "
    alone = one.ask(job(model, manner, prompt, length=300, seed=7))
    others, late = varied(model, manner), varied(model, manner)
    one.batcher.submit(others)
    beside = job(model, manner, prompt, length=300, seed=7)
    one.batcher.submit([beside])
    while one.batcher.waiting or one.batcher.counts()[1] < 500:  # then more come in the middle
        one.look()
    one.batcher.submit(late)
    assert one.texts([beside]) == alone
    first = one.texts(others)
    assert first == one.texts(late)
    assert first == [text for each in varied(model, manner) for text in one.ask(each)]


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_the_same_to_the_last_bit_in_any_company(name: str) -> None:
    model = MODELS[name]
    manner = manner_of(model)
    draw = np.random.default_rng(0)
    ids_T = draw.integers(0, model.vocabulary.size, 40)
    seen: list[bytes] = []
    for texts in (1, 2, 3, 8, 13, 31, 64, 100):
        batch = -(-texts // manner.rows) * manner.rows
        for place in {0, texts // 2, texts - 1}:
            states = manner.engine.initial_states(batch)
            logits = b""
            for number in ids_T:
                ids_B = draw.integers(0, model.vocabulary.size, batch)
                ids_B[place] = number
                logits += manner.engine.step(ids_B, states)[place].tobytes()
            seen.append(logits)
    assert len(set(seen)) == 1


@pytest.mark.parametrize("core", ["Nehalem", "Sandybridge", "Haswell"])
def test_blocks_are_steady_with_the_kernels_of_other_processors(core: str) -> None:
    code = (
        "import numpy as np; from charloom.writing.blocks import in_blocks, is_steady\n"
        "draw = np.random.default_rng(0)\n"
        "for size in ((48, 192), (64, 67), (33, 132), (128, 512), (9, 2)):\n"
        "    for rows in (8, 4, 2, 1):\n"
        "        matrix = draw.normal(size=size).astype(np.float32)\n"
        "        assert is_steady(in_blocks(rows), rows, matrix), (size, rows)\n"
    )
    environment = {**os.environ, "OPENBLAS_CORETYPE": core}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert result.returncode == 0, result.stderr


def test_a_product_that_depends_on_company_is_found_out() -> None:
    matrix = np.random.default_rng(0).normal(size=(40, 160)).astype(np.float32)

    def by_place(x_BxK: np.ndarray, w_KxN: np.ndarray) -> np.ndarray:
        out = np.matmul(x_BxK, w_KxN)
        out[-1] = x_BxK[-1, ::-1] @ w_KxN[::-1]  # the last row in another order
        return out

    assert not is_steady(by_place, 8, matrix)
    assert is_steady(in_blocks(8), 8, matrix)
    one_by_one = OneByOne()
    assert is_steady(one_by_one, 1, matrix)
    x_BxK = np.random.default_rng(1).normal(size=(11, 40)).astype(np.float32)
    np.testing.assert_allclose(one_by_one(x_BxK, matrix), x_BxK @ matrix, atol=1e-4)


def test_without_a_steady_block_products_are_made_one_by_one(
    desk: type[Desk],
) -> None:
    model = MODELS["characters"]
    plain = engine_of(model)
    manner = Manner(*steady(plain, blocks=()), plain)
    assert manner.rows == 1
    one = desk(model)
    alone = one.ask(job(model, manner, length=80))
    assert one.ask(job(model, manner, length=80), *varied(model, manner))[:1] == alone


@pytest.mark.parametrize("name", MODELS)
def test_a_server_writes_what_the_command_writes(name: str, desk: type[Desk]) -> None:
    model = MODELS[name]
    texts = LanguageModel(model).write("To be", count=3, seed=5, length=100, stop=["zz"])
    assert desk(model).ask(
        job(model, manner_of(model), "To be", count=3, seed=5, length=100, stop=("zz",))
    ) == list(texts)


@given(
    st.lists(st.sampled_from(SETTINGS), min_size=1, max_size=12),
    st.integers(0, 1000),
)
@settings(deadline=None)
def test_settings_by_row_are_those_of_each_alone(rows: list[Sampling], seed: int) -> None:
    draw = np.random.default_rng(seed)
    logits = draw.normal(0, 3, (len(rows), 20)).astype(np.float32)
    allowed = draw.random((len(rows), 20)) < 0.8
    allowed[:, 3] = True
    recent = draw.integers(-1, 20, (len(rows), 16))
    together = probabilities(logits, Samplings(rows), allowed, recent)
    for row, one in enumerate(rows):
        part = slice(row, row + 1)
        alone = probabilities(logits[part], one, allowed[part], recent[part])
        assert together[part].tobytes() == alone.tobytes(), one


def test_an_empty_prompt_with_no_opening_can_be_written_from(desk: type[Desk]) -> None:
    model = replace(MODELS["characters"], opening=())
    manner = manner_of(model)
    one = desk(model)
    for prompt in ("", "T", "Th"):
        text = LanguageModel(model).write(prompt, seed=1, length=60)
        assert one.ask(job(model, manner, prompt)) == [text]


def test_texts_of_no_length_are_done_at_once(desk: type[Desk]) -> None:
    model = MODELS["characters"]
    assert desk(model).ask(job(model, manner_of(model), "Go on", length=0, count=2)) == ["", ""]


def test_places_are_given_in_turn_and_free_again_within_a_step(desk: type[Desk]) -> None:
    model = MODELS["characters"]
    manner = manner_of(model)
    one = desk(model, running=4, waiting=4)
    endless = [job(model, manner, length=10**9, seed=n) for n in range(8)]
    one.batcher.submit(endless)
    with pytest.raises(Busy, match="try again"):
        one.batcher.submit([job(model, manner)])
    while one.batcher.running < 4:
        one.look()
    assert (one.batcher.running, one.batcher.waiting) == (4, 4)
    one.batcher.cancel([endless[5].tickets[0]])  # one that waits
    assert (one.batcher.running, one.batcher.waiting) == (4, 3)
    gone = endless[0].tickets[0]
    one.batcher.cancel([gone])
    written = gone.text.written
    while not gone.done:
        one.look()
    assert gone.text.written - written <= 1  # of a step that was under way
    while not endless[4].tickets[0].text.written:
        one.look()
    assert (one.batcher.running, one.batcher.waiting) == (4, 2)
    assert not any(endless[number].tickets[0].text.written for number in (5, 6, 7))
    one.batcher.cancel([each.tickets[0] for each in endless])
    assert one.ask(job(model, manner, seed=3)) == one.ask(job(model, manner, seed=3))
    assert (one.batcher.running, one.batcher.waiting) == (0, 0)
    assert one.batcher.ended["left"] == 8


def test_more_texts_than_there_are_places_are_refused(desk: type[Desk]) -> None:
    model = MODELS["characters"]
    with pytest.raises(SettingError, match="at most 4"):
        desk(model, running=4).batcher.submit([job(model, manner_of(model), count=5)])


def test_a_long_prompt_does_not_stop_the_others(desk: type[Desk]) -> None:
    model = MODELS["characters"]
    manner = manner_of(model)
    one = desk(model)
    writes = job(model, manner, length=10**9)
    one.batcher.submit([writes])
    while one.batcher.counts()[1] < 10:
        one.look()
    reads = job(model, manner, "x" * 4000, length=1)
    one.batcher.submit([reads])
    before = one.batcher.counts()[1]
    one.texts([reads])
    assert one.batcher.counts()[1] - before > 400
    one.batcher.cancel(writes.tickets)


def test_prompts_are_read_beside_one_another_and_once_for_all_texts(desk: type[Desk]) -> None:
    model = MODELS["characters"]
    one = desk(model)
    one.ask(job(model, manner_of(model), "x" * 99, count=16, length=1))
    assert one.batcher.counts() == (99, 16)  # the last id is read in the first step of writing


def test_labels_are_lanes_of_their_own(desk: type[Desk]) -> None:
    model = untrained(labels=("first", "second"))
    language_model = LanguageModel(model)
    manners = {}
    for label in ("first", "second", "first=0.3,second=0.7"):
        plain = language_model.engine_for(label)
        manners[label] = Manner(*steady(plain), plain)
    texts = desk(model).ask(*(job(model, manner, seed=2) for manner in manners.values()))
    assert texts == [language_model.write(length=60, seed=2, label=label) for label in manners]
    assert len(set(texts)) == 3


def test_a_lane_that_fails_takes_no_other_with_it(
    desk: type[Desk], caplog: pytest.LogCaptureFixture
) -> None:
    model = MODELS["characters"]
    manner = manner_of(model)
    assert isinstance(manner.plain.engine, Engine)
    broken_engine = manner.engine.with_product(lambda x, w: x @ w[:-1])  # sizes that do not fit
    broken = Manner(broken_engine, manner.rows, manner.plain)
    one = desk(model)
    endless, fails = job(model, manner, length=10**9), job(model, broken)
    one.batcher.submit([endless, fails])
    while not fails.tickets[0].done:
        one.look()
    assert isinstance(fails.tickets[0].error, ValueError)
    before = one.batcher.counts()[1]
    while one.batcher.counts()[1] < before + 50:
        one.look()
    one.batcher.cancel(endless.tickets)
    assert "Writing failed" in caplog.text


def test_stopping_ends_every_text_with_the_reason(desk: type[Desk]) -> None:
    model = MODELS["characters"]
    manner = manner_of(model)
    one = desk(model, running=1)
    jobs = [job(model, manner, length=10**9) for _ in range(2)]
    one.batcher.submit(jobs)
    while not one.batcher.running:
        one.look()
    reason = Stopped("The server is being stopped.")
    one.batcher.stop(reason, now=False)
    with pytest.raises(Stopped):
        one.batcher.submit([job(model, manner)])
    assert not jobs[0].tickets[0].done
    one.batcher.stop(reason)
    while not all(each.tickets[0].done for each in jobs):
        one.look()
    assert [each.tickets[0].error for each in jobs] == [reason, reason]


@pytest.mark.parametrize("name", MODELS)
def test_odds_are_the_models_own(name: str, desk: type[Desk]) -> None:
    model = MODELS[name]
    one, prompt = desk(model), "Tät" if name == "bytes" else "That"
    asked = job(model, manner_of(model), prompt, prompt_odds=True, length=25)
    ticket = asked.tickets[0]
    text = one.ask(asked)[0]
    entries = [*ticket.odds.read, *ticket.odds.take(100)]
    assert "".join(entry.token for entry in entries) == prompt + text
    assert all(max(entry.top.values()) <= 0 for entry in entries)
    assert all(entry.token in entry.top for entry in entries if entry.token.isascii())
    # Of the prompt they add up to its score, which counts the unknown id among what may come.
    score = LanguageModel(model).score(prompt)
    total = sum(entry.logprob for entry in entries[: len(prompt)])
    assert total == pytest.approx(-score.nats, abs=1e-3)
