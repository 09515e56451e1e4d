"""`charloom studio` in a process of its own, for tests."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx


class Studio:
    """`charloom studio` in a process of its own, as a user runs it."""

    def __init__(self, folder: Path, most_bytes: int | None = None) -> None:
        self.folder, self.most_bytes, self.port = folder, most_bytes, free_port()
        self.client = httpx.Client(base_url=f"{self.url}/api", timeout=60)
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            command_for(self.folder, self.port),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=self._limit,
        )
        assert self.process.stdout is not None
        assert self.url in self.process.stdout.readline()

    def _limit(self) -> None:
        if self.most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.most_bytes, self.most_bytes))

    def end(self, number: int = signal.SIGTERM) -> str:
        """End it; what it printed after its address."""
        self.process.send_signal(number)
        printed, _ = self.process.communicate(timeout=20)
        return printed

    def close(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            assert self.end() == ""

    def give(self, text: str | bytes, name: str = "A text") -> dict[str, Any]:
        answer = self.client.post("/texts", params={"name": name}, content=text)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def wait_for(self, run: str, status: str, seconds: float = 100) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while (found := self.client.get(f"/runs/{run}").json())["status"] != status:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found  # type: ignore[no-any-return]


def command_for(folder: Path, port: int) -> list[str]:
    arguments = ["studio", str(folder), "--port", str(port), "--no-browser"]
    return [sys.executable, "-m", "charloom", *arguments]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def events_of(answer: httpx.Response) -> list[tuple[str, Any]]:
    """What a stream of server-sent events said."""
    found = []
    for event in answer.text.replace("\r\n", "\n").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in event.split("\n") if ": " in line)
        if "data" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found
