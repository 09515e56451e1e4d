"""Serving many at once over real sockets: `charloom serve` under a load of its own process.

python -m benchmarks.serve                  1, 8, 64 and 256 clients, each as fast as it can
python -m benchmarks.serve --soak MINUTES   mixed clients for so long, and the server's memory

A client streams a text, reads it, and asks for the next on the same connection. They all
begin at once, which is the worst for the first character.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import numpy as np

import charloom
from benchmarks.machine import describe
from benchmarks.writing_speed import random_model, remembering
from charloom.model import save_model

CLIENTS = (1, 8, 64, 256)
UNITS = 320  # the default for a large text
SECONDS = 15.0
PROMPT = "GHIJKLMNOPQRSTUVWXYZ" + "abcdefghijkl"  # 32 characters
LENGTH = 500
SOAKED = 32  # clients


@dataclass
class Client:
    """What one client saw; times in seconds."""

    characters: int = 0
    texts: int = 0
    first: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)  # between a text's pieces
    refused: int = 0


@contextlib.contextmanager
def served(units: int) -> Iterator[str]:
    """The address of a server whose model has random weights and remembers Othello."""
    model = remembering(random_model(units), charloom.sample("othello"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        path.mkdir()
        save_model(path / "model.safetensors", model.data)
        command = [sys.executable, "-m", "charloom", "serve", str(path), "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r" at (http://\S+)/v1 ", line)
            assert found, line
            yield found.group(1)
        finally:
            process.terminate()
            process.communicate(timeout=30)


async def ask(client: Client, port: int, until: float, settings: dict[str, object]) -> None:
    """One client: text after text, until it is time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"model": name_of(port), "prompt": PROMPT, "stream": True, **settings})
    head = (
        f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        while time.perf_counter() < until:
            begun = last = time.perf_counter()
            writer.write((head + body).encode())
            status = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in status[:20]:
                client.refused += 1
                return
            seen = 0
            while size := int(await reader.readline(), 16):
                piece = await reader.readexactly(size + 2)
                now = time.perf_counter()
                came = sum(map(_characters, piece.split(b"\n\n")))
                if came and not seen:
                    client.first.append(now - begun)
                elif came:
                    client.waits.append(now - last)
                if came:
                    seen, last = seen + came, now
                if now < until:
                    client.characters += came
            await reader.readline()
            client.texts += 1
    finally:
        writer.close()


def _characters(event: bytes) -> int:
    if not event.startswith(b"data: {"):
        return 0
    return sum(len(choice["text"]) for choice in json.loads(event[6:])["choices"])


def name_of(port: int) -> str:
    """The id of the first model that a server has."""
    if port not in _names:
        with urlopen(f"http://127.0.0.1:{port}/v1/models") as answer:
            _names[port] = json.load(answer)["data"][0]["id"]
    return _names[port]


_names: dict[int, str] = {}


async def load(port: int, clients: int, seconds: float) -> list[Client]:
    """So many clients at once, each with a temperature of its own every fourth."""
    name_of(port)
    seen = [Client() for _ in range(clients)]
    until = time.perf_counter() + seconds
    await asyncio.gather(
        *(
            ask(
                client,
                port,
                until,
                {"max_tokens": LENGTH, "temperature": 0.8 if number % 4 else 0.7},
            )
            for number, client in enumerate(seen)
        )
    )
    return seen


def row(clients: int, seen: list[Client], seconds: float) -> tuple[str, float]:
    """A line of the table, and the characters a second in all."""
    counts = np.array([client.characters for client in seen])
    first = np.concatenate([client.first for client in seen]) * 1000
    waits = np.concatenate([client.waits for client in seen]) * 1000
    # Between the characters of one piece there is no time.
    others = max(0, int(counts.sum()) - len(waits) - len(first))
    between = np.quantile(np.concatenate([waits, np.zeros(others)]), 0.99)
    rate = counts.sum() / seconds
    times = (np.median(first), np.quantile(first, 0.99), between, waits.max())
    shown = " | ".join(f"{milliseconds:.0f} ms" for milliseconds in times)
    share = counts.min() / counts.mean()
    return f"| {clients} | {rate:,.0f} | {shown} | {share:.0%} |", rate


def main(seconds: float = SECONDS, clients: tuple[int, ...] = CLIENTS) -> list[str]:
    """All numbers of clients, one after another; returns the lines of a table."""
    lines = [
        "| clients | characters/s in all | first character, median | 99 % | between characters, "
        "99 % | longest wait | slowest client / mean |",
        "|---|---|---|---|---|---|---|",
    ]
    rates = {}
    with served(UNITS) as url:
        port = int(url.rpartition(":")[2])
        for count in clients:
            command = [sys.executable, "-m", "benchmarks.serve", "--load", str(port), str(count)]
            result = subprocess.run(
                [*command, str(seconds)], capture_output=True, text=True, check=True
            )
            seen = [Client(**data) for data in json.loads(result.stdout)]
            line, rates[count] = row(count, seen, seconds)
            lines.append(line)
    if 1 in rates and 64 in rates:
        lines.append(f"\n64 clients together: {rates[64] / rates[1]:.1f} times one.")
    print("\n".join(lines), flush=True)
    return lines


async def mixed(port: int, until: float) -> None:
    """Clients that come and go, some before they have read all, some with much to ask."""
    draw = np.random.default_rng(0)

    async def one(number: int) -> None:
        while time.perf_counter() < until:
            settings: dict[str, object] = {
                "max_tokens": int(draw.integers(1, 2000)),
                "temperature": float(draw.uniform(0.1, 1.5)),
                "n": int(draw.integers(1, 4)),
                "logprobs": 3 if number % 7 == 0 else None,
                "max_copy": 20 if number % 5 == 0 else None,
                "stop": ["ZZ"] if number % 3 == 0 else None,
            }
            stay = time.perf_counter() + float(draw.uniform(0.1, 5))
            with contextlib.suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
                async with asyncio.timeout_at(
                    asyncio.get_running_loop().time() + stay - time.perf_counter()
                ):
                    await ask(Client(), port, min(until, stay), settings)
            await asyncio.sleep(float(draw.uniform(0, 0.2)))

    name_of(port)
    await asyncio.gather(*(one(number) for number in range(SOAKED)))


def soak(minutes: float) -> None:
    """Mixed clients for so long; the server's resident memory every minute."""
    print("| minute | resident memory | texts running | texts ended |\n|---|---|---|---|")
    with served(UNITS) as url:
        port = int(url.rpartition(":")[2])
        command = [sys.executable, "-m", "benchmarks.serve", "--mixed", str(port)]
        with subprocess.Popen([*command, str(60 * minutes)]) as clients:
            begun = time.perf_counter()
            while clients.poll() is None:
                with urlopen(f"{url}/metrics") as answer:
                    text = answer.read().decode()
                memory = _total(text, "process_resident_memory_bytes") / 1e6
                print(
                    f"| {(time.perf_counter() - begun) / 60:.1f} | {memory:.1f} MB "
                    f"| {_total(text, 'charloom_texts_running'):.0f} "
                    f"| {_total(text, 'charloom_texts_total'):,.0f} |",
                    flush=True,
                )
                with contextlib.suppress(subprocess.TimeoutExpired):
                    clients.wait(min(60, 60 * minutes / 5))


def _total(metrics: str, name: str) -> float:
    lines = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", metrics, re.M)
    return sum(map(float, lines))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        port, clients, seconds = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
        print(json.dumps([vars(seen) for seen in asyncio.run(load(port, clients, seconds))]))
    elif sys.argv[1:2] == ["--mixed"]:
        port, seconds = int(sys.argv[2]), float(sys.argv[3])
        asyncio.run(mixed(port, time.perf_counter() + seconds))
    elif sys.argv[1:2] == ["--soak"]:
        print(describe())
        soak(float(sys.argv[2]))
    else:
        print(describe())
        main()
