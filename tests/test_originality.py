"""Originality: how much is copied from the training text, and a limit to it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import charloom
from charloom import LanguageModel, SettingError
from charloom.memory import WIDTH, Gate, Search, build_index
from charloom.memory.gate import FEATURES
from charloom.model import ModelData, NetworkShape
from charloom.scoring import excerpts, originality_of, originality_scores
from charloom.text import END, Kind, build_vocabulary
from charloom.training.report import model_card
from conftest import run_charloom

CYRILLIC = (
    "Буря мглою небо кроет, Вихри снежные крутя; То, как зверь, она завоет, То заплачет, "
    "как дитя, То по кровле обветшалой Вдруг соломой зашумит, То, как путник запоздалый, "
    "К нам в окошко застучит. "
)
ACCENTS = "“Größe” – naïve café, 東京 и Москва; été à la crème 🎭, déjà vu.\n"


@cache
def parrot(name: str, kind: Kind) -> tuple[LanguageModel, str]:
    """A model that mostly says what its memory does, and the text that it remembers."""
    text = {
        "play": charloom.sample("othello")[:20_000],
        "cyrillic": CYRILLIC + CYRILLIC[::-1],
        "accents": ACCENTS * 3 + ACCENTS[::-1],
        "ends": "one and two and three" + END + "three and two or one" + END,
    }[name]
    parts = [part for part in text.split(END) if part]
    data = [part.encode() if kind == "bytes" else [ord(c) for c in part] for part in parts]
    counts = Counter(symbol for part in data for symbol in part)
    vocabulary = build_vocabulary(counts, kind, END in text).vocabulary
    shape = NetworkShape(vocabulary.size, 16)
    rng = np.random.default_rng(5)
    weights = {
        n: rng.normal(0, 0.1, s).astype(np.float32) for n, s in sorted(shape.tensors().items())
    }
    often = [counts.get(symbol, 0) + 0.01 for symbol in vocabulary.symbols]
    weights["dense.bias"][: len(often)] = np.log(often)
    ids = [np.append(vocabulary.encode(part)[0], [vocabulary.end or 0]) for part in parts]
    index = build_index(np.concatenate(ids) if END in text else ids[0][:-1])
    rest = (FEATURES - 1) * (0.0,)
    gate = Gate(((0.2, *rest), (1.0, *rest)))
    return LanguageModel(
        ModelData(shape, vocabulary, weights, (int(ids[0][0]),), memory=index, gate=gate)
    ), text


def longest_copy(written: str, text: str, prompt: str = "") -> int:
    """By plain search: the longest span of both that ends in what was written."""
    whole, best = prompt + written, 0
    for stop in range(len(prompt) + 1, len(whole) + 1):
        while best < stop and whole[stop - best - 1 : stop] in text:
            best += 1
    return best


limits = st.sampled_from([4, 5, 7, 12, 19, 30, 50])


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["play", "cyrillic", "accents", "ends"]),
    st.sampled_from(["characters", "bytes"]),
    limits,
    st.integers(0, 10**6),
    st.sampled_from(
        [
            {"temperature": 0.3},
            {"temperature": 1.0},
            {"temperature": 3.0},
            {"greedy": True},
            {"top_k": 1},
            {"top_k": 3, "top_p": 0.9},
            {"min_p": 0.2, "repetition_penalty": 1.3},
        ]
    ),
    st.sampled_from(["", "The Moor", "как дитя", "Größe", "and two and"]),
)
def test_no_copy_is_longer_than_the_limit(
    name: str, kind: Kind, most: int, seed: int, sampling: dict, prompt: str
) -> None:
    model, text = parrot(name, kind)
    read = model.data.vocabulary.decode(model.data.vocabulary.encode_prompt(prompt)[0])
    written = model.write(prompt, length=150, seed=seed, max_copy=most, **sampling)
    assert longest_copy(written, text, read) <= most
    assert name == "ends" or len(written) == 150
    assert "\ufffd" not in written


@pytest.mark.parametrize("kind", ["characters", "bytes"])
def test_several_texts_at_once_are_limited_as_each_alone(kind: Kind) -> None:
    model, text = parrot("play", kind)
    texts = model.write(count=8, length=300, seed=3, max_copy=25)
    assert [len(t) for t in texts] == [300] * 8
    assert max(longest_copy(t, text) for t in texts) <= 25
    assert texts[0] == model.write(length=300, seed=3, max_copy=25)
    assert texts[0] == "".join(model.stream(length=300, seed=3, max_copy=25))


@pytest.mark.parametrize("kind", ["characters", "bytes"])
def test_without_a_limit_more_is_copied_and_a_wide_one_changes_nothing(kind: Kind) -> None:
    model, text = parrot("play", kind)
    free = model.write(count=8, length=300, seed=3)
    longest = max(longest_copy(t, text) for t in free)
    assert longest > 40
    assert model.write(count=8, length=300, seed=3, max_copy=longest + 12) == free


def test_a_copy_ends_where_a_word_does() -> None:
    model, text = parrot("play", "characters")
    ends = Counter[bool]()
    for written in model.write(count=20, length=400, seed=1, max_copy=40):
        size = 0  # of the copy that ends here
        for stop in range(1, len(written)):
            before, size = size, size + 1
            while written[stop - size : stop] not in text:
                size -= 1
            if before >= 29 and size <= before:
                ends[written[stop - 2].isspace()] += 1
    assert ends[True] > 10
    assert ends[True] > 3 * ends[False]


def test_a_text_of_wide_characters_stays_in_its_alphabet() -> None:
    model, text = parrot("cyrillic", "bytes")
    written = "".join(model.write(count=8, length=200, seed=0, max_copy=20))
    assert len(written) == 1600
    assert sum(c in text for c in written) > 0.97 * len(written)


def test_a_quote_in_the_prompt_is_not_gone_on_with() -> None:
    model, text = parrot("play", "characters")
    prompt = text[1000:1100]
    assert longest_copy(model.write(prompt, greedy=True, length=60), text, prompt) > 110
    written = model.write(prompt, greedy=True, length=60, max_copy=30)
    assert len(written) == 60
    assert longest_copy(written, text, prompt) <= 30


def test_where_everything_would_be_a_copy_the_text_ends() -> None:
    vocabulary = build_vocabulary({97: 1, 98: 1}, "characters", False).vocabulary
    shape = NetworkShape(vocabulary.size, 4)
    weights = {n: np.zeros(s, np.float32) for n, s in shape.tensors().items()}
    text = "".join(f"{n:09b}" for n in range(512)).replace("0", "a").replace("1", "b")
    index = build_index(vocabulary.encode(text)[0])
    model = LanguageModel(ModelData(shape, vocabulary, weights, (0,), memory=index))
    for written in model.write(count=5, length=50, seed=1, max_copy=6, stop="never"):
        assert len(written) == 6
        assert written in text
    assert len(model.write(length=50, seed=1)) == 50


@pytest.mark.parametrize("most", [3, -1, 2.5, "8"])
def test_a_limit_that_makes_no_sense_is_one_sentence(most: object) -> None:
    with pytest.raises(SettingError, match="max_copy must be a whole number from 4 on"):
        parrot("play", "characters")[0].write(max_copy=most)


def test_a_model_without_its_text_says_so() -> None:
    model = LanguageModel(replace(parrot("play", "characters")[0].data, memory=None))
    with pytest.raises(SettingError, match="--no-memory"):
        model.stream_many(count=1, max_copy=20)  # at once, before anything is shown
    with pytest.raises(SettingError, match="--no-memory"):
        model.originality()
    assert originality_scores(model.data) == {}


texts_of_ids = st.lists(st.integers(0, 2), min_size=1, max_size=300)


@settings(max_examples=60, deadline=None)
@given(texts_of_ids, texts_of_ids, st.integers(0, 300))
def test_runs_are_found_as_by_plain_search(learned: list[int], ids: list[int], add: int) -> None:
    text, run = np.array(learned) + add, np.array(ids) + add
    search = Search(build_index(text))
    letters = "".join(map(chr, text)), "".join(map(chr, run))
    size, place = search.longest(search.encode(run))
    assert letters[1][:size] in letters[0]
    assert size == len(run) or letters[1][: size + 1] not in letters[0]
    assert letters[0][place : place + size] == letters[1][:size]
    short = run[:4]
    expected = {
        int(text[n + len(short)])
        for n in range(len(text) - len(short))
        if letters[0].startswith(letters[1][:4], n)
    }
    assert set(search.followers(search.encode(short)).tolist()) == expected
    assert search.occurs(search.encode(short)) == (letters[1][:4] in letters[0])
    assert len(search.encode(run)) == WIDTH * len(run)


def shares_by_search(texts: list[str], source: str) -> dict[int, float]:
    total, found = sum(map(len, texts)), dict.fromkeys((20, 40, 80), 0)
    for text in texts:
        for least in found:
            inside = np.zeros(len(text), bool)
            for start in range(len(text) - least + 1):
                if text[start : start + least] in source:
                    inside[start : start + least] = True
            found[least] += int(inside.sum())
    return {least: count / total for least, count in found.items()}


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["characters", "bytes"]),
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 200), st.integers(0, 120), st.sampled_from(["", "☃", "e"])),
            max_size=4,
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_the_figures_are_those_of_a_plain_search(
    kind: Kind, recipes: list[list[tuple[int, int, str]]]
) -> None:
    model, source = parrot("accents", kind)
    texts = ["".join(source[at : at + size] + c for at, size, c in recipe) for recipe in recipes]
    found = model.originality(texts)
    assert found.characters == sum(map(len, texts))
    assert found.longest == max(longest_copy(text, source) for text in texts)
    if found.characters:
        shares = shares_by_search(texts, source)
        assert (found.share_20, found.share_40, found.share_80) == pytest.approx(
            tuple(shares.values())
        )
    assert [len(copy.text) for copy in found.copies[:1]] == [found.longest][: len(found.copies)]
    for copy in found.copies:
        around = copy.before + copy.text + copy.after
        assert source[copy.position - len(copy.before) :].startswith(around)
        assert any(copy.text in text for text in texts)


def test_what_the_model_never_saw_is_no_copy() -> None:
    model, text = parrot("play", "characters")
    data = model.data
    ids = data.vocabulary.encode(text[:500] + "☃" + text[500:1000])[0]
    found = originality_of(build_index(ids), data.vocabulary, [text[480:500] + "☃" + text[500:530]])
    assert found.longest == 30


def test_originality_of_what_a_model_writes() -> None:
    model, text = parrot("play", "characters")
    free = model.originality(count=10, length=200)
    written = model.write(count=10, length=200, seed=0)
    assert free == model.originality(written)
    assert free.longest == max(longest_copy(t, text) for t in written)
    limited = model.originality(count=10, length=200, max_copy=25)
    assert limited.longest <= 25
    assert limited.share_40 == 0 < free.share_40
    assert limited.share_20 < free.share_20


def test_excerpts_are_spread_over_a_text() -> None:
    assert excerpts("abcdefgh" * 2, 4, 2) == ["ab", "ef", "ab", "ef"]
    assert excerpts("ab" + END + "cdefg", 9, 3) == ["cde"]
    assert excerpts("ab" + END + "c", 9, 3) == ["ab", "c"]


def test_what_a_card_says() -> None:
    model, text = parrot("play", "bytes")
    vocabulary = model.data.vocabulary
    first, held_out = text[:15_000], text[15_000:]
    index = build_index(vocabulary.encode(first)[0])
    scores = originality_scores(model.data, held_out, index)
    assert (
        0
        < scores["reference"]["longest"]
        == max(longest_copy(part, first) for part in excerpts(held_out, 20, 300))
    )
    assert scores["longest"] > scores["reference"]["longest"]
    json.dumps(scores)
    card = model_card(replace(model.data, scores={"originality": scores}), "m")
    assert f"- written at temperature 0.8: {scores['longest']} characters; " in card
    assert "the held-out text itself" in card
    alone = originality_scores(model.data)
    assert alone["reference"] is None
    assert (
        "held-out"
        not in model_card(replace(model.data, scores={"originality": alone}), "m").partition(
            "## Originality"
        )[2]
    )
    assert "Originality" not in model_card(model.data, "m")


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A small text learned by heart."""
    folder = tmp_path_factory.mktemp("originality")
    text = charloom.sample("othello")[:6_000]
    (folder / "play.txt").write_text(text, "utf-8")
    charloom.train(
        folder / "play.txt", folder / "model", start="nothing", units=64, epochs=40, memory=True
    )
    return folder / "model", text


def test_the_command_line_limits_copies(learned: tuple[Path, str]) -> None:
    folder, text = learned
    options = ("--count", 4, "--length", 300, "--seed", 1, "--temperature", 0.5, "--json")
    free = json.loads(run_charloom("write", folder, *options).stdout)["texts"]
    limited = run_charloom("write", folder, *options, "--max-copy", 16)
    texts = json.loads(limited.stdout)["texts"]
    assert max(longest_copy(t, text) for t in texts) <= 16
    assert max(longest_copy(t, text) for t in free) > 16
    assert [len(t) for t in texts] == [300] * 4
    wrong = run_charloom("write", folder, "--max-copy", 2, check=False)
    assert "from 4 on" in wrong.stderr
    together = run_charloom("write", folder, "--max-copy", 20, "--interactive", check=False)
    assert "--max-copy" in together.stderr
    assert wrong.returncode == together.returncode == 1


def test_the_command_line_measures_originality(learned: tuple[Path, str], tmp_path: Path) -> None:
    folder, text = learned
    other = tmp_path / "other.txt"
    other.write_text(charloom.sample("othello")[60_000:70_000], "utf-8")
    shown = run_charloom("originality", folder, "--text", other).stdout
    assert "held-out text" in shown
    assert "temperature 0.5" in shown
    assert "of its text:" in shown
    own = tmp_path / "own.txt"
    own.write_text(text, "utf-8")
    assert "was not held out" in run_charloom("originality", folder, "--text", own).stdout
    found = json.loads(run_charloom("originality", folder, "--max-copy", 16, "--json").stdout)
    assert found["temperature 0.8"]["longest"] <= 16
    assert found["temperature 0.8"]["characters"] == 25_000
    assert found["temperature 0.8"]["copies"][0]["text"] in text
