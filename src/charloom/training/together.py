"""A training run of several processes: what each of them does from start to end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from charloom.language_model import LanguageModel
from charloom.text import Corpus

from .checkpoint import Checkpoint, check_unfinished, load_checkpoint
from .folder import ModelFolder
from .notes import where_it_goes_on
from .progress import Observer
from .ranks import Parted, Ranks, joined, leader_first, restarts, share_object
from .run import Run
from .settings import Settings
from .signals import Interrupted, caught_signals

if TYPE_CHECKING:
    from .shared import SharedDescent

Begin = Callable[[], tuple[Corpus, Settings, list[str]]]
Again = Callable[[dict[str, Any], Settings], Corpus]


def train_together(
    ranks: Ranks,
    folder: ModelFolder,
    texts: list[Any],
    begin: Begin,
    again: Again,
    observer: Observer,
    overwrite: bool,
) -> LanguageModel:
    """Train with the others, or go on where torchrun has started all of them again.

    Args:
        ranks: this process among the others.
        folder: the model's; only rank 0 writes to it.
        texts: what is learned, by name.
        begin: prepares the texts.
        again: prepares those of a checkpoint.
        observer: of rank 0.
        overwrite: replace a model that is there already.

    Returns:
        in every process, the model.
    """
    observer = observer if ranks.leads else Observer()
    with joined(ranks):
        goes_on = ranks.leads and restarts() > 0 and folder.checkpoint.exists()
        if share_object(goes_on, ranks):
            return _resume(ranks, folder, again, observer)
        if ranks.leads:
            folder.check_new(overwrite)
        with leader_first(ranks):
            corpus, settings, notes = begin()
        run = Run(folder, corpus, texts, settings, observer, ranks)
        return _play(run, None, notes)


def resume_together(
    ranks: Ranks, folder: ModelFolder, again: Again, observer: Observer
) -> LanguageModel:
    """Go on with the others from rank 0's checkpoint."""
    observer = observer if ranks.leads else Observer()
    with joined(ranks):
        return _resume(ranks, folder, again, observer)


def _resume(ranks: Ranks, folder: ModelFolder, again: Again, observer: Observer) -> LanguageModel:
    checkpoint = load_checkpoint(folder.checkpoint) if ranks.leads else None
    saved = share_object(checkpoint.settings if checkpoint else None, ranks)
    check_unfinished(saved, folder.path)
    settings = Settings.from_dict(saved["settings"])
    with leader_first(ranks):
        corpus = again(saved, settings)
    run = Run(folder, corpus, saved["texts"], settings, observer, ranks)
    return _play(run, checkpoint, [where_it_goes_on(checkpoint.progress)] if checkpoint else [])


def _play(run: Run, checkpoint: Checkpoint | None, notes: list[str]) -> LanguageModel:
    assert run.ranks is not None
    if run.ranks.leads:
        return _lead(run, run.ranks, checkpoint, notes)
    return _follow(run, run.ranks)


def _lead(run: Run, ranks: Ranks, checkpoint: Checkpoint | None, notes: list[str]) -> LanguageModel:
    data = None
    with run.folder.locked():
        run.start([f"{ranks.size} processes train together.", *notes])
        descent: SharedDescent = run.trainer.descent  # type: ignore[union-attr, assignment]
        try:
            if checkpoint is not None:
                run.trainer.restore(checkpoint.progress, checkpoint.tensors)
            else:
                run.folder.forget_checkpoint()
            data = run.train().data
        finally:
            # If the others cannot be reached any more, that is told already.
            with contextlib.suppress(Parted):
                descent.end()
                share_object(data, ranks)
            run.observer.close()
    return LanguageModel(data)


def _follow(run: Run, ranks: Ranks) -> LanguageModel:
    from .shared import follow

    # A signal goes to all: rank 0 says what becomes of it.
    with caught_signals() as caught:
        run.make_trainer()
        follow(run.trainer.descent)  # type: ignore[union-attr, arg-type]
        data = share_object(None, ranks)
    if data is None:
        raise Interrupted(
            "Stopped, as the first process of the run was.", caught[0] if caught else 15
        )
    return LanguageModel(data)
