"""The memory of a text: its counts, its matches, the gate, and the file it lies in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import run_here

import charloom
from charloom.memory import ORDERS, Evidence, Gate, Index, Memory, build_index, fitted_across
from charloom.memory.gate import FEATURES
from charloom.memory.index import MOST_MATCHED
from charloom.model import load_model, save_model

VOCABULARY = 4
texts = st.lists(st.integers(0, VOCABULARY - 1), min_size=2, max_size=120)


def read(memory: Memory, ids: list[int]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """After each id: probabilities, facts, and the place and length of the match."""
    state = memory.initial_state(1)
    found = []
    for number in ids:
        memory.advance(np.array([number]), state)
        p_BxV, facts_Bx3 = memory.predict(state)
        found.append((p_BxV[0], facts_Bx3[0], state[1][0].copy()))
    return found


def occurrences(text: bytes, context: bytes) -> list[int]:
    """The places that follow `context` in `text` and hold an id."""
    width = len(context)
    return [i + width for i in range(len(text) - width) if text[i : i + width] == context]


@settings(max_examples=60, deadline=None)
@given(texts, texts)
def test_contexts_and_matches_are_those_of_a_plain_search(
    learned: list[int], ids: list[int]
) -> None:
    text, read_so_far = bytes(learned), b""
    memory = Memory(build_index(np.array(learned)), VOCABULARY)
    for number, (p_V, facts_3, match_2) in zip(ids, read(memory, ids), strict=True):
        read_so_far += bytes([number])
        assert p_V.sum() == pytest.approx(1.0)
        assert (p_V > 0).all()
        contexts = [read_so_far[len(read_so_far) - k :] for k in range(len(read_so_far) + 1)]
        several = [c for c in contexts[: ORDERS + 1] if not c or text.find(c) != text.rfind(c)]
        places = occurrences(text, several[-1])
        assert facts_3[1] == len(places)
        assert facts_3[2] == len({text[place] for place in places})
        matches = [c for c in contexts if c in text]
        unique = [c for c in matches if text.find(c) == text.rfind(c) and occurrences(text, c)]
        place, length = match_2
        if place >= 0:
            assert length == min(len(matches[-1]), MOST_MATCHED)
            assert text[place - length : place] == matches[-1][-length:]
        if unique and len(unique[-1]) == len(matches[-1]) and len(matches[-1]) <= ORDERS:
            assert place >= 0


def test_what_always_followed_is_expected() -> None:
    ids = np.tile([0, 1, 2, 1], 40)
    memory = Memory(build_index(ids), VOCABULARY)
    for number, (p_V, *_) in list(enumerate(read(memory, ids[:60].tolist())))[8:-1]:
        assert p_V.argmax() == ids[number + 1]
        assert p_V.max() > 0.9


def test_several_texts_at_once_are_read_as_each_alone() -> None:
    draw = np.random.default_rng(0)
    memory = Memory(build_index(draw.integers(0, VOCABULARY, 300)), VOCABULARY)
    ids_BxT = draw.integers(0, VOCABULARY, (5, 40))
    together = memory.initial_state(5)
    for t in range(40):
        memory.advance(ids_BxT[:, t], together)
    p_BxV, facts_Bx3 = memory.predict(together)
    for row, ids_T in enumerate(ids_BxT):
        p_V, facts_3, _ = read(memory, ids_T.tolist())[-1]
        np.testing.assert_allclose(p_BxV[row], p_V)
        np.testing.assert_array_equal(facts_Bx3[row], facts_3)


def test_an_index_comes_back_and_a_wrong_one_does_not() -> None:
    index = build_index(np.random.default_rng(1).integers(0, 50, 500))
    again = Index.from_tensors(index.tensors(), 50)
    np.testing.assert_array_equal(again.suffixes, index.suffixes)
    for name, wrong in (
        ("memory.ids", index.ids + 50),
        ("memory.suffixes", np.zeros_like(index.suffixes)),
        ("memory.suffixes", index.suffixes + 1),
        ("memory.common", index.common + 1),
    ):
        with pytest.raises(charloom.ModelError):
            Index.from_tensors({**index.tensors(), name: wrong}, 50)


def test_a_gate_learns_whom_to_trust() -> None:
    draw = np.random.default_rng(2)
    x_TxF = draw.normal(size=(4000, FEATURES))
    x_TxF[:, 0] = 1.0
    ids_T = draw.integers(0, 2, 4000)
    right_TxV = np.where(np.arange(2) == ids_T[:, None], 0.9, 0.1)
    trusted_Tx1 = x_TxF[:, 3:4] > 0
    memory_TxV = np.log(np.where(trusted_Tx1, right_TxV, 0.5)).astype(np.float32)
    network_TxV = np.log(np.where(trusted_Tx1, 1 - right_TxV, right_TxV)).astype(np.float32)
    evidence = Evidence(x_TxF, network_TxV, memory_TxV, ids_T)
    gate, across = fitted_across(evidence)
    assert evidence.nats(gate).mean() < 0.3 < evidence.nats(Gate()).mean()
    assert across.mean() == pytest.approx(evidence.nats(gate).mean(), abs=0.02)
    # Newton's method found the lowest place: any step from it goes up.
    for row in range(2):
        for column in range(FEATURES):
            weights = np.array(gate.weights)
            weights[row, column] += 0.3
            elsewhere = Gate(tuple(map(tuple, weights.tolist())))
            assert evidence.nats(elsewhere).sum() > evidence.nats(gate).sum() - 1


@pytest.fixture(scope="module")
def remembering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("memory")
    text = folder / "play.txt"
    text.write_text(charloom.sample("othello")[:40_000], "utf-8")
    charloom.train(text, folder / "model", units=64, epochs=3)
    return folder / "model"


def test_a_memory_lowers_the_score_and_stays_in_the_file(remembering: Path) -> None:
    model = charloom.load(remembering)
    scores = model.scores
    assert scores["validation_bits_per_character"] < scores["network_bits_per_character"] - 0.05
    data = model.data
    assert data.memory is not None
    text = data.vocabulary.decode(data.memory.ids.astype(np.int64))
    assert text == charloom.sample("othello")[:40_000]  # all of it, the validation part too


def test_the_file_is_checked(remembering: Path, tmp_path: Path) -> None:
    data = load_model(remembering)
    assert data.memory is not None
    broken = replace(data.memory, suffixes=data.memory.suffixes[::-1] * 0)
    save_model(tmp_path / "model.safetensors", replace(data, memory=broken))
    with pytest.raises(charloom.ModelError, match="memory"):
        load_model(tmp_path)


def test_without_a_memory_the_text_is_not_in_the_file(tmp_path: Path) -> None:
    text = tmp_path / "play.txt"
    text.write_text(charloom.sample("othello")[:5_000], "utf-8")
    run_here(
        *("train", text, "-o", tmp_path / "model", "--no-memory", "--units", 32, "--epochs", 1)
    )
    assert load_model(tmp_path / "model").memory is None
    assert "network_bits_per_character" not in charloom.load(tmp_path / "model").scores


def test_a_validation_part_kept_out_stays_out(tmp_path: Path) -> None:
    text = tmp_path / "play.txt"
    text.write_text(charloom.sample("othello")[:5_000], "utf-8")
    model = charloom.train(text, tmp_path / "model", units=32, epochs=1, keep_validation_out=True)
    assert model.data.memory is not None
    assert len(model.data.memory) == 4_500


def test_writing_with_a_memory_is_exact_in_a_batch(remembering: Path) -> None:
    model = charloom.load(remembering)
    texts = model.write("OTHELLO\n", count=3, length=80, seed=5)
    assert texts[0] == model.write("OTHELLO\n", length=80, seed=5)
