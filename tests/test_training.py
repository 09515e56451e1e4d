"""Training: real runs on small texts, stopped, killed, resumed and timed."""

from __future__ import annotations

import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import charloom
from charloom import Check, ModelError, Observer, Progress, SettingError, TextError
from charloom.language_model import LanguageModel
from charloom.model import load_model
from charloom.text import Ids
from charloom.training import choose_plan
from charloom.training.clock import Clock
from charloom.training.feed import Feed
from charloom.training.plan import Plan, fit_to_text, warm_up_and_decay
from charloom.training.streams import Streams
from conftest import run_charloom, run_here


class Recorder(Observer):
    """Remembers all that it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.checks: list[Check] = []
        self.samples: list[str] = []
        self.steps = 0
        self.closed = False
        self.began = self.ended = 0.0

    def note(self, message: str) -> None:
        self.notes.append(message)
        if "yardsticks" in message:
            self.ended = time.monotonic()

    def start(self, network: object, progress: Progress) -> None:
        self.began = time.monotonic()

    def step(self, progress: Progress) -> None:
        self.steps += 1

    def check(self, check: Check, sample: str) -> None:
        self.checks.append(check)
        self.samples.append(sample)

    def close(self) -> None:
        self.closed = True


def test_a_run_learns_and_keeps_all_that_it_names(trained: Path) -> None:
    assert {p.name for p in trained.iterdir()} == {
        "model.safetensors",
        "README.md",
        "history.csv",
        "curve.png",
        "training",
    }
    scores = charloom.load(trained).scores
    assert scores["validation_characters"] == 4000
    assert 2.0 < scores["validation_bits_per_character"] < 4.2
    assert scores["epochs"] == pytest.approx(2, abs=0.05)
    assert 2 < scores["ngram_bits_per_character"] < 4
    assert 2 < scores["xz_bits_per_character"] < 5
    assert (trained / "curve.png").read_bytes().startswith(b"\x89PNG")
    rows = (trained / "history.csv").read_text().splitlines()
    assert rows[0].startswith("step,epoch,seconds,training_bits")
    first, last = rows[1].split(","), rows[-1].split(",")
    assert float(last[4]) < float(first[4])
    card = (trained / "README.md").read_text("utf-8")
    assert load_model(trained).text["sha256"] in card


def test_the_score_of_training_is_the_score_of_scoring(trained: Path, othello: Path) -> None:
    # Without the memory, which by now holds the validation part too.
    data = load_model(trained)
    again = LanguageModel(replace(data, memory=None)).score(othello.read_text("utf-8")[-4000:])
    assert again.bits_per_character == pytest.approx(
        data.scores["network_bits_per_character"], abs=1e-6
    )


def test_validation_is_never_seen(othello: Path, tmp_path: Path) -> None:
    """Another validation part changes the scores on it, and nothing of what is learned."""
    text = othello.read_text("utf-8")[:8000]
    recorders = Recorder(), Recorder()
    for number, tail in enumerate((text[7200:], text[7200:][::-1])):
        path = tmp_path / f"{number}.txt"
        path.write_text(text[:7200] + tail, "utf-8")
        charloom.train(
            path, tmp_path / f"m{number}", units=16, epochs=2, observer=recorders[number]
        )
    one, other = ([c.training_bits for c in r.checks] for r in recorders)
    assert one == other
    assert len(one) > 10
    seen, reversed_ = ([c.validation_bits for c in r.checks] for r in recorders)
    assert seen != reversed_


def test_the_deadline_is_kept(othello: Path, tmp_path: Path) -> None:
    recorder, minutes = Recorder(), 0.1
    charloom.train(othello, tmp_path / "m", minutes=minutes, units=64, observer=recorder)
    seconds = recorder.ended - recorder.began
    assert seconds <= 60 * minutes * 1.05
    wound_down = any("winding down" in note for note in recorder.notes)
    assert wound_down or seconds >= 60 * minutes * 0.95
    assert len(recorder.checks) >= 2
    assert recorder.steps > 20
    assert recorder.closed
    assert all(recorder.samples)


def test_training_ends_early_where_validation_stops_improving(tmp_path: Path) -> None:
    """Random letters: there is nothing to learn after their frequencies."""
    path = tmp_path / "noise.txt"
    path.write_text("".join(random.Random(0).choices("abcdefgh", k=3000)))
    recorder = Recorder()
    model = charloom.train(path, tmp_path / "m", minutes=1, units=32, observer=recorder)
    assert model.scores["seconds"] < 50
    assert any("winding down" in note for note in recorder.notes)
    falling = [check.learning_rate for check in recorder.checks[-4:]]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > falling[1] > 0
    assert model.scores["validation_bits_per_character"] == pytest.approx(3, abs=0.3)


def test_several_texts_teach_where_a_text_ends(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\n".join(random.Random(1).choices(["anna", "otto", "hannah"], k=400)))
    model = charloom.train(
        path, tmp_path / "m", lines=True, units=32, epochs=12, learning_rate=0.01
    )
    written = model.write(count=30, length=50, seed=1)
    assert sum(text in ("anna", "otto", "hannah") for text in written) > 20
    assert (
        model.score("anna\udfff").bits_per_character < model.score("nnaa\udfff").bits_per_character
    )


@pytest.mark.parametrize("text", ["ab", "aab", "Hello, world.", "x" * 500 + "y" * 300])
def test_the_smallest_texts_train(tmp_path: Path, text: str) -> None:
    path = tmp_path / "small.txt"
    path.write_text(text)
    recorder = Recorder()
    model = charloom.train(path, tmp_path / "m", minutes=0.05, observer=recorder)
    assert model.scores["validation_bits_per_character"] is None
    assert any("no honest score" in note for note in recorder.notes)
    assert set(model.write(length=20)) <= set(text)
    assert json.loads(json.dumps(model.scores)) == model.scores


@pytest.mark.parametrize("text", ["a", "aaaa", "\n"])
def test_a_text_with_nothing_to_learn_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "small.txt"
    path.write_text(text)
    with pytest.raises(TextError, match="fewer than two different"):
        charloom.train(path, tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"minutes": 0},
        {"minutes": float("inf")},
        {"validation": 0.95},
        {"units": 0},
        {"batch": -1},
        {"dropout": 1.0},
        {"learning_rate": 0.0},
        {"epochs": 0},
        {"seed": -1},
        {"vocabulary": "words"},
        {"encoding": "klingon"},
        {"lines": True, "field": "text"},
    ],
)
def test_settings_out_of_range_are_one_sentence(
    othello: Path, tmp_path: Path, settings: dict
) -> None:
    with pytest.raises(SettingError):
        charloom.train(othello, tmp_path / "m", **settings)
    assert not (tmp_path / "m").exists()


def test_an_existing_model_is_not_lost(trained: Path, othello: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(trained, tmp_path / "m"))
    before = (copy / "model.safetensors").read_bytes()
    with pytest.raises(ModelError, match="--overwrite"):
        charloom.train(othello, copy, epochs=1, units=8)
    assert (copy / "model.safetensors").read_bytes() == before
    charloom.train(othello, copy, epochs=1, units=8, overwrite=True)
    assert load_model(copy).shape.units == 8
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("years of work")
    with pytest.raises(ModelError, match=r"thesis\.tex"):
        charloom.train(othello, tmp_path / "other", overwrite=True)


def test_a_folder_that_looks_like_a_model_is_not_touched(othello: Path, tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    text = tmp_path / "training" / "text.txt"
    text.write_text("aaaa")
    (tmp_path / "README.md").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(ModelError, match="other things in it"):
            charloom.train(text, tmp_path, overwrite=overwrite)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert text.exists()


def test_a_run_on_standard_input_can_be_resumed(othello: Path, tmp_path: Path) -> None:
    options = ["-", "-o", str(tmp_path / "m"), "--minutes", "0.08", "--units", "16"]
    text = othello.open("rb")
    process = subprocess.Popen(
        [sys.executable, "-m", "charloom", "train", *options],
        stdin=text,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "bits per character" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    text.close()
    charloom.resume(tmp_path / "m")
    assert charloom.load(tmp_path / "m").scores["stopped_early"] is False


def test_a_held_out_part_without_characters_is_none(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("abcd\nefgh\n" * 125)
    model = charloom.train(path, tmp_path / "m", lines=True, validation=0.0005, epochs=1, units=8)
    assert model.scores["validation_bits_per_character"] is None


def test_a_finished_run_is_not_gone_on_with(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="complete"):
        charloom.resume(trained)
    with pytest.raises(ModelError, match="no training to go on with"):
        charloom.resume(tmp_path)


def start(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "charloom", "train", *map(str, arguments)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, process: subprocess.Popen[str], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def test_a_killed_run_resumes_to_exactly_the_same_weights(othello: Path, tmp_path: Path) -> None:
    options = (othello, "--epochs", 3, "--units", 48, "--seed", 5, "--dropout", 0.3, "--layers", 2)
    # Each in a process of its own: how the last bit is rounded depends on where arrays lie.
    run_charloom("train", *options, "-o", tmp_path / "whole")
    killed = tmp_path / "killed"
    environment = "import charloom.training.checkpoint as c; c.SAVE_EVERY = 0.2;"
    code = f"{environment} from charloom.cli import main; main()"
    arguments = [sys.executable, "-c", code, "train", *map(str, options), "-o", str(killed)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for((killed / "training" / "checkpoint.safetensors").exists, process)
    time.sleep(random.uniform(0, 0.5))
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (killed / "model.safetensors").exists()
    run_charloom("train", "--resume", killed)
    whole, resumed = (
        load_file(tmp_path / "whole/model.safetensors"),
        load_file(killed / "model.safetensors"),
    )
    assert whole.keys() == resumed.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(resumed[name], array)
    # And every figure on the way, but for the seconds.
    one, other = (
        [
            row.split(",")[:2] + row.split(",")[3:]
            for row in (m / "history.csv").read_text().splitlines()
        ]
        for m in (tmp_path / "whole", killed)
    )
    assert one == other


def test_a_stopped_run_keeps_everything_and_goes_on(othello: Path, tmp_path: Path) -> None:
    process = start(othello, "-o", "m", "--minutes", 0.1, "--units", 32, cwd=tmp_path)
    lines = []
    assert process.stderr is not None
    while "bits per character" not in "".join(lines):
        lines.append(process.stderr.readline())
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "go on with: charloom train --resume m" in rest
    assert "Traceback" not in rest
    spent = json.loads(run_charloom("info", tmp_path / "m", "--json").stdout)["scores"]["seconds"]
    assert 0 < spent < 6
    result = run_here("train", "--resume", tmp_path / "m", "--json")
    scores = json.loads(result.stdout)
    assert spent < scores["seconds"] <= 6 * 1.05


def test_two_runs_cannot_train_the_same_model(othello: Path, tmp_path: Path) -> None:
    process = start(othello, "-o", tmp_path / "m", "--minutes", 1, "--units", 16, cwd=tmp_path)
    try:
        wait_for((tmp_path / "m" / "training" / "lock").exists, process)
        time.sleep(1)
        result = run_charloom("train", othello, "-o", tmp_path / "m", "--overwrite", check=False)
        assert result.returncode == 1
        assert "being trained by another run" in result.stderr
    finally:
        process.kill()
        process.communicate()


def test_a_full_disk_is_one_sentence_and_loses_nothing(
    trained: Path, othello: Path, tmp_path: Path
) -> None:
    """A limit on the size of files stands in for a full disk."""
    charloom.train(othello, tmp_path / "m", epochs=1, units=8)
    before = (tmp_path / "m/model.safetensors").read_bytes()
    result = run_limited(400_000, othello, "-o", tmp_path / "m", "--units", 300, "--overwrite")
    assert "The disk is full" in result.stderr
    assert (tmp_path / "m/model.safetensors").read_bytes() == before
    assert not list((tmp_path / "m").glob(".*"))


def test_a_disk_that_fills_up_later_leaves_the_last_checkpoint(
    othello: Path, tmp_path: Path
) -> None:
    """The first checkpoint is written before there are best weights, and so is smaller."""
    arguments = (othello, "-o", tmp_path / "m", "--units", 64, "--dropout", 0)
    whole = run_limited(10**9, *arguments)
    assert whole.returncode == 0
    (tmp_path / "m/model.safetensors").rename(tmp_path / "whole.safetensors")
    shutil.rmtree(tmp_path / "m")
    result = run_limited(560_000, *arguments)
    assert "The disk is full" in result.stderr
    run_charloom("train", "--resume", tmp_path / "m")
    one, other = (
        load_file(p) for p in (tmp_path / "whole.safetensors", tmp_path / "m/model.safetensors")
    )
    for name, array in one.items():
        np.testing.assert_array_equal(other[name], array)


def run_limited(size: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Train with checkpoints after every step, and no file larger than `size` bytes."""
    code = (
        "import charloom.training.checkpoint as c; c.SAVE_EVERY = 0.0;"
        "from charloom.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "train", *map(str, arguments), "--epochs", "1"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    assert "Traceback" not in result.stderr
    return result


def test_a_folder_that_may_not_be_written_is_one_sentence(othello: Path, tmp_path: Path) -> None:
    # A file in the way, and the kernel's own tree, are refused to everyone, root included.
    (tmp_path / "file").write_text("")
    for folder, words in ((tmp_path / "file", "could not be written"), ("/sys", "may not be")):
        result = run_charloom("train", othello, "-o", Path(folder) / "m", check=False)
        assert result.returncode == 1
        assert words in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_a_changed_text_is_not_gone_on_with(othello: Path, tmp_path: Path) -> None:
    text = Path(shutil.copy(othello, tmp_path / "text.txt"))
    process = start(text, "-o", "m", "--minutes", 1, "--units", 16, cwd=tmp_path)
    assert process.stderr is not None
    while "bits per character" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    text.write_text("something else entirely, " * 100)
    with pytest.raises(TextError, match="has changed"):
        charloom.resume(tmp_path / "m")


def test_tensorboard_gets_keras_own_files(othello: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    charloom.train(othello, tmp_path / "m", epochs=1, units=16)
    run_here(
        *("train", othello, "-o", tmp_path / "m", "--epochs", 1, "--units", 16, "--overwrite"),
        *("--tensorboard", tmp_path / "board"),
    )
    events = EventAccumulator(str(tmp_path / "board" / "validation"))
    events.Reload()
    values = [e.value for e in events.Scalars("epoch_bits_per_character")]
    assert len(values) > 3
    assert values[-1] < values[0]


def test_streams_read_every_character_once_an_epoch() -> None:
    ids = Ids(np.arange(103) % 256, np.arange(256))
    streams = Streams(ids, batch=4, steps=6, seed=1)
    seen: list[int] = []
    previous = None
    for step in range(streams.steps_per_epoch):
        x, y = streams.read(2, step)
        assert (y == (x + 1) % 103).all()
        if previous is not None:
            assert (x[:, 0] == previous).all()  # goes on where the step before ended
        previous = y[:, -1]
        seen += x.flatten().tolist()
    assert len(seen) == len(set(seen)) == 100
    assert streams.read(2, 0)[0][0, 0] != streams.read(3, 0)[0][0, 0]


@pytest.mark.parametrize("characters", [2, 10, 1000, 20_000, 10**6, 10**9])
@pytest.mark.parametrize("minutes", [0.01, 2, 600])
def test_a_plan_fits_every_text(characters: int, minutes: float) -> None:
    plan = fit_to_text(choose_plan(characters, minutes), characters)
    assert 1 <= plan.batch * plan.steps <= max(1, characters // 2)
    ids = Ids(np.zeros(min(characters, 10**6), np.uint8), np.zeros(1, np.int64))
    streams = Streams(ids, plan.batch, plan.steps, 0)
    assert streams.read(0, 0)[0].shape == (plan.batch, plan.steps)


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    shares = [warm_up_and_decay(t / 1000) for t in range(1001)]
    assert shares[0] == 0 == shares[-1]
    top = shares.index(max(shares))
    assert shares[:top] == sorted(shares[:top])
    assert shares[top:] == sorted(shares[top:], reverse=True)
    assert max(shares) > 0.95


def test_a_run_against_the_clock_is_over_in_time() -> None:
    clock = Clock(minutes=1, steps=None, step_size=10, validation=100_000)
    clock.scored(10_000, 1.0)
    assert clock.final_characters() == int(10_000 * 60 * 0.08)
    progress = Progress()
    clock.start(progress)
    clock.began -= 56
    clock.tick(progress)
    assert progress.fraction == 1.0


def test_a_plan_says_what_is_wrong() -> None:
    with pytest.raises(SettingError, match="steps"):
        Plan(8, 1, 1, 0, 0.0, 1e-3)


def test_another_backend_is_one_sentence(othello: Path, tmp_path: Path) -> None:
    result = run_charloom(
        *("train", othello, "-o", tmp_path / "m"), check=False, KERAS_BACKEND="numpy"
    )
    assert result.returncode == 1
    assert "unset it" in result.stderr
    assert not (tmp_path / "m").exists()


def test_a_text_that_lies_where_it_is_learned_is_read_as_from_the_disk() -> None:
    """As on a GPU that holds all of it; here the processor stands in for one."""
    for symbols in (200, 700):
        table = np.random.default_rng(0).permutation(symbols)
        ids = Ids(np.random.default_rng(1).integers(symbols, size=5000), table)
        streams = Streams(ids, batch=6, steps=50, seed=2)
        sent, resident = (Feed(streams, torch.device("cpu")) for _ in range(2))
        resident.keep()
        for epoch, step in ((0, 0), (1, 3), (1, streams.steps_per_epoch - 1)):
            for one, other in zip(sent.read(epoch, step), resident.read(epoch, step), strict=True):
                assert torch.equal(one, other)
                assert one.dtype == other.dtype == torch.int64
