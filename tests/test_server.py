"""`charloom serve`: a real process, a real socket, OpenAI's own client."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from prometheus_client.parser import text_string_to_metric_families
from schemathesis.generation import GenerationMode

from charloom import LanguageModel, SettingError, load
from charloom.cli.serve import THREADS, serve
from charloom.model import save_model
from charloom.server.batcher import Busy
from charloom.server.limits import Limits
from charloom.server.served import MOST_MANNERS, Served
from conftest import run_charloom
from untrained import FOREIGN, untrained

KEY = "a secret"
JSON = {"Content-Type": "application/json"}


class Server:
    """`charloom serve ARGUMENTS` in a process of its own."""

    def __init__(self, *arguments: object, key: str | None = None) -> None:
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
        environment.pop("CHARLOOM_API_KEY", None)
        if key is not None:
            environment["CHARLOOM_API_KEY"] = key
        command = [sys.executable, "-m", "charloom", "serve", *map(str, arguments)]
        command += [] if "--port" in command else ["--port", "0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r" at (http://\S+)/v1 ", line)
        assert found, line + self.end()[1]
        self.url, self.key = found.group(1), key
        self.port = int(self.url.rpartition(":")[2])
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=60)
        self.clients: list[httpx.Client | openai.OpenAI] = [self.http]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGKILL)

    def openai(self, **options: Any) -> openai.OpenAI:
        options = {"api_key": self.key or "none", "max_retries": 0, **options}
        client = openai.OpenAI(base_url=f"{self.url}/v1", **options)
        self.clients.append(client)
        return client

    def post(self, path: str = "/v1/completions", **body: object) -> httpx.Response:
        return self.http.post(path, json={"model": "play", **body})

    def metric(self, name: str, **labels: str) -> float:
        """The value of a counter or a gauge, of all its labels that fit together."""
        families = text_string_to_metric_families(self.http.get("/metrics").text)
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def wait_for(self, name: str, value: float, **labels: str) -> None:
        until(lambda: self.metric(name, **labels) == value)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Stop it, and say how it ended and what it complained of."""
        if self.process.stdout is not None and not self.process.stdout.closed:
            for client in getattr(self, "clients", []):
                client.close()
            if self.process.poll() is None:
                self.process.send_signal(number)
            self.complaints = self.process.communicate(timeout=20)[1]
        return self.process.returncode, self.complaints


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models: play (characters), lines (bytes, with labels and ends), changing."""
    folder = tmp_path_factory.mktemp("models")
    for name, data in (
        ("play", untrained()),
        (
            "lines",
            untrained("bytes", text=FOREIGN * 20, has_end=True, labels=("Ann", "Ben")),
        ),
        ("changing", untrained(units=24, remembers=False)),
    ):
        (folder / name).mkdir()
        save_model(folder / name / "model.safetensors", data)
    return folder


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[Server]:
    with Server(
        models / "play", models / "lines" / "model.safetensors", models / "changing"
    ) as one:
        yield one
        assert one.end() == (0, "")


@pytest.fixture(scope="module")
def tight(models: Path) -> Iterator[Server]:
    """One that takes on little, from those who have its key."""
    limits = {"running": 2, "waiting": 1, "body": 3000, "prompt": 100}
    limits |= {"score": 200, "length": 10**7}
    options = [part for name, value in limits.items() for part in (f"--max-{name}", value)]
    with Server(models / "play", *options, key=KEY) as one:
        yield one
        assert one.end() == (0, "")


@pytest.fixture(scope="module")
def play_model(models: Path) -> LanguageModel:
    return load(models / "play")


@pytest.fixture(scope="module")
def lines_model(models: Path) -> LanguageModel:
    return load(models / "lines")


def test_openais_client_gets_what_the_model_writes(
    server: Server, play_model: LanguageModel
) -> None:
    found = server.openai().completions.create(
        model="play", prompt="To be", max_tokens=80, temperature=0.7, seed=3, n=2
    )
    texts = play_model.write("To be", length=80, temperature=0.7, seed=3, count=2)
    assert [choice.text for choice in found.choices] == texts
    assert [choice.index for choice in found.choices] == [0, 1]
    assert {choice.finish_reason for choice in found.choices} == {"length"}
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (5, 160)
    assert (found.object, found.model) == ("text_completion", "play")


def test_a_stream_gives_the_same_text_piece_by_piece(
    server: Server, lines_model: LanguageModel
) -> None:
    asked = {"prompt": "Größe", "max_tokens": 400, "seed": 5, "temperature": 1.0}
    whole = server.openai().completions.create(model="lines", **asked)
    pieces = list(
        server.openai().completions.create(
            model="lines", **asked, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(piece.choices[0].text for piece in pieces if piece.choices)
    assert text == whole.choices[0].text
    assert text == lines_model.write("Größe", length=400, seed=5, temperature=1.0)
    endings = [piece.choices[0].finish_reason for piece in pieces if piece.choices]
    assert endings == [None] * (len(endings) - 1) + [whole.choices[0].finish_reason]
    assert pieces[-1].choices == [] and pieces[-1].usage == whole.usage
    assert all(piece.usage is None for piece in pieces[:-1])


def test_prompts_of_a_list_are_answered_in_turn(server: Server, play_model: LanguageModel) -> None:
    prompts = ["To be", "", "Not"]
    found = server.openai().completions.create(
        model="play", prompt=prompts, max_tokens=30, seed=1, n=2, echo=True
    )
    texts = [
        prompt + text
        for prompt in prompts
        for text in play_model.write(prompt, length=30, seed=1, count=2)
    ]
    assert [choice.text for choice in found.choices] == texts
    pieces = server.openai().completions.create(
        model="play", prompt=prompts, max_tokens=30, seed=1, n=2, echo=True, stream=True
    )
    streamed = [""] * len(texts)
    for piece in pieces:
        streamed[piece.choices[0].index] += piece.choices[0].text
    assert streamed == texts


@pytest.mark.parametrize(
    "settings",
    [
        {"top_k": 3, "temperature": 1.2},
        {"top_p": 0.6, "min_p": 0.1},
        {"repetition_penalty": 1.5},
        {"temperature": 0.0},
        {"stop": ["e", "th"]},
        {"max_copy": 6},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_settings_are_those_of_the_writer(
    server: Server, play_model: LanguageModel, settings: dict[str, Any]
) -> None:
    found = server.post(prompt="And ", max_tokens=120, seed=2, **settings).json()
    choice = found["choices"][0]
    assert choice["text"] == play_model.write("And ", length=120, seed=2, **settings)
    assert choice["finish_reason"] == ("stop" if "stop" in settings else "length")


def test_labels_are_asked_for_by_name_or_weight(server: Server, lines_model: LanguageModel) -> None:
    for label in ("Ann", "Ann=0.2,Ben=0.8", {"Ben": 1.0}):
        found = server.post(model="lines", label=label, seed=4, max_tokens=50).json()
        assert found["choices"][0]["text"] == lines_model.write(length=50, seed=4, label=label)
    refused = server.post(label="Ann")
    assert refused.status_code == 400
    assert "no labels" in refused.json()["error"]["message"]


def test_only_so_many_labels_are_in_use_at_once(models: Path) -> None:
    served = Served(models / "lines", Limits())
    held = [served.manner({"Ann": 1, "Ben": number}) for number in range(MOST_MANNERS)]
    assert served.manner({"Ann": 2, "Ben": 2}) is held[1]
    with pytest.raises(Busy, match="try again later"):
        served.manner("Ben")
    del held[3:]
    assert served.manner("Ben") is served.manner({"Ben": 5})


def test_a_seed_that_was_drawn_is_told(server: Server) -> None:
    first = server.post(max_tokens=60).json()
    again = server.post(max_tokens=60, seed=first["seed"]).json()
    assert again["choices"] == first["choices"]
    assert first["choices"] != server.post(max_tokens=60).json()["choices"]


@pytest.mark.parametrize("model", ["play", "lines"])
def test_log_probabilities_come_with_every_character(server: Server, model: str) -> None:
    prompt = "To be" if model == "play" else "Größe"
    asked = {"prompt": prompt, "max_tokens": 40, "seed": 6, "logprobs": 2, "echo": True}
    found = server.openai().completions.create(model=model, **asked).choices[0]
    odds = found.logprobs
    assert odds is not None and odds.tokens and odds.token_logprobs and odds.top_logprobs
    assert "".join(odds.tokens) == found.text
    assert odds.text_offset == list(range(len(found.text)))
    assert all(logprob <= 0 for logprob in odds.token_logprobs)
    assert {len(top) for top in odds.top_logprobs} <= {2, 3}
    # A prompt's add up to its score.
    scored = server.http.post("/v1/score", json={"model": model, "text": prompt}).json()
    nats = -sum(odds.token_logprobs[: len(prompt)])
    assert nats / len(prompt) == pytest.approx(scored["nats_per_character"], abs=1e-4)
    # The same in pieces, and without the prompt.
    pieces = server.openai().completions.create(model=model, **asked, stream=True)
    streamed: list[float] = []
    for piece in pieces:
        part = piece.choices[0].logprobs
        assert part is not None and part.token_logprobs is not None
        streamed += part.token_logprobs
    assert streamed == odds.token_logprobs
    bare = server.openai().completions.create(model=model, **{**asked, "echo": False}).choices[0]
    assert bare.logprobs is not None
    assert bare.logprobs.token_logprobs == odds.token_logprobs[len(prompt) :]
    assert bare.logprobs.text_offset == odds.text_offset[len(prompt) :]
    prompt_alone = server.openai().completions.create(model=model, **{**asked, "max_tokens": 0})
    assert prompt_alone.choices[0].logprobs.tokens == list(prompt)


def test_a_prompt_may_hold_anything(server: Server) -> None:
    for model in ("play", "lines"):
        for prompt in ("東京 ☃ \0\t", "\ud83c", "x" * 9000, "\u202e"):
            body = json.dumps({"model": model, "prompt": prompt, "max_tokens": 5, "echo": True})
            found = server.http.post("/v1/completions", content=body, headers=JSON)
            assert found.status_code == 200, found.text
            assert found.json()["choices"][0]["text"].startswith(prompt)


def test_a_text_is_the_same_alone_and_beside_thirty_others(
    server: Server, play_model: LanguageModel
) -> None:
    asked = {"prompt": "OTHELLO", "seed": 9, "max_tokens": 600}
    alone = server.post(**asked).json()["choices"]

    def other(number: int) -> str:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            body = {"model": "play", "prompt": "x" * number, "temperature": 0.5 + number / 30}
            body |= {"max_tokens": 50 + 40 * number, "seed": number, "stream": number % 2 == 0}
            return client.post("/v1/completions", json=body).text

    with ThreadPoolExecutor(30) as pool:
        others = [pool.submit(other, number) for number in range(30)]
        until(lambda: server.metric("charloom_texts_running", model="play") > 10)
        beside = [server.post(**asked).json()["choices"] for _ in range(3)]
        assert all("finish_reason" in future.result() for future in others)
    assert beside == [alone] * 3
    assert alone[0]["text"] == play_model.write("OTHELLO", seed=9, length=600)


def test_scores_are_the_models_own(server: Server, lines_model: LanguageModel) -> None:
    found = server.post("/v1/score", model="lines", text="Größe", label="Ann").json()
    score = lines_model.score("Größe", label="Ann").to_dict()
    assert {name: found[name] for name in score} == pytest.approx(score)
    assert server.post("/v1/score", text="").status_code == 400


def test_models_are_listed_and_found(server: Server) -> None:
    client = server.openai()
    assert [model.id for model in client.models.list()] == ["play", "lines", "changing"]
    assert client.models.retrieve("lines").owned_by == "charloom"
    with pytest.raises(openai.NotFoundError, match="there is play, lines, changing"):
        client.models.retrieve("other")


def test_a_model_stays_what_it_was_when_its_file_changes(server: Server, models: Path) -> None:
    def text() -> str:
        return server.post(model="changing", seed=1, max_tokens=40).json()["choices"][0]["text"]

    def changed() -> bool:
        return server.http.get("/v1/models/changing").json()["file_changed"]

    before = text()
    assert not changed()
    save_model(models / "changing" / "model.safetensors", untrained(units=16, remembers=False))
    assert changed()
    assert text() == before
    shutil.rmtree(models / "changing")
    assert changed()
    assert text() == before


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"temperature": -1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": -5}, "max_tokens"),
        ({"max_tokens": 10**9}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"top_p": 2}, "top_p"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["x" * 101]}, "stop"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"top_k": 10**400}, "top_k"),
        ({"best_of": 3}, "best_of"),
        ({"presence_penalty": 1.0}, "presence_penalty"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"temprature": 1.0}, "temprature"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_makes_no_sense_is_refused_in_openais_form(
    server: Server, body: dict[str, Any], param: str
) -> None:
    found = server.post(**body)
    assert found.status_code == 400, found.text
    error = found.json()["error"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert error["message"].endswith(".") and "\n" not in error["message"]


def test_other_errors_have_the_same_form(server: Server) -> None:
    http = server.http
    for found, status in (
        (http.post("/v1/completions", content=b"{"), 400),
        (http.post("/v1/completions", content=b"[" * 9000), 400),
        (http.post("/v1/completions", json=[1]), 400),
        (http.get("/v1/completions"), 405),
        (http.get("/v1/nothing"), 404),
        (http.post("/v1/completions", content=b'{"model": "\\ud800"}', headers=JSON), 400),
    ):
        assert found.status_code == status
        assert set(found.json()["error"]) == {"message", "type", "param", "code"}


def test_a_page_of_another_site_gets_nothing(server: Server) -> None:
    ours = [f"127.0.0.1:{server.port}", f"localhost:{server.port}", f"[::1]:{server.port}"]
    for host in ours:
        for headers in ({}, {"Origin": f"http://{host}"}):
            found = server.http.get("/v1/models", headers={"Host": host, **headers})
            assert found.status_code == 200
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{server.port}"},
        {"Host": f"127.0.0.1:{server.port + 1}"},
        {"Host": f"127.0.0.1.evil.example:{server.port}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://127.0.0.1:{server.port}"},
        {"Origin": f"http://127.0.0.1:{server.port + 1}"},
    ):
        found = server.http.get("/v1/models", headers=headers)
        assert found.status_code == 403, headers
        assert found.json()["error"]["code"] == "not_from_here"


def test_without_the_key_there_is_nothing_but_health_and_docs(tight: Server) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": b"Bearer \xff"},
    ):
        with httpx.Client(base_url=tight.url, headers=headers) as client:
            for path in ("/v1/models", "/metrics", "/v1/nothing"):
                found = client.get(path)
                assert found.status_code == 401
                assert found.headers["www-authenticate"] == "Bearer"
            for path in ("/healthz", "/docs", "/openapi.json"):
                assert client.get(path).status_code == 200
    with pytest.raises(openai.AuthenticationError, match="asks for its key"):
        tight.openai(api_key="wrong").models.list()
    assert [model.id for model in tight.openai().models.list()] == ["play"]


ENDLESS: dict[str, Any] = {"model": "play", "prompt": "x", "max_tokens": 10**7, "stream": True}


def test_when_all_places_are_taken_others_are_told_when_to_come_back(tight: Server) -> None:
    client = tight.openai()
    streams = [client.completions.create(**ENDLESS) for _ in range(3)]
    tight.wait_for("charloom_texts_running", 2)
    assert tight.metric("charloom_texts_waiting") == 1
    with pytest.raises(openai.RateLimitError, match="try again") as raised:
        client.completions.create(model="play", prompt="x")
    assert int(raised.value.response.headers["retry-after"]) >= 1
    too_many = tight.post(n=3)
    assert too_many.status_code == 400
    assert "at most 2" in too_many.json()["error"]["message"]
    streams[0].close()  # its place goes to the one that waits
    tight.wait_for("charloom_texts_waiting", 0)
    assert tight.metric("charloom_texts_running") == 2
    for stream in streams:
        stream.close()
    tight.wait_for("charloom_texts_running", 0)
    # openai's client tries again by itself, and is served once there is room.
    assert client.with_options(max_retries=2).completions.create(
        model="play", prompt="x", max_tokens=5
    )


def test_too_much_is_413(tight: Server) -> None:
    for found, what in (
        (tight.post(prompt="x" * 101), "100 characters"),
        (tight.post(prompt=["x", "x" * 101]), "100 characters"),
        (tight.post("/v1/score", text="x" * 201), "200 characters"),
        (tight.post(prompt="x" * 3000), "3,000 bytes"),
        (tight.http.post("/v1/completions", content=(b" " * 500 for _ in range(9))), "3,000"),
    ):
        assert found.status_code == 413
        assert what in found.json()["error"]["message"]


def test_a_request_may_take_only_so_long(models: Path) -> None:
    with Server(models / "play", "--max-length", 10**7, "--max-seconds", 1) as one:
        found = one.post(max_tokens=10**7)
        assert found.status_code == 503
        assert found.json()["error"]["code"] == "timeout"
        with pytest.raises(openai.APIError, match="over 1 seconds"):
            for _ in one.openai().completions.create(**ENDLESS):
                pass
        one.wait_for("charloom_texts_running", 0)
        assert one.end() == (0, "")


def test_a_client_that_is_killed_frees_its_place(tight: Server) -> None:
    left = tight.metric("charloom_texts_total", ending="left")
    body = json.dumps({"model": "play", "max_tokens": 10**7, "stream": True})
    request = (
        f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    code = (
        "import socket, sys\n"
        f"s = socket.create_connection(('127.0.0.1', {tight.port}))\n"
        f"s.sendall({request!r}.encode())\n"
        "while s.recv(9999): print('read', flush=True)\n"
    )
    client = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert client.stdout is not None
    assert client.stdout.readline()
    assert tight.metric("charloom_texts_running") == 1
    client.kill()
    client.communicate()
    tight.wait_for("charloom_texts_running", 0)
    assert tight.metric("charloom_texts_total", ending="left") == left + 1


def test_a_client_that_leaves_before_the_answer_frees_its_place(tight: Server) -> None:
    with pytest.raises(httpx.ReadTimeout):
        tight.http.post("/v1/completions", json={"model": "play", "max_tokens": 10**7}, timeout=0.3)
    tight.wait_for("charloom_texts_running", 0)


def test_who_does_not_read_holds_nobody_up(server: Server) -> None:
    ended = server.metric("charloom_texts_total", model="play", ending="length")
    body = json.dumps({"model": "play", "max_tokens": 4000, "stream": True, "logprobs": 5})
    request = (
        f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", server.port))
        lazy.sendall(request.encode())
        assert server.post(max_tokens=300).status_code == 200
        # Its text is written to the end all the same, and waits for it.
        server.wait_for("charloom_texts_total", ended + 2, model="play", ending="length")
        received = b""
        while b"data: [DONE]" not in received[-200:]:
            received += lazy.recv(1 << 16)
    assert received.count(b'"finish_reason": "length"') == 1


def test_health_docs_and_metrics(server: Server) -> None:
    assert server.http.get("/healthz").json() == {"status": "ok"}
    page = server.http.get("/docs").text
    # Nothing on it comes from elsewhere.
    assert not re.search(r"<script|<link|<img|@import|url\(|(src|href)=\"?\w+:|//", page)
    for path in ("/v1/completions", "/v1/score", "/v1/models", "/healthz", "/metrics"):
        assert path in page
    for name in ("max_tokens", "temperature", "max_copy"):
        assert name in page
    before = server.metric("charloom_ids_total", model="play")
    server.post(max_tokens=17)
    assert server.metric("charloom_ids_total", model="play") == before + 17
    assert server.metric("charloom_requests_total", path="/v1/completions", status="200") > 0
    assert server.metric("process_resident_memory_bytes") > 1e7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_within_seconds_and_says_so_to_its_readers(models: Path, number: int) -> None:
    with Server(models / "play", "--max-length", 10**7) as one:
        pieces = iter(one.openai().completions.create(**ENDLESS))
        next(pieces)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(one.post, max_tokens=10**7)
            one.wait_for("charloom_texts_running", 2)
            begun = time.monotonic()
            one.process.send_signal(number)
            with pytest.raises(openai.APIError, match="being stopped"):
                for _ in pieces:
                    pass
            assert waiting.result().status_code == 503
        assert waiting.result().json()["error"]["code"] == "stopping"
        assert one.end(number) == (0, "")
        assert time.monotonic() - begun < 10


def test_a_second_ctrl_c_waits_for_nobody(models: Path) -> None:
    with Server(models / "play", "--max-length", 10**7) as one:
        next(iter(one.openai().completions.create(**ENDLESS)))

        def closed() -> bool:
            try:
                socket.create_connection(("127.0.0.1", one.port)).close()
            except ConnectionError:
                return True
            return False

        one.process.send_signal(signal.SIGINT)
        until(closed)
        assert one.end(signal.SIGINT) == (0, "")


def test_a_port_that_is_taken_is_one_sentence(models: Path, server: Server) -> None:
    result = run_charloom("serve", models / "play", "--port", server.port, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"charloom: Port {server.port} of 127.0.0.1 cannot be opened")
    assert result.stderr.count("\n") == 1
    assert server.http.get("/healthz").status_code == 200


def test_a_model_that_is_missing_or_damaged_is_one_sentence(models: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes((models / "play" / "model.safetensors").read_bytes()[:5000])
    twin = tmp_path / "play"
    shutil.copytree(models / "play", twin)
    for paths, message in (
        ([tmp_path / "nothing"], "There is no model at"),
        ([models / "play", damaged], "is damaged"),
        ([models / "play", twin], "Two models are called play"),
    ):
        result = run_charloom("serve", *paths, check=False)
        assert result.returncode == 1
        assert message in result.stderr
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "give --api-key"),
        (["--host", "example.com"], "give --api-key"),
        (["--no-auth", "--api-key", "x"], "contradict"),
        (["--api-key", ""], "at least one"),
        (["--port", "99999"], "port must be"),
        (["--max-running", "0"], "max-running must be"),
        (["--max-seconds", "0.5"], "max-seconds must be"),
    ],
    ids=lambda value: "" if isinstance(value, str) else value[0],
)
def test_options_that_make_no_sense_are_told(
    models: Path, options: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHARLOOM_API_KEY", raising=False)
    for name in THREADS:  # which the command sets for a process of its own
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    with pytest.raises(SettingError, match=message):
        serve.main([str(models / "play"), *options], standalone_mode=False)


def test_others_are_let_in_where_that_is_meant(models: Path) -> None:
    result = run_charloom("serve", models / "play", "--host", "0.0.0.0", check=False)
    assert result.returncode == 1
    assert "--no-auth if that is meant" in result.stderr
    with Server(models / "play", "--host", "0.0.0.0", "--no-auth") as one:
        assert one.http.get("/v1/models", headers={"Host": "a.name"}).status_code == 200
        assert one.end() == (0, "")


def test_serving_imports_neither_keras_nor_torch() -> None:
    code = (
        "import sys; import charloom.server.app, charloom.server.served, charloom.server.web\n"
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'keras', 'torch', 'jax'}))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_whatever_the_document_allows_is_answered_as_it_says(server: Server) -> None:
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")

    def answered(case: schemathesis.Case) -> None:
        if isinstance(case.body, dict) and case.meta.generation.mode.is_positive:
            case.body |= {"model": "play", "label": None}
            if case.operation.path == "/v1/completions":
                case.body |= {"max_tokens": 20, "n": 2}  # this is not about how much
        response = case.call(base_url=server.url, timeout=30)
        if response.status_code != 413:  # which it knows nothing of
            case.validate_response(response)

    tried = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        # What has no body is a path alone, of which nothing is wrong.
        for mode in GenerationMode if operation.method == "post" else [GenerationMode.POSITIVE]:
            cases = given(case=operation.as_strategy(generation_mode=mode))
            few = settings(
                max_examples=10,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            few(cases(answered))()
        tried.add(operation.path)
    assert len(tried) == 6
