"""Adaptive scores: nothing is learned before it is scored, and they are never mixed up."""

from __future__ import annotations

import json
import math
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import run_charloom, run_here

import charloom
from charloom import AdaptiveScore, Interrupted, LanguageModel, TextError, load, score_adaptively
from charloom.memory import Evidence, Gate, Memory, build_index, features
from charloom.scoring import Recalled, recall
from charloom.text import END
from charloom.training.adaptive import PIECE, LearningGate, LearningMemory, adaptive_nats
from test_writing import random_model

KEYS = {
    "adaptive_bits_per_character",
    "adaptive_bits_per_byte",
    "adaptive_nats_per_character",
    "characters",
    "unseen_characters",
}


def model_with_memory(ids: np.ndarray) -> LanguageModel:
    """A random model of a, b, c and d that remembers some ids."""
    return LanguageModel(replace(random_model("abcd").data, memory=build_index(ids)))


def draw(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(4, size=count)


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("changed", [1, PIECE, 1091])
def test_what_comes_later_changes_nothing_before(remembers: bool, changed: int) -> None:
    """Also over the memory's rebuilding at 512 and 1,024, and where the text's length differs."""
    data = (model_with_memory(draw(700, 1)) if remembers else random_model("abcd")).data
    ids = draw(1500, 2)
    other = np.concatenate([ids[:changed], draw(200, 3)])
    nats, other_nats = adaptive_nats(data, ids), adaptive_nats(data, other)
    np.testing.assert_allclose(other_nats[:changed], nats[:changed], atol=1e-6, rtol=0)
    end = min(len(ids), len(other))
    assert np.abs(other_nats[changed:end] - nats[changed:end]).max() > 0.01


@pytest.mark.parametrize("remembers", [True, False])
def test_the_first_piece_costs_what_the_model_as_it_is_makes_it_cost(remembers: bool) -> None:
    model = model_with_memory(draw(700, 1)) if remembers else random_model("abcd")
    text = "abcdabacad" * 20
    static = model.read(text)
    nats = adaptive_nats(model.data, static.ids)
    np.testing.assert_allclose(nats[:PIECE], static.nats[:PIECE], atol=1e-4)
    assert nats[PIECE:].mean() < static.nats[PIECE:].mean() - 0.02  # after two steps or three


def test_a_name_that_the_model_never_read_is_learned(trained: Path) -> None:
    model = load(trained)
    weights = {name: array.copy() for name, array in model.data.weights.items()}
    words = ("my", "your", "his")
    text = "".join(f"QUIXOMBRA\nI am Quixombra, {word} lord.\n\n" for word in words)
    adaptive, static = score_adaptively(model, text * 8), model.score(text * 8)
    assert adaptive.adaptive_bits_per_character < 0.8 * static.bits_per_character
    assert adaptive.characters == static.characters
    for name, array in model.data.weights.items():  # the model itself learned nothing
        np.testing.assert_array_equal(array, weights[name])
    assert model.score(text * 8) == static


def test_a_new_memory_finds_its_place_in_the_text() -> None:
    """After it took in what was scored, it expects what one made of all that expects."""
    learned, ids, opening = draw(600, 1), draw(1000, 2), np.array([1, 0, 2])
    memory = LearningMemory(build_index(learned), 5, opening)
    starts = range(0, len(ids), 50)
    found = [memory.read(ids[start : start + 50]) for start in starts]
    for known, number in ((0, 3), (500, 10), (500, 15)):
        whole = Memory(build_index(np.concatenate([learned, ids[:known]])), 5)
        expected = recall(whole, ids, opening)
        part = slice(50 * number, 50 * number + 50)
        np.testing.assert_allclose(found[number].logp_TxV, expected.logp_TxV[part], atol=1e-5)
        # Right after it was built, the text's own end is no match: nothing follows it.
        np.testing.assert_allclose(found[number].facts_Tx3[1:], expected.facts_Tx3[part][1:])
        assert found[number].facts_Tx3[0, 0] < 16


def test_the_gate_learns_to_trust_what_turns_out_right() -> None:
    rng = np.random.default_rng(0)
    logp = np.log(rng.dirichlet(np.ones(5), size=(2, 4000)))
    right = np.array([rng.choice(5, p=p) for p in np.exp(logp[1])])  # as the memory has it
    facts = np.tile([3.0, 2.0, 2.0], (4000, 1))
    entropy = -(np.exp(logp) * logp).sum(axis=2)
    evidence = Recalled(logp[1], facts, entropy[1]).beside(logp[0], right)
    assert isinstance(evidence, Evidence)
    np.testing.assert_array_equal(evidence.x_TxF, features(facts, entropy[1], entropy[0]))
    gate, fixed = LearningGate(Gate()), evidence.nats(Gate())
    nats = np.concatenate([gate.read(evidence[at : at + 64]) for at in range(0, 4000, 64)])
    np.testing.assert_allclose(nats[:64], fixed[:64], atol=1e-5)
    assert nats[2000:].mean() < fixed[2000:].mean() - 0.1
    assert nats[2000:].mean() < -logp[1, np.arange(2000, 4000), right[2000:]].mean() + 0.02


def test_a_score_adds_up(trained: Path) -> None:
    text = "To be, or not to be; that’s it."
    adaptive, static = score_adaptively(load(trained), text), load(trained).score(text)
    assert adaptive.nats == pytest.approx(static.nats, rel=1e-4)  # of one piece: nothing learned
    assert adaptive.characters == 31
    assert adaptive.unseen == static.unseen
    bits = adaptive.adaptive_bits_per_character
    assert bits == pytest.approx(adaptive.adaptive_nats_per_character / math.log(2))
    assert adaptive.adaptive_bits_per_byte == pytest.approx(bits * 31 / 33)
    assert adaptive.to_dict().keys() == KEYS
    assert not {"bits_per_character", "perplexity"} & set(dir(AdaptiveScore))


def test_a_character_never_seen_costs_as_in_a_static_score() -> None:
    model = random_model("ab")
    score = score_adaptively(model, "☃")
    assert score.nats == pytest.approx(model.score("☃").nats, rel=1e-5)
    assert score.to_dict()["unseen_characters"] == 1


def test_bytes_and_several_texts_are_scored(trained_bytes: Path) -> None:
    model = load(trained_bytes)
    one, two = score_adaptively(model, f"été 東京{END}"), score_adaptively(model, "été 東京")
    assert one.characters == two.characters == 6
    assert one.bytes == two.bytes == 12
    assert one.nats > two.nats
    whole = random_model("ab")  # knows no ends: several texts are one
    assert score_adaptively(whole, f"ab{END}ba") == score_adaptively(whole, "abba")


def test_progress_is_told_and_ctrl_c_is_one_sentence() -> None:
    model, told = random_model("ab"), list[float]()
    score_adaptively(model, "ab" * PIECE, told.append)
    assert told == [0.5, 1.0]
    with pytest.raises(Interrupted, match="Scoring was stopped") as caught:
        score_adaptively(model, "ab" * PIECE, lambda _: signal.raise_signal(signal.SIGINT))
    assert caught.value.signal == signal.SIGINT
    with pytest.raises(TextError, match="no text to score"):
        score_adaptively(model, "")


def test_the_command_never_mixes_up_the_two(trained: Path, othello: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(othello.read_text("utf-8")[:300] + "☃", "utf-8")
    adaptive = json.loads(run_here("score", trained, text, "--adaptive", "--json").stdout)
    assert adaptive.keys() == KEYS
    expected = charloom.score_adaptively(load(trained), text.read_text("utf-8")).to_dict()
    assert adaptive == pytest.approx(expected, rel=1e-4)
    static = json.loads(run_charloom("score", trained, text, "--json").stdout)
    assert not any("adaptive" in key for key in static)

    lines = run_here("score", trained, text, "--adaptive").stdout.splitlines()
    assert len(lines) == 6
    assert all("adaptive" in line for line in lines)
    assert "not comparable with static" in lines[-1]
    refused = run_here("score", trained, text, "--adaptive", "--worst", 3, check=False)
    assert refused.returncode == 1
    assert "leave it out with --adaptive" in refused.stderr
