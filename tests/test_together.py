"""Several processes that train one network, started by the real torchrun."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import charloom
from studio_process import free_port

SETTINGS = ("--units", 32, "--dropout", 0, "--steps", 32, "--seed", 3, "--no-memory")


def torchrun(
    *arguments: object,
    restarts: int = 0,
    code: str | None = None,
    where: tuple[str, ...] = ("--standalone", "--nproc-per-node", "2"),
) -> subprocess.Popen[str]:
    """`torchrun --nproc-per-node 2 -m charloom ARGUMENTS`."""
    program = ["-m", "charloom"] if code is None else [code]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", *where),
        *("--max-restarts", str(restarts)),
        *program,
        *map(str, arguments),
    ]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_two_processes_learn_what_one_learns_with_twice_the_batch(
    othello: Path, tmp_path: Path
) -> None:
    options = (othello, *SETTINGS, "--epochs", 1, "--json")
    process = torchrun("train", *options, "-o", tmp_path / "two", "--batch", 8)
    out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    two = json.loads(out)  # one object: one process speaks
    one = charloom.train(
        othello,
        tmp_path / "one",
        batch=16,
        steps=32,
        units=32,
        dropout=0.0,
        seed=3,
        memory=False,
        epochs=1,
    )
    history = [
        [line.split(",") for line in (tmp_path / name / "history.csv").read_text().splitlines()]
        for name in ("one", "two")
    ]
    steps = [int(row[0]) for row in history[0][1:]]
    assert steps == [int(row[0]) for row in history[1][1:]]
    assert max(steps) > 50
    # Bits per character of training and of validation.
    bits = [[[float(x) for x in row[3:5]] for row in rows[1:]] for rows in history]
    np.testing.assert_allclose(bits[0], bits[1], atol=1.5e-4)
    assert two["validation_bits_per_character"] == pytest.approx(
        one.scores["validation_bits_per_character"], abs=1e-4
    )


def test_two_machines_meet_by_torchruns_own_rendezvous(othello: Path, tmp_path: Path) -> None:
    """Two agents of torchrun, here on one machine, each with a process of its own."""
    where = (
        *("--nnodes", "2", "--nproc-per-node", "1", "--rdzv-backend", "c10d"),
        *("--rdzv-id", "charloom", "--rdzv-endpoint", f"127.0.0.1:{free_port()}"),
    )
    options = ("train", othello, "-o", tmp_path / "m", *SETTINGS, "--epochs", 1)
    agents = [torchrun(*options, where=where) for _ in range(2)]
    told = "".join(agent.communicate(timeout=200)[1] for agent in agents)
    assert [agent.returncode for agent in agents] == [0, 0], told
    assert told.count("2 processes train together.") == 1
    assert charloom.load(tmp_path / "m").scores["epochs"] == pytest.approx(1, abs=0.05)


WITH_CHECKPOINTS = """
import charloom.training.checkpoint as c
c.SAVE_EVERY = 0.2
from charloom.cli import main
main()
"""


def test_a_killed_process_ends_the_run_and_torchrun_begins_it_where_it_was(
    othello: Path, tmp_path: Path
) -> None:
    script = tmp_path / "train.py"
    script.write_text(WITH_CHECKPOINTS)
    arguments = ("train", othello, "-o", tmp_path / "m", *SETTINGS, "--epochs", 8)
    process = torchrun(*arguments, restarts=1, code=str(script))
    checkpoint = tmp_path / "m" / "training" / "checkpoint.safetensors"
    end = time.monotonic() + 90
    while not checkpoint.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.05)
    second = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if child.environ().get("RANK") == "1"
    ]
    second[0].send_signal(signal.SIGKILL)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert "Another process of this run has ended" in errors
    done = re.findall(r"Going on from the last checkpoint: ([\d,]+) steps", errors)
    assert len(done) == 1
    assert int(done[0].replace(",", "")) > 0
    model = charloom.load(tmp_path / "m")
    assert model.scores["epochs"] > 7.9
    assert not model.scores["stopped_early"]


def test_a_stopped_run_keeps_everything(othello: Path, tmp_path: Path) -> None:
    process = torchrun("train", othello, "-o", tmp_path / "m", *SETTINGS, "--minutes", 5)
    assert process.stderr is not None
    lines = []
    while "bits per character" not in "".join(lines):
        line = process.stderr.readline()
        assert line, "".join(lines)
        lines.append(line)
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=100)
    assert process.returncode != 0
    assert "go on with: charloom train --resume" in rest
    assert charloom.load(tmp_path / "m").scores["stopped_early"]


def test_tuning_is_for_one_process(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(charloom.sample("othello-monologue"))
    process = torchrun("train", text, "-o", tmp_path / "m", "--minutes", 0.1)
    _, errors = process.communicate(timeout=100)
    assert process.returncode != 0
    assert "--from nothing" in errors
