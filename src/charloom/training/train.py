"""`charloom.train`: from texts to a model in a folder, and on from where a run stopped."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charloom.language_model import LanguageModel
from charloom.model import ModelData, NetworkShape, save_model
from charloom.scoring import MOST_XZ, Score, ngram_nats, spread_nats, xz_bits
from charloom.text import (
    PIPE,
    Corpus,
    Ids,
    Reading,
    SettingError,
    TextError,
    Vocabulary,
    build_vocabulary,
    prepare,
    reopen,
    stem_of,
)

from .checkpoint import Checkpoint, check_checkpoint, load_checkpoint, save_checkpoint
from .folder import ModelFolder
from .plan import SMALLEST_SPLIT, Plan, fit_to_text
from .progress import Observer
from .report import history_csv, model_card, save_curve
from .settings import Settings
from .signals import Interrupted, caught_signals

if TYPE_CHECKING:
    from .trainer import Trainer

LN2 = math.log(2)
# Without a validation part nothing tells when to stop; by then a small text is known.
EPOCHS_WITHOUT_VALIDATION = 60


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
    **settings: Any,
) -> LanguageModel:
    """Learn from texts, and keep the model in a folder.

    Args:
        texts: files, folders or globs; one or several.
        model: the folder; by default named after the text, in the current folder.
        overwrite: replace a model that is there already.
        observer: told what happens meanwhile.
        encoding, lowercase, field, lines: how texts are read; see `charloom train --help`.
        settings: `minutes` (2.0), `validation` (0.1), `vocabulary` ("characters"),
            `units`, `layers`, `batch`, `steps`, `dropout`, `learning_rate`, `epochs`, `seed`.

    Returns:
        the trained model; its `scores` say how well it predicts text held out.

    Raises:
        CharloomError: if a text, a setting or the folder does not allow it.
        Interrupted: if it was stopped; everything is kept.
    """
    paths = [texts] if isinstance(texts, str | Path) else list(texts)
    reading = Reading(encoding, lowercase, field, lines)
    chosen = Settings(reading=reading, **settings)
    folder = ModelFolder(Path(model) if model is not None else _named_after(paths))
    folder.check_new(overwrite)
    observer = observer or Observer()
    corpus = prepare(paths, reading, chosen.vocabulary)
    with folder.locked():
        try:
            # Asked again, now that nobody else can write: a run may just have ended here.
            folder.check_new(overwrite)
            return _Run(folder, corpus, paths, chosen, observer).train()
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
    check_checkpoint(folder.checkpoint)
    with folder.locked():
        try:
            checkpoint = load_checkpoint(folder.checkpoint)
            saved = checkpoint.settings
            if saved["finished"]:
                raise SettingError(
                    f"The training of {folder.path} is complete; "
                    "start another with: charloom train TEXT"
                )
            chosen = Settings.from_dict(saved["settings"])
            corpus = _corpus_again(saved, chosen)
            run = _Run(folder, corpus, saved["texts"], chosen, observer)
            run.trainer.restore(checkpoint.progress, checkpoint.tensors)
            return run.train()
        finally:
            observer.close()


def _corpus_again(saved: dict[str, Any], chosen: Settings) -> Corpus:
    """The corpus that a run was started on."""
    facts = saved["facts"]
    if PIPE in saved["texts"]:
        return reopen(Path(saved["corpus"]), chosen.vocabulary, facts)
    corpus = prepare(saved["texts"], chosen.reading, chosen.vocabulary)
    if corpus.facts.sha256 != facts["sha256"]:
        raise TextError(
            f"{corpus.facts.name} has changed since the training began; "
            "put the old text back, or train a new model."
        )
    return corpus


class _Run:
    """One training run: the corpus cut in two, the trainer, and what is written where."""

    def __init__(
        self,
        folder: ModelFolder,
        corpus: Corpus,
        texts: Iterable[str | Path],
        settings: Settings,
        observer: Observer,
    ) -> None:
        self.folder, self.corpus, self.settings, self.observer = folder, corpus, settings, observer
        self.texts = [PIPE if _is_pipe(t) else str(Path(t).absolute()) for t in texts]
        self.facts = corpus.facts
        self.split = len(corpus)
        if self.facts.characters >= SMALLEST_SPLIT:
            self.split = int(len(corpus) * (1 - settings.validation))
        self.counts = counts = corpus.counts(self.split)
        if sum(count > 0 for count in counts.values()) < 2:
            raise TextError(
                f"{self.facts.name} holds fewer than two different characters; "
                "there is nothing to learn in it."
            )
        self.folding = build_vocabulary(counts, settings.vocabulary, self.facts.texts > 1)
        self.vocabulary = self.folding.vocabulary
        self.training = corpus.part(0, self.split, self.vocabulary)
        held_out = corpus.part(self.split, len(corpus), self.vocabulary)
        # So small a part may hold nothing but the end of a text: then nothing is scored.
        scored = self.vocabulary.count_characters(held_out[0:256])
        self.validation = held_out if scored else None
        self.plan = self._plan()
        self.shape = NetworkShape(self.vocabulary.size, self.plan.units, self.plan.layers)
        self._say_what_is_learned()  # before PyTorch is loaded, which takes seconds
        self.finished = False
        self.trainer = self._trainer()

    def train(self) -> LanguageModel:
        """Train to the end and write all that is kept.

        Raises:
            Interrupted: if a signal came; what was learned so far is kept.
        """
        with caught_signals() as caught:
            self.trainer.stopped = lambda: bool(caught)
            if not self.trainer.run():
                self._write(self._scores(None))
                raise Interrupted(
                    "Stopped, and everything is kept; go on with: "
                    f"charloom train --resume {self.folder.path}",
                    caught[0],
                )
            score = self.trainer.final_score()
            self.trainer.clock.tick(self.trainer.progress)
            # Saved before the yardsticks are computed: they take a few seconds more.
            self.finished = True
            model = self._write(self._scores(score))
            self._checkpoint()
            if score is not None and not caught:
                self.observer.note("Computing the yardsticks: xz and an order-5 n-gram.")
                model = self._write({**self._scores(score), **self._yardsticks(score)})
        self.observer.finish(model.scores)
        return model

    def _plan(self) -> Plan:
        plan = fit_to_text(self.settings.plan(self.facts.characters), self.split)
        if self.validation is None and plan.epochs is None:
            return replace(plan, epochs=EPOCHS_WITHOUT_VALIDATION)
        return plan

    def _trainer(self) -> Trainer:
        from charloom.model.backend import require_torch

        require_torch()
        from .trainer import Task, Trainer

        counted = self.settings.epochs is not None
        task = Task(
            self.training,
            self.validation,
            self.vocabulary,
            self._opening(),
            self.plan,
            None if counted else self.settings.minutes,
            self.settings.seed,
        )
        return Trainer(task, self.observer, self._checkpoint)

    def _opening(self) -> tuple[int, ...]:
        """What a new text silently follows: an end of a text, or else a paragraph's break."""
        vocabulary = self.vocabulary
        if vocabulary.end is not None:
            return (vocabulary.end,)
        newline = vocabulary.ids.get(ord("\n"))
        last = int(self.training[self.split - 1 : self.split][0])
        if newline is None or not self.counts.get(ord("\n")):
            return (last,)  # training reads the text as a ring: its start follows its end
        return (newline, newline)

    def _say_what_is_learned(self) -> None:
        facts, say = self.facts, self.observer.note
        for name, encoding in list(facts.detected.items())[:5]:
            say(f"{name} is read as {encoding}: a guess; force another with --encoding.")
        if facts.undecodable:
            say(
                f"{facts.undecodable:,} characters could not be decoded and became \ufffd; "
                "if that is wrong, name the encoding with --encoding."
            )
        several = f" in {facts.texts:,} texts" if facts.texts > 1 else ""
        say(
            f"{facts.name}: {facts.characters:,} characters{several} ({facts.encoding}), "
            f"{len(self.vocabulary.symbols)} different {self.vocabulary.kind}."
        )
        if self.folding.folded:
            count = sum(self.folding.folded.values())
            say(
                f"{len(self.folding.folded)} characters that occur {count} times in all are too "
                "rare to learn and count as unknown."
            )
        if facts.characters < SMALLEST_SPLIT:
            say(
                f"This text is under {SMALLEST_SPLIT:,} characters: too small to hold a part out, "
                "so there is no honest score, and the model will mostly repeat the text."
            )
        elif self.validation is not None:
            say(
                f"The last {len(self.validation):,} of {len(self.corpus):,} are held out "
                "to validate on."
            )
        plan, shape = self.plan, self.shape
        say(
            f"Network: {plan.layers} LSTM layer{'s' if plan.layers > 1 else ''} of {plan.units} "
            f"units, {shape.parameters:,} parameters; batch {plan.batch}, {plan.steps} steps, "
            f"dropout {plan.dropout:g}."
        )

    def _data(self, scores: dict[str, Any]) -> ModelData:
        trainer = self.trainer
        return ModelData(
            self.shape,
            self.vocabulary,
            trainer.best_weights,
            trainer.task.opening,
            text=self._facts_without_paths(),
            scores=scores,
            training={
                **self.plan.to_dict(),
                "seed": self.settings.seed,
                "minutes": trainer.task.minutes,
            },
        )

    def _scores(self, score: Score | None) -> dict[str, Any]:
        progress = self.trainer.progress
        return {
            "validation_bits_per_character": score and score.bits_per_character,
            "validation_nats_per_character": score and score.nats_per_character,
            "validation_characters": score.characters if score else 0,
            "seconds": progress.seconds,
            "characters_per_second": progress.characters_per_second,
            "epochs": progress.characters
            * self.trainer.ids_per_character
            / max(1, len(self.training)),
            "parameters": self.shape.parameters,
            "stopped_early": not self.finished,
        }

    def _facts_without_paths(self) -> dict[str, Any]:
        """Where the texts lie is nobody's business who is given the model."""
        detected = {Path(name).name: code for name, code in self.facts.detected.items()}
        return {**asdict(self.facts), "name": Path(self.facts.name).name, "detected": detected}

    def _yardsticks(self, score: Score | None) -> dict[str, float]:
        """What xz and an n-gram make of the characters that were scored."""
        if score is None or self.validation is None:
            return {}
        scored = self.trainer.clock.final_characters()
        ids = Ids(self.validation.numbers[:scored], self.validation.table)
        nats = ngram_nats(self.training, ids, self.vocabulary.size) * len(ids)
        nats += float(spread_nats(self.vocabulary, ids[0:scored]).sum())
        xz = xz_bits(_as_bytes(self.training, self.vocabulary), _as_bytes(ids, self.vocabulary))
        return {
            "ngram_bits_per_character": nats / LN2 / score.characters,
            "xz_bits_per_character": xz / score.characters,
        }

    def _write(self, scores: dict[str, Any]) -> LanguageModel:
        data, folder = self._data(scores), self.folder
        history = self.trainer.progress.history
        save_model(folder.model, data)
        folder.write_text(folder.card, model_card(data, folder.path.name))
        folder.write_text(folder.history, history_csv(history))
        save_curve(folder.curve, history, scores)
        # Where the model lies is for whoever trained it, not part of the file.
        return LanguageModel(replace(data, scores={**scores, "model": str(folder.path)}))

    def _checkpoint(self) -> None:
        settings = {
            "settings": asdict(self.settings),
            "texts": self.texts,
            "facts": asdict(self.facts),
            "corpus": str(self.corpus.folder),
            "finished": self.finished,
        }
        # A finished run is never gone on with, so its tensors need not stay.
        tensors = {} if self.finished else self.trainer.tensors()
        checkpoint = Checkpoint(settings, self.trainer.progress, tensors)
        save_checkpoint(self.folder.checkpoint, checkpoint)


def _as_bytes(ids: Ids, vocabulary: Vocabulary) -> bytes:
    """A part's end, as much of it as xz is given."""
    part = ids[max(0, len(ids) - MOST_XZ) : len(ids)]
    return vocabulary.decode(part).encode("utf-8", "replace")


def _is_pipe(text: str | Path) -> bool:
    return str(text) == PIPE or Path(text).is_fifo()


def _named_after(texts: list[str | Path]) -> Path:
    stem = stem_of(texts[0], "") if texts else ""
    return Path(f"{stem}-model" if stem else "model")
