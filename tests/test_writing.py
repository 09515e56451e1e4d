"""Writing: the engine, the samplers, and what ends a text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from charloom import LanguageModel, SettingError, load
from charloom.model import ModelData, NetworkShape
from charloom.text import build_vocabulary
from charloom.writing import Engine, Sampling, draw, probabilities
from charloom.writing.utf8 import ALLOWED, NEXT, WHOLE, state_after


def random_model(symbols: str | None, has_end: bool = False, units: int = 16) -> LanguageModel:
    """A model with random weights: it writes anything that it may."""
    kind = "bytes" if symbols is None else "characters"
    counts = {ord(c): 1 for c in symbols or ""}
    vocabulary = build_vocabulary(counts, kind, has_end).vocabulary
    shape = NetworkShape(vocabulary.size, units)
    rng = np.random.default_rng(5)
    weights = {
        n: rng.normal(0, 0.5, s).astype(np.float32) for n, s in sorted(shape.tensors().items())
    }
    return LanguageModel(ModelData(shape, vocabulary, weights, (0,)))


LOGITS = arrays(np.float32, (3, 12), elements=st.floats(-50, 50, width=32))
EVERYTHING = np.ones((1, 12), bool)


def likely(logits: np.ndarray, allowed: np.ndarray = EVERYTHING, **settings: float) -> np.ndarray:
    return probabilities(logits, Sampling(**settings), allowed)


@given(LOGITS, st.floats(0.05, 5))
def test_every_distribution_sums_to_one_and_obeys_what_is_allowed(
    logits: np.ndarray, temperature: float
) -> None:
    allowed = np.arange(12)[None] % 2 == 0
    p = likely(logits, allowed, temperature=temperature, top_k=4, top_p=0.9, min_p=0.01)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p[:, 1::2] == 0).all()
    assert (p >= 0).all()


@given(LOGITS)
def test_temperature_one_is_the_softmax(logits: np.ndarray) -> None:
    exact = np.exp(logits.astype(float) - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        likely(logits, temperature=1.0), exact / exact.sum(axis=1, keepdims=True), atol=1e-12
    )


@given(LOGITS, st.integers(1, 12))
def test_top_k_keeps_the_k_likeliest(logits: np.ndarray, k: int) -> None:
    p = likely(logits, top_k=k)
    for row, values in zip(p, logits, strict=True):
        assert (row > row[row > 0].min()).sum() < k
        assert values[row > 0].min() >= values[row == 0].max(initial=-np.inf) - 1e-5


@given(LOGITS, st.floats(0.01, 0.99))
def test_top_p_keeps_the_smallest_set_that_reaches_p(logits: np.ndarray, top_p: float) -> None:
    full = likely(logits, temperature=1.0)
    cut = likely(logits, temperature=1.0, top_p=top_p)
    for whole, kept in zip(full, cut, strict=True):
        assert whole[kept > 0].sum() >= top_p - 1e-9
        assert whole[kept > 0].sum() - whole[kept > 0].min() < top_p + 1e-9


@given(LOGITS, st.floats(0.01, 1))
def test_min_p_leaves_out_what_is_unlikely_beside_the_likeliest(
    logits: np.ndarray, min_p: float
) -> None:
    full = likely(logits, temperature=1.0)
    kept = likely(logits, temperature=1.0, min_p=min_p) > 0
    bound = min_p * full.max(axis=1, keepdims=True)
    assert (full[kept] >= np.broadcast_to(bound, full.shape)[kept] * (1 - 1e-12)).all()
    assert kept.any(axis=1).all()


@given(LOGITS)
def test_greedy_and_temperature_zero_take_the_likeliest(logits: np.ndarray) -> None:
    for p in (likely(logits, greedy=True), likely(logits, temperature=0.0)):
        assert (p.argmax(axis=1) == logits.argmax(axis=1)).all()
        assert (p.max(axis=1) == 1).all()


def test_a_repetition_penalty_makes_recent_characters_less_likely() -> None:
    logits = np.zeros((1, 12), np.float32)
    recent = np.array([[-1, 3, 3]])
    p = probabilities(logits, Sampling(repetition_penalty=2.0), EVERYTHING, recent)[0]
    assert p[3] < p[4] == p[0]


@given(arrays(float, (4, 9), elements=st.floats(0.0, 1.0)), st.floats(0, 1, exclude_max=True))
def test_a_draw_never_takes_what_has_no_probability(weights: np.ndarray, u: float) -> None:
    weights[:, 4] += 0.1
    p = weights / weights.sum(axis=1, keepdims=True)
    chosen = draw(p, np.full(4, u))
    assert (p[np.arange(4), chosen] > 0).all()


def test_draws_follow_the_distribution() -> None:
    p = np.array([[0.5, 0.2, 0.0, 0.3]])
    u = np.random.default_rng(0).random(20_000)
    counts = np.bincount(draw(np.repeat(p, len(u), 0), u), minlength=4) / len(u)
    np.testing.assert_allclose(counts, p[0], atol=0.02)


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"top_k": 0},
        {"top_p": 1.5},
        {"min_p": -0.1},
        {"repetition_penalty": 0.5},
        {"length": -1},
        {"count": 0},
        {"seed": -1},
        {"stop": [""]},
    ],
)
def test_settings_out_of_range_are_one_sentence(settings: dict) -> None:
    with pytest.raises(SettingError, match=r"must be|cannot be"):
        random_model("abc").write(**settings)


def test_reading_many_at_once_is_reading_one_after_another() -> None:
    model = random_model("abcdef")
    ids = np.random.default_rng(1).integers(6, size=(3, 20))
    many = model.engine.run(ids, model.engine.initial_states(3))
    for row in range(3):
        states = model.engine.initial_states(1)
        for t in range(20):
            logits = model.engine.step(ids[row : row + 1, t], states)
            np.testing.assert_allclose(logits[0], many[row, t], atol=1e-5)


def test_a_seed_fixes_the_text_and_each_of_several() -> None:
    model = random_model("abcdefgh")
    alone = model.write("ab", seed=7, length=200)
    assert model.write("ab", seed=7, length=200) == alone
    assert model.write("ab", seed=8, length=200) != alone
    several = model.write("ab", seed=7, length=200, count=5)
    assert several[0] == alone
    assert len(set(several)) == 5
    assert model.write("ab", seed=7, length=200, count=3) == several[:3]


def test_the_same_seed_writes_the_same_on_other_processors(trained: Path) -> None:
    """OpenBLAS is told to use the kernels of an older processor, in its own order of sums."""
    code = (
        "import sys, charloom;"
        "sys.stdout.write(charloom.load(sys.argv[1]).write('The', seed=3, length=1500))"
    )
    texts = set()
    for core in ("Haswell", "Nehalem", "Prescott"):
        environment = {**os.environ, "OPENBLAS_CORETYPE": core, "PYTHONIOENCODING": "utf-8"}
        result = subprocess.run(
            [sys.executable, "-c", code, str(trained)], capture_output=True, env=environment
        )
        assert result.returncode == 0, result.stderr
        texts.add(result.stdout)
    assert len(texts) == 1


def test_length_counts_characters() -> None:
    assert len(random_model("abc").write(length=33)) == 33
    assert random_model("abc").write(length=0) == ""
    assert [len(t) for t in random_model("abc").write(length=9, count=4)] == [9] * 4


@given(st.integers(0, 10**6))
def test_writing_ends_before_a_text_to_stop_at(seed: int) -> None:
    model = random_model("abc")
    free = model.write(length=60, seed=seed)
    stops = ["aba", "cc", "bacb"]
    places = [free.find(stop) for stop in stops if stop in free]
    stopped = model.write(length=60, seed=seed, stop=stops)
    # The first to be complete ends it, which is not always the first to begin.
    ends = [free.find(stop) + len(stop) for stop in stops if stop in free]
    expected = free
    if places:
        first = min(ends)
        stop = next(s for s in stops if free[:first].endswith(s))
        expected = free[: first - len(stop)]
    assert stopped == expected
    assert "".join(model.stream(length=60, seed=seed, stop=stops)) == expected


def test_a_text_ends_where_the_model_ends_it() -> None:
    model = random_model("ab", has_end=True)
    model.data.weights["dense.bias"][model.data.vocabulary.end] = -3
    texts = model.write(length=1000, count=20, seed=1)
    assert all(len(text) < 1000 for text in texts)
    assert len({len(text) for text in texts}) > 5


def test_the_unknown_character_is_never_written() -> None:
    model = random_model("ab")
    model.data.weights["dense.bias"][model.data.vocabulary.unknown] = 100
    assert set(model.write(length=300, seed=0)) == {"a", "b"}


def test_a_model_of_bytes_always_writes_whole_characters() -> None:
    model = random_model(None, has_end=False, units=8)
    for piece in model.stream(length=500, temperature=3.0, seed=2):
        assert "\ufffd" not in piece
        piece.encode("utf-8")
    assert len(model.write(length=77, temperature=5.0, seed=3)) == 77


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_utf8_table_allows_all_that_is_utf8(text: str) -> None:
    state = WHOLE
    for byte in text.encode("utf-8"):
        assert ALLOWED[state, byte]
        state = NEXT[state, byte]
    assert state == WHOLE == state_after(text.encode("utf-8"))


@given(st.binary(max_size=8))
def test_the_utf8_table_allows_nothing_else(data: bytes) -> None:
    state: int = WHOLE
    for byte in data:
        state = int(NEXT[state, byte]) if state >= 0 else -1
    try:
        data.decode("utf-8")
        valid = True
    except UnicodeDecodeError:
        valid = False
    assert (state == WHOLE) == valid


def test_any_prompt_can_be_gone_on_from(trained: Path, trained_bytes: Path) -> None:
    for path in (trained, trained_bytes):
        for prompt in ("", "東京 ☃ \0\t", "x" * 9000, "Näïve ’quotes’"):
            assert len(load(path).write(prompt, length=5, stop=[])) <= 5


def test_greedy_writing_is_the_networks_argmax(trained: Path) -> None:
    model = load(trained)
    text = "To be"
    for expected in model.write(text, greedy=True, length=20):
        ids = np.concatenate([model.data.opening, model.data.vocabulary.encode(text)[0]])
        logits = model.engine.run(ids[None], model.engine.initial_states(1))[0, -1]
        assert model.characters[int(logits[:-1].argmax())] == expected
        text += expected


def test_suggestions_are_the_likeliest_pieces(trained: Path, trained_bytes: Path) -> None:
    model = load(trained)
    suggestions = model.suggest("And th", 5)
    ids = np.concatenate([model.data.opening, model.data.vocabulary.encode("And th")[0]])
    logits = model.engine.run(ids[None], model.engine.initial_states(1))[0, -1]
    likeliest = [model.characters[i] for i in np.argsort(-logits) if i < len(model.characters)]
    assert [s.text[0] for s in suggestions] == likeliest[:5]
    assert len({s.text[0] for s in suggestions}) == 5
    assert all(0 < s.probability <= 1 for s in suggestions)
    for suggestion in load(trained_bytes).suggest("na", 4):
        assert "\ufffd" not in suggestion.text


def test_writing_imports_neither_keras_nor_torch(trained: Path) -> None:
    code = (
        "import sys, charloom; m = charloom.load(sys.argv[1]); m.write(length=20);"
        "m.score('text'); m.suggest('a');"
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'keras', 'torch', 'jax'}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(trained)], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_the_engine_reads_a_long_prompt_with_its_state_carried(trained: Path) -> None:
    data = load(trained).data
    engine = Engine(data.shape, data.weights)
    ids = np.arange(40) % data.vocabulary.size
    states = engine.initial_states(1)
    engine.feed(ids, states)
    again = engine.initial_states(1)
    engine.run(ids[None], again)
    np.testing.assert_allclose(states[0][1], again[0][1], atol=1e-5)
