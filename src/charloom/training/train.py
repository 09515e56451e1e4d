"""`charloom.train`: from texts to a model in a folder, and on from where a run stopped."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from charloom.language_model import LanguageModel
from charloom.text import PIPE, Corpus, Reading, TextError, prepare, reopen, stem_of

from .checkpoint import check_checkpoint, check_unfinished, load_checkpoint
from .folder import ModelFolder
from .notes import where_it_goes_on
from .progress import Observer
from .ranks import ranks_of_this_run
from .run import Run
from .settings import Settings
from .start import begin


def train(
    texts: str | Path | Iterable[str | Path],
    model: str | Path | None = None,
    *,
    overwrite: bool = False,
    observer: Observer | None = None,
    encoding: str | None = None,
    lowercase: bool = False,
    field: str | None = None,
    lines: bool = False,
    label: str | None = None,
    deduplicate: bool = False,
    **settings: Any,
) -> LanguageModel:
    """Learn from texts, and keep the model in a folder.

    Args:
        texts: files, folders or globs; one or several.
        model: the folder; by default named after the text, in the current folder.
        overwrite: replace a model that is there already.
        observer: told what happens meanwhile.
        encoding, lowercase, field, lines, label, deduplicate: how texts are read; see
            `charloom train --help`.
        settings: `minutes` (2.0), `validation` (0.1), `start` ("base", "nothing", or a
            model's path; decided by the text where left out), `memory` (True),
            `keep_validation_out` (False), `vocabulary` ("characters" or "bytes"), `units`,
            `layers`, `batch`, `steps`, `dropout`, `learning_rate`, `epochs`, `seed`.

    Returns:
        the trained model; its `scores` say how well it predicts text held out.

    Raises:
        CharloomError: if a text, a setting or the folder does not allow it.
        Interrupted: if it was stopped; everything is kept.
    """
    paths = [texts] if isinstance(texts, str | Path) else list(texts)
    reading = Reading(encoding, lowercase, field, lines, label, deduplicate)
    chosen = Settings(reading=reading, **settings)
    folder = ModelFolder(Path(model) if model is not None else _named_after(paths))
    observer = observer or Observer()
    if (ranks := ranks_of_this_run()) is not None:
        from .together import train_together

        def prepared() -> tuple[Corpus, Settings, list[str]]:
            return begin(paths, reading, chosen)

        return train_together(ranks, folder, paths, prepared, _corpus_again, observer, overwrite)
    folder.check_new(overwrite)
    corpus, chosen, notes = begin(paths, reading, chosen)
    with folder.locked():
        try:
            # Asked again, now that nobody else can write: a run may just have ended here.
            folder.check_new(overwrite)
            run = Run(folder, corpus, paths, chosen, observer).start(notes)
            folder.forget_checkpoint()
            return run.train()
        finally:
            observer.close()


def resume(model: str | Path, *, observer: Observer | None = None) -> LanguageModel:
    """Go on exactly where a stopped or killed training run was.

    Raises:
        ModelError: if there is nothing to go on with.
        TextError: if the text is gone, or is another one now.
    """
    folder = ModelFolder(Path(model))
    observer = observer or Observer()
    if (ranks := ranks_of_this_run()) is not None:
        from .together import resume_together

        return resume_together(ranks, folder, _corpus_again, observer)
    check_checkpoint(folder.checkpoint)
    with folder.locked():
        try:
            checkpoint = load_checkpoint(folder.checkpoint)
            saved = checkpoint.settings
            check_unfinished(saved, folder.path)
            chosen = Settings.from_dict(saved["settings"])
            corpus = _corpus_again(saved, chosen)
            run = Run(folder, corpus, saved["texts"], chosen, observer)
            run.start([where_it_goes_on(checkpoint.progress)])
            run.trainer.restore(checkpoint.progress, checkpoint.tensors)
            return run.train()
        finally:
            observer.close()


def _corpus_again(saved: dict[str, Any], chosen: Settings) -> Corpus:
    """The corpus that a run was started on."""
    facts = saved["facts"]
    if PIPE in saved["texts"]:
        kept = reopen(Path(saved["corpus"]), saved["kind"], facts)
        return kept if kept.kind == chosen.vocabulary else kept.in_bytes()
    assert chosen.vocabulary is not None  # decided when the run began
    corpus = prepare(saved["texts"], chosen.reading, chosen.vocabulary)
    if corpus.facts.sha256 != facts["sha256"]:
        raise TextError(
            f"{corpus.facts.name} has changed since the training began; "
            "put the old text back, or train a new model."
        )
    return corpus


def _named_after(texts: list[str | Path]) -> Path:
    stem = stem_of(texts[0], "") if texts else ""
    return Path(f"{stem}-model" if stem else "model")
