"""What training starts from: nothing, the base model, or another model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from charloom.language_model import LanguageModel
from charloom.model import ModelData, load_base, load_model
from charloom.text import Corpus, Kind, Reading, SettingError, build_vocabulary, prepare

from .settings import Settings

BASE, NOTHING = "base", "nothing"
LARGEST = 500_000  # characters; a larger text teaches a network of its own as much
# Bits per byte that the base model may need for a text's start, at most. English that it
# never saw takes it 2.2 to 2.8.
SUITS = 3.4
# A small text in English of another kind gains from it too. 10 KB of chat, 3.8 bits, came to 3.10
# on top of it and 3.47 from nothing, 30 KB to 2.87 and 3.10; 10 KB of Python code, 5.2 bits, to
# 3.07 and 3.52, but 100 KB of it to 2.82 and 2.73. 10 KB of Spanish, 7.5 bits, to 2.78 and 2.71.
ADAPTS, SMALL = 7.0, 40_000  # bits per byte at most, and characters
START_READ = 4_000  # characters of the text that are scored to decide


def begin(
    paths: Sequence[str | Path], reading: Reading, settings: Settings
) -> tuple[Corpus, Settings, list[str]]:
    """Prepare the texts, and decide what to start from where that is left open.

    Returns:
        the corpus; the settings with `start` and `vocabulary` decided; what to tell.
    """
    if settings.start is None and reading.label is not None:
        settings = replace(settings, start=NOTHING)  # the base model knows no labels
    if settings.start is not None:
        kind = _kind(settings, start_model(settings.start))
        if settings.start not in (BASE, NOTHING):
            settings = replace(settings, start=str(Path(settings.start).absolute()))
        return prepare(paths, reading, kind), replace(settings, vocabulary=kind), []
    corpus = prepare(paths, reading, settings.vocabulary or "characters")
    notes: list[str] = []
    if _is_open(settings) and corpus.facts.characters < LARGEST:
        text, small = _start_of(corpus), corpus.facts.characters <= SMALL
        bits = LanguageModel(load_base()).score(text).bits_per_byte if text.strip() else 0.0
        if bits <= SUITS or (small and bits <= ADAPTS and _is_english(text)):
            notes.append(
                f"The base model needs {bits:.2f} bits per byte for the start of this text: "
                "it is tuned on it (--from nothing does without)."
            )
            corpus = corpus if corpus.kind == "bytes" else corpus.in_bytes()
            return corpus, replace(settings, start=BASE, vocabulary="bytes"), notes
        notes.append(
            f"The base model needs {bits:.2f} bits per byte for the start of this text, which "
            "is not its kind: the network starts from nothing (--from base takes it anyway)."
        )
    return corpus, replace(settings, start=NOTHING, vocabulary=corpus.kind), notes


def start_model(start: str | None) -> ModelData | None:
    """The model that a start names.

    Raises:
        ModelError: if there is none, or it is damaged.
    """
    if start in (None, NOTHING):
        return None
    return load_base() if start == BASE else load_model(str(start))


def _kind(settings: Settings, model: ModelData | None) -> Kind:
    if model is None:
        return settings.vocabulary or "characters"
    if settings.vocabulary not in (None, model.vocabulary.kind):
        raise SettingError(
            f"The model to start from knows {model.vocabulary.kind}; leave --vocabulary out."
        )
    return model.vocabulary.kind


def _is_open(settings: Settings) -> bool:
    """Whether the network and its training are left to Charloom."""
    chosen = (
        *(settings.units, settings.layers, settings.batch, settings.steps, settings.dropout),
        *(settings.learning_rate, settings.epochs),
    )
    return settings.vocabulary != "characters" and all(value is None for value in chosen)


def _start_of(corpus: Corpus) -> str:
    """The text that is looked at to decide."""
    has_end = corpus.facts.texts > 1
    vocabulary = build_vocabulary(corpus.counts(len(corpus)), corpus.kind, has_end).vocabulary
    return vocabulary.decode(corpus.part(0, START_READ, vocabulary)[0:START_READ])


def _is_english(text: str) -> bool:
    """Whether English is likelier than other languages, by how often letters follow one another."""
    import charset_normalizer

    data = text.encode("utf-8", "replace")
    best = charset_normalizer.from_bytes(data, cp_isolation=["utf_8"]).best()
    return best is not None and best.language == "English"
