"""Looking into a model: writing watched, and what its units follow. NumPy alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import charloom
from charloom import LanguageModel, SettingError, TextError
from charloom.model import ModelData, NetworkShape
from charloom.scoring import FEATURES, correlations, encode, opening_or_default
from charloom.text import build_vocabulary
from charloom.writing import Request, probabilities, stream, watch
from charloom.writing.watching import PLAIN

QUOTED = "“It’s a naïve café,” she said – “for now.”\n\n"


@pytest.fixture(scope="module")
def base() -> LanguageModel:
    """It reads bytes, and has read English."""
    return charloom.base_model()


@pytest.fixture(scope="module")
def drawn() -> LanguageModel:
    """Two layers over the characters of a play's start, with weights drawn at random."""
    text = charloom.sample("othello")[:4000]
    counts = {ord(c): text.count(c) for c in set(text)}
    vocabulary = build_vocabulary(counts, "characters", True).vocabulary
    shape = NetworkShape(vocabulary.size, 24, layers=2)
    rng = np.random.default_rng(3)
    weights = {n: rng.normal(0, 0.5, s).astype(np.float32) for n, s in shape.tensors().items()}
    return LanguageModel(ModelData(shape, vocabulary, weights, (1, 2)))


@pytest.mark.parametrize("name", ["base", "drawn"])
def test_a_watched_text_is_the_text_that_is_written(
    name: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(name)
    settings = {"length": 80, "seed": 5, "temperature": 0.7, "top_p": 0.95}
    written = list(model.watch("OTHELLO\n", **settings))
    assert "".join(one.text for one in written) == model.write("OTHELLO\n", **settings)
    assert all(len(one.text) == 1 for one in written)


def test_a_characters_probability_is_what_the_model_expected(drawn: LanguageModel) -> None:
    """Read again from the start, character by character."""
    vocabulary, text = drawn.data.vocabulary, ""
    allowed = np.ones((1, vocabulary.size), bool)
    allowed[0, vocabulary.unknown] = False
    for one in drawn.watch("", length=12, seed=1, temperature=1.5):
        states = drawn.engine.initial_states(1)
        ids = [*drawn.data.opening, *vocabulary.encode(text)[0]]
        logits = drawn.engine.run(np.array([ids]), states)[:, -1]
        expected_V = probabilities(logits, PLAIN, allowed)[0]
        assert one.probability == pytest.approx(expected_V[vocabulary.ids[ord(one.text)]], rel=1e-4)
        found = [a.probability for a in one.alternatives]
        assert found == sorted(found, reverse=True)
        best = np.delete(expected_V, vocabulary.end).max()
        assert found[0] == pytest.approx(best, rel=1e-4)
        text += one.text


def test_alternatives_of_bytes_are_whole_characters(base: LanguageModel) -> None:
    """After an opening quote that takes three bytes, the closing one is expected as well."""
    seen: set[str] = set()
    for seed in range(4):
        for one in base.watch(QUOTED * 3, length=60, seed=seed):
            assert all(len(a.text) == 1 and a.text != "\ufffd" for a in one.alternatives)
            assert 0 < one.probability <= 1
            assert sum(a.probability for a in one.alternatives) <= 1 + 1e-6
            seen.update(a.text for a in one.alternatives)
    assert {"“", "”", "’"} <= seen


def test_a_byte_characters_probability_is_the_product_of_its_bytes(base: LanguageModel) -> None:
    written = list(base.watch(QUOTED * 3, length=60, seed=0))
    text = "".join(one.text for one in written)
    assert any(ord(one.text) > 127 for one in written)
    # A model's score allows any byte to follow any; writing allows only whole characters.
    reading = base.read(QUOTED * 3 + text)
    nats = reading.nats_by_position()[len(QUOTED * 3) :]
    assert [one.probability for one in written] == pytest.approx(np.exp(-nats), rel=0.02)


def test_only_one_text_without_stops_is_watched(drawn: LanguageModel) -> None:
    for request in (Request(count=2), Request(stop=("\n",))):
        with pytest.raises(SettingError, match="watched"):
            watch(drawn.engine, drawn.data, request)
    with pytest.raises(SettingError, match="does not keep its training text"):
        drawn.watch("", max_copy=20)


def test_a_model_that_starts_from_nothing_is_watched_too(drawn: LanguageModel) -> None:
    data = replace(drawn.data, opening=())
    request = Request(length=5, seed=2)
    written = list(watch(drawn.engine, data, request))
    assert "".join(w.text for w in written) == "".join(
        piece for _, piece in stream(drawn.engine, data, request)
    )


@pytest.mark.parametrize("name", ["base", "drawn"])
def test_units_are_those_of_one_reading_from_start_to_end(
    name: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(name)
    text = QUOTED[: 40 if name == "base" else 0] + charloom.sample("othello")[:2400]
    states = model.engine.initial_states(1)
    model.engine.feed(opening_or_default(model.data), states)
    ids, _ = encode(model.data.vocabulary, text)
    rows = []
    for number in ids:
        model.engine.step(np.array([number]), states)
        rows.append(np.concatenate([c_BxH[0] for _, c_BxH in states]))
    sizes = [len(c.encode("utf-8")) if name == "base" else 1 for c in text]
    expected = np.tanh(np.array(rows)[np.cumsum(sizes) - 1])
    units = model.units(text)
    assert units.states_CxU.shape == (len(text), model.data.shape.units * model.data.shape.layers)
    assert np.abs(units.states_CxU - expected).max() < 2e-3


def test_the_unit_that_follows_a_feature_is_found(base: LanguageModel) -> None:
    units = base.units(charloom.sample("othello")[1000:3500])
    noise_C = np.random.default_rng(0).normal(size=2500)
    planted = {
        "planted": units.states_CxU[:, 77],
        "upside down": -units.states_CxU[:, 300] + 0.1 * noise_C,
        "noise": noise_C,
        "hardly there": np.arange(2500) == 9,
    }
    found = {f.feature: f for f in units.followers(planted)}
    assert (found["planted"].unit, found["planted"].correlation) == (77, pytest.approx(1))
    assert found["upside down"].unit == 300
    assert found["upside down"].correlation < -0.5
    assert abs(found["noise"].correlation) < 0.15  # though one of 640 units goes along by chance
    assert "hardly there" not in found


def test_a_reader_of_english_follows_the_lines_of_a_play(base: LanguageModel) -> None:
    followers = base.units(charloom.sample("othello")[1000:5000]).followers()
    best = {f.feature: abs(f.correlation) for f in followers}
    assert best["place in the line"] > 0.6
    assert best["spaces"] > 0.4
    figures = [abs(f.correlation) for f in followers]
    assert figures == sorted(figures, reverse=True)


def test_a_text_too_short_has_no_followers_and_none_no_units(base: LanguageModel) -> None:
    assert base.units("To be, or not to be").followers() == []
    with pytest.raises(TextError, match="no text to look at"):
        base.units("")


def test_correlations_are_pearsons() -> None:
    rng = np.random.default_rng(1)
    states_CxU = rng.normal(size=(500, 4)).astype(np.float32)
    states_CxU[:, 2] = 0.5
    feature_C = (states_CxU[:, 1] > 0).astype(np.float32)
    found = correlations(states_CxU, feature_C)
    for unit in (0, 1, 3):
        expected = np.corrcoef(states_CxU[:, unit], feature_C)[0, 1]
        assert found[unit] == pytest.approx(expected, abs=1e-6)
    assert found[2] == 0  # it never changes


@pytest.mark.parametrize(
    ("feature", "text", "expected"),
    [
        ("inside quotes", 'a "b" c', "0011000"),
        ("inside quotes", "“a b” c “d\n\ne", "1111000011100"),
        ("inside brackets", "a (b [c] d) e", "0011111111000"),
        ("place in the line", "ab\ncd", "12012"),
        ("place in the word", "a bc, d", "1012001"),
        ("capital letters", "A bC", "1001"),
        ("words in capitals", "A IAGo Bc", "000110000"),
        ("word starts", "to be’s, 2x", "10010010001"),
        ("line ends", "a\n\n", "011"),
        ("after a newline", "a\nb\n\nc", "001001"),
        ("punctuation", "a, b!", "01001"),
        ("digits", "a1 23", "01011"),
        ("vowels", "Ate", "101"),
        ("spaces", " a ", "101"),
        ("place in the sentence", "a. b", "1012"),
    ],
)
def test_features_are_known_once_a_character_is_read(
    feature: str, text: str, expected: str
) -> None:
    found = "".join(f"{value:.0f}" for value in FEATURES[feature](text))
    assert found == expected


@pytest.mark.parametrize("feature", FEATURES)
def test_features_do_not_look_ahead(feature: str, monologue: str) -> None:
    """Of a text's beginning all is said that is said of it in the whole text."""
    text = f'{monologue[:300]} (1) "Ay," said IAGO.\n\n“No.”\n'
    whole = FEATURES[feature](text)
    for stop in (17, 120, 310, len(text) - 4):
        assert np.array_equal(FEATURES[feature](text[:stop]), whole[:stop])
