"""Scores: exact, complete, and beside yardsticks that are what they say."""

from __future__ import annotations

import lzma
import math
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charloom import TextError, load
from charloom.scoring import evaluate, nats_by_character, ngram_nats, xz_bits
from charloom.scoring.yardsticks import DISCOUNT, ORDER
from charloom.text import END, UNICODE_CHARACTERS
from test_writing import random_model


def one_after_another(engine, ids: np.ndarray, opening: np.ndarray) -> np.ndarray:
    """The score by its definition: one character at a time, state carried."""
    states = engine.initial_states(1)
    nats = []
    read = [*opening[:-1], *np.concatenate([opening[-1:], ids[:-1]])]
    for number, i in enumerate(read):
        logits = engine.step(np.array([i]), states)[0].astype(float)
        if number >= len(opening) - 1:
            target = ids[number - len(opening) + 1]
            nats.append(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[target])
    return np.array(nats)


@pytest.mark.parametrize("parts", [1, 2, 7, 50])
@pytest.mark.parametrize("length", [1, 50, 997])
def test_parts_read_side_by_side_score_as_one_reading(
    trained: Path, othello: Path, parts: int, length: int
) -> None:
    model = load(trained)
    ids, _ = model.data.vocabulary.encode(othello.read_text("utf-8")[-length:])
    for opening in (np.array([3]), np.array([0, 5, 2])):
        expected = one_after_another(model.engine, ids, opening)
        nats = nats_by_character(model.engine, ids, opening, parts)
        np.testing.assert_allclose(nats, expected, atol=2e-3)
        assert abs(nats.mean() - expected.mean()) < 1e-4


def test_a_network_that_never_forgets_is_still_scored_exactly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No guess at a state is right where the first character decides the rest."""
    model = random_model("abcdef")
    units = model.data.shape.units
    bias = model.data.weights["lstm_0.bias"]
    bias[units : 2 * units] = 30  # every forget gate wide open
    bias[:units] = -3
    monkeypatch.setattr(evaluate, "WARM_UP", 4)
    ids = np.random.default_rng(0).integers(6, size=600)
    opening = np.array([1])
    nats = nats_by_character(model.engine, ids, opening, 9)
    np.testing.assert_allclose(nats, one_after_another(model.engine, ids, opening), atol=1e-2)


def test_a_score_adds_up(trained: Path) -> None:
    score = load(trained).score("To be, or not to be; that’s it.")
    assert score.characters == 31
    assert score.unseen == Counter({"’": 1})
    assert score.bits_per_character == pytest.approx(score.nats_per_character / math.log(2))
    assert score.bits_per_byte == pytest.approx(score.bits_per_character * 31 / 33)
    assert score.perplexity == pytest.approx(2**score.bits_per_character)


def test_a_character_never_seen_costs_the_unknown_id_and_an_even_spread() -> None:
    model = random_model("ab")
    score = model.score("☃")
    logits = model.engine.run(np.array([[0]]), model.engine.initial_states(1))[0, 0]
    unknown = np.log(np.exp(logits).sum()) - logits[2]
    assert score.nats == pytest.approx(unknown + math.log(UNICODE_CHARACTERS - 2), rel=1e-5)


def test_bytes_are_scored_by_character_too(trained_bytes: Path) -> None:
    score = load(trained_bytes).score("été 東京")
    assert score.characters == 6
    assert score.bits_per_byte == pytest.approx(score.bits_per_character * 6 / 12)
    assert not score.unseen


def test_the_ends_of_texts_are_scored_where_they_are_known(trained_bytes: Path) -> None:
    model = load(trained_bytes)
    one, two = model.score(f"été{END}"), model.score("été")
    assert one.characters == two.characters
    assert one.nats > two.nats


def test_the_worst_passage_is_the_strange_one(trained: Path, othello: Path) -> None:
    text = othello.read_text("utf-8")[-3000:]
    strange = "zqxj vkwz qqqx jzxv kqzj"
    passages = load(trained).worst(text[:1000] + strange + text[1000:], 3)
    assert strange[5:15] in passages[0].text
    assert passages[0].bits_per_character > passages[1].bits_per_character
    starts = sorted(p.position for p in passages)
    assert all(b - a >= 60 for a, b in pairwise(starts))


def test_several_texts_are_one_to_a_model_without_ends(trained: Path, othello: Path) -> None:
    text = othello.read_text("utf-8")[:3000]
    strange = "zqxj vkwz qqqx jzxv kqzj"
    model = load(trained)
    several = END.join([text[:900], text[900:1000] + strange, text[1000:], ""])
    assert model.score(several) == model.score(several.replace(END, ""))
    assert strange[5:15] in model.worst(several, 1)[0].text

    bytes_ = random_model(None)
    assert "☃" in bytes_.worst(f"aaa{END}" * 30 + "☃" * 40 + f"{END}bbb", 1)[0].text


def test_the_worst_passages_of_bytes_are_characters(trained_bytes: Path) -> None:
    text = "naïve café\n" * 20 + "Ж☃Ж☃Ж☃" + "naïve café\n" * 20
    assert "☃" in load(trained_bytes).worst(text, 1)[0].text


def test_nothing_to_score_is_one_sentence(trained: Path) -> None:
    with pytest.raises(TextError, match="no text to score"):
        load(trained).score("")


def slow_ngram(train: list[int], test: list[int], vocabulary: int) -> float:
    """The same n-gram, written as its formula reads."""
    counts: dict[tuple, Counter] = defaultdict(Counter)
    for at, symbol in enumerate(train):
        for order in range(min(at, ORDER) + 1):
            counts[tuple(train[at - order : at])][symbol] += 1
    text, total = train[-ORDER:] + test, 0.0
    for at in range(len(text) - len(test), len(text)):
        p = 1 / vocabulary
        for order in range(min(at, ORDER) + 1):
            seen = counts.get(tuple(text[at - order : at]))
            if seen:
                n = sum(seen.values())
                p = (max(seen[text[at]] - DISCOUNT, 0) + DISCOUNT * len(seen) * p) / n
        total -= math.log(p)
    return total / len(test)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(0, 3), min_size=ORDER, max_size=80),
    st.lists(st.integers(0, 3), min_size=1, max_size=30),
)
def test_the_ngram_is_its_formula(train: list[int], test: list[int]) -> None:
    fast = ngram_nats(np.array(train), np.array(test), 4)
    assert fast == pytest.approx(slow_ngram(train, test, 4), rel=1e-9)


def test_xz_counts_what_the_test_adds() -> None:
    train, test = b"to be or not to be " * 50, b"that is the question " * 50
    bits = xz_bits(train, test)
    assert bits == 8 * (len(lzma.compress(train + test)) - len(lzma.compress(train)))
    assert 0 < bits < 8 * len(test)
