"""Characters to ids and back, and the rules for characters that have none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom.text import ModelError, Vocabulary, build_vocabulary
from charloom.text.vocabulary import END_SYMBOL

CHARACTERS = st.characters(exclude_categories=["Cs"])


def of(text: str, has_end: bool = False) -> Vocabulary:
    return build_vocabulary({ord(c): text.count(c) for c in text}, "characters", has_end).vocabulary


def test_ids_are_those_of_the_tutorials_sorted_characters() -> None:
    alphabet = "\n ',-.;" + "abcdefghi" + "klmnopqrstuvw" + "y"
    assert of(alphabet).ids[ord("o")] == 20
    assert of("banana").characters == "abn"


@given(st.text(CHARACTERS, min_size=1), st.booleans())
def test_what_is_known_comes_back(text: str, has_end: bool) -> None:
    vocabulary = of(text, has_end)
    ids, unseen = vocabulary.encode(text)
    assert not unseen
    assert vocabulary.decode(ids) == text
    assert vocabulary.count_characters(ids) == len(text)
    assert vocabulary.count_bytes(ids) == len(text.encode())
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


@given(st.text(CHARACTERS))
def test_bytes_know_everything(text: str) -> None:
    vocabulary = build_vocabulary({}, "bytes", False).vocabulary
    ids, unseen = vocabulary.encode(text)
    assert not unseen
    assert vocabulary.decode(ids.tolist()) == text


@given(st.text(), st.text(CHARACTERS, min_size=1))
def test_any_prompt_works_with_any_vocabulary(prompt: str, text: str) -> None:
    vocabulary = of(text)
    ids, replaced = vocabulary.encode_prompt(prompt)
    assert ((ids >= 0) & (ids < vocabulary.size)).all()
    assert set(replaced) == set(prompt) - set(text)


def test_a_character_never_seen_has_a_stand_in() -> None:
    vocabulary = of("abcdefi' -.\"e\n")
    _, replaced = vocabulary.encode_prompt("’É“ﬁA…☃")
    assert replaced == {"’": "'", "É": "e", "“": '"', "ﬁ": "fi", "A": "a", "…": ".", "☃": ""}
    assert vocabulary.encode("☃")[0].tolist() == [vocabulary.unknown]


def test_rare_characters_of_a_large_text_are_folded() -> None:
    counts = {ord("a"): 5_000_000, ord("b"): 5, ord("c"): 4, END_SYMBOL: 2}
    folding = build_vocabulary(counts, "characters", True)
    assert folding.vocabulary.characters == "ab"
    assert folding.folded == {"c": 4}
    assert build_vocabulary({ord("a"): 900_000, ord("c"): 1}, "characters", False).folded == {}


def test_special_ids_follow_the_characters() -> None:
    vocabulary = of("xyz", has_end=True)
    assert (vocabulary.unknown, vocabulary.end, vocabulary.size) == (3, 4, 5)
    assert vocabulary.decode([0, 4, 3]) == "x\ufffd"


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "[]",
        "{}",
        '{"kind": "words", "symbols": [97], "end": false}',
        '{"kind": "characters", "symbols": [], "end": false}',
        '{"kind": "characters", "symbols": [98, 97], "end": false}',
        '{"kind": "characters", "symbols": [97, 97], "end": false}',
        '{"kind": "characters", "symbols": [57343], "end": false}',
        '{"kind": "characters", "symbols": ["a"], "end": false}',
        '{"kind": "bytes", "symbols": [97], "end": false}',
        '{"kind": "characters", "symbols": [97], "end": 1}',
    ],
)
def test_a_damaged_vocabulary_is_refused(damaged: str) -> None:
    with pytest.raises(ModelError):
        Vocabulary.from_json(damaged)
