"""One training run: the text cut in two, what learns it, and all that is written."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from charloom.language_model import LanguageModel
from charloom.memory import MOST_REMEMBERED, Gate, Index, Memory, build_index
from charloom.model import ModelData, NetworkShape, Weights, grown, save_model, transfer
from charloom.scoring import (
    MOST_XZ,
    Score,
    nats_by_label,
    ngram_nats,
    originality_scores,
    score_with_memory,
    spread_nats,
    xz_bits,
)
from charloom.text import PIPE, Corpus, Ids, TextError, Vocabulary, build_vocabulary
from charloom.writing import Engine

from .checkpoint import Checkpoint, save_checkpoint
from .folder import ModelFolder
from .labelled import ends_by_label, score_by_label, sorted_by_label
from .notes import what_is_learned
from .plan import SMALLEST_SPLIT, Plan, fit_to_text, tuning_plan
from .progress import Observer
from .ranks import Ranks, check_alone
from .report import history_csv, model_card, save_curve
from .settings import Settings
from .signals import Interrupted, caught_signals
from .start import BASE, NOTHING, start_model

if TYPE_CHECKING:
    from .trainer import Trainer
    from .tuner import Tuner

LN2 = math.log(2)
# Without a validation part nothing tells when to stop; by then a small text is known.
EPOCHS_WITHOUT_VALIDATION = 60
# Characters that a network to go on from is tuned on with care in a minute, at most; a
# larger text is trained on as any other is, from the weights there are.
TUNED_A_MINUTE = 75_000
SMALL = 500_000  # characters up to which the yardsticks take under a second
SAVING = 0.15  # seconds that all files take, with the curve's picture
REHEARSED = 2_000  # characters that show how long the memory will take


class Run:
    """One training run: the corpus cut in two, the trainer, and what is written where."""

    def __init__(
        self,
        folder: ModelFolder,
        corpus: Corpus,
        texts: Iterable[str | Path],
        settings: Settings,
        observer: Observer,
        ranks: Ranks | None = None,
    ) -> None:
        self.folder, self.settings, self.observer = folder, settings, observer
        self.ranks = ranks
        self.texts = [PIPE if _is_pipe(t) else str(Path(t).absolute()) for t in texts]
        self.facts = corpus.facts
        share = settings.validation if self.facts.characters >= SMALLEST_SPLIT else 0.0
        self.corpus, self.split = corpus, _ = corpus.cut(share)
        self.labels = () if corpus.labels is None else corpus.labels.names
        self.counts = counts = corpus.counts(self.split)
        if sum(count > 0 for count in counts.values()) < 2:
            raise TextError(
                f"{self.facts.name} holds fewer than two different characters; "
                "there is nothing to learn in it."
            )
        has_end = self.facts.texts > 1 or bool(self.labels)
        self.folding = build_vocabulary(counts, corpus.kind, has_end)
        self.vocabulary = self.folding.vocabulary
        self.weights: Weights | None = None
        base = start_model(settings.start)
        if base is not None:
            self.vocabulary = grown(base.vocabulary, self.vocabulary)
            self.base_shape, self.weights = transfer(base, self.vocabulary, len(self.labels))
        self.training = corpus.part(0, self.split, self.vocabulary)
        held_out = corpus.part(self.split, len(corpus), self.vocabulary)
        # So small a part may hold nothing but the end of a text: then nothing is scored.
        scored = self.vocabulary.count_characters(held_out[0:256])
        self.validation = held_out if scored else None
        self.plan = self._plan()
        self.shape = NetworkShape(
            self.vocabulary.size, self.plan.units, self.plan.layers, labels=len(self.labels)
        )
        self.finished = False
        self.memory: Index | None = None
        self.remembered: tuple[int, ...] = ()  # of each label
        self.gate = Gate()
        self.yardsticks: dict[int, dict[str, float]] = {}  # by the ids they are of

    def start(self, notes: Iterable[str] = ()) -> Run:
        """Say what is learned, and make what learns it."""
        for note in [
            *what_is_learned(self),
            *notes,
        ]:  # before PyTorch is loaded: that takes seconds
            self.observer.note(note)
        self.make_trainer()
        return self

    def make_trainer(self) -> None:
        """Make what learns; PyTorch is loaded here."""
        self.trainer = self._trainer()

    def train(self) -> LanguageModel:
        """Train to the end and write all that is kept.

        Raises:
            Interrupted: if a signal came; what was learned so far is kept.
        """
        with caught_signals() as caught:
            self.trainer.stopped = lambda: bool(caught)
            if self.settings.epochs is None and not self.tuned:
                self.trainer.clock.reserve = self._rehearsed()
            if self.facts.characters <= SMALL and self.validation is not None:
                self.observer.yardsticks(self._yardsticks(len(self.validation)))
            if not self.trainer.run():
                self._write(self._scores(None))
                raise Interrupted(
                    "Stopped, and everything is kept; go on with: "
                    f"charloom train --resume {self.folder.path}",
                    caught[0],
                )
            score = self._score()
            self._remember()
            self.trainer.clock.tick(self.trainer.progress)
            # Saved before the yardsticks are computed: they may take a few seconds more.
            self.finished = True
            model = self._write(self._scores(score))
            self._checkpoint()
            if score is not None and not caught:
                self.observer.note("Computing the yardsticks: xz, an n-gram, and what is copied.")
                scored = self.trainer.clock.final_characters()
                more = {**self._yardsticks(scored), **self._originality()}
                model = self._write({**self._scores(score), **more})
        self.observer.finish(model.scores)
        return model

    def _plan(self) -> Plan:
        chosen = self.settings.plan(self.facts.characters)
        if self.weights is not None:
            chosen = tuning_plan(chosen, self.base_shape, self.settings.learning_rate)
        plan = fit_to_text(chosen, self.split, 1 if self.ranks is None else self.ranks.size)
        if self.validation is None and plan.epochs is None:
            return replace(plan, epochs=EPOCHS_WITHOUT_VALIDATION)
        return plan

    @property
    def tuned(self) -> bool:
        """Whether a network that can read already is tuned on a small text, without labels."""
        most = TUNED_A_MINUTE * self.settings.minutes
        small = self.facts.characters <= most or self.settings.epochs is not None
        return self.weights is not None and small and not self.labels

    def _trainer(self) -> Trainer | Tuner:
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
            self.weights,
            self.labels,
            self.ranks,
        )
        if self.tuned:
            from .tuner import Tuner

            check_alone(self.ranks)
            keep_out = self.settings.keep_validation_out or self.validation is None
            whole = None if keep_out else self._whole()
            return Tuner(
                task, self.shape, whole, self.settings.memory, self.observer, self._checkpoint
            )
        return Trainer(task, self.observer, self._checkpoint)

    def _rehearsed(self) -> float:
        """Seconds that memory and files will take after the last score.

        Measured on a little of the text: fitting a gate takes one machine four times as long
        as another, and then short runs ended late, or idle.
        """
        if not self.settings.memory or self.validation is None:
            return SAVING
        engine = Engine(self.shape, self.trainer.scored_weights)
        if self.labels:
            engine = engine.with_labels(np.eye(len(self.labels))[0])
        opening = np.array(self.trainer.task.opening, np.int64)
        end = self.training[max(0, self.split - 10 * REHEARSED) : self.split]
        for size in (100, REHEARSED):  # what is slow only once is over after the first
            begun = time.monotonic()
            ids = self.validation[0:size]
            score_with_memory(
                engine, Memory(build_index(end), engine.shape.vocabulary), ids, opening
            )
        scored = min(len(self.validation), 200_000)
        seconds = (time.monotonic() - begun) * max(1.0, scored / len(ids))
        return SAVING + seconds + 2e-6 * min(self.split, MOST_REMEMBERED)

    def _whole(self) -> Ids:
        """The whole text, the validation part too."""
        return self.corpus.part(0, len(self.corpus), self.vocabulary)

    def _score(self) -> Score | None:
        """The exact score on the validation part, or on as much as fits, and the gate.

        Network and memory have learned from the training part alone. The gate is what
        choosing fitted; else each half of the validation part is scored under one
        fitted on the other half.
        """
        if self.validation is None:
            return None
        trainer, vocabulary = self.trainer, self.vocabulary
        ids = self.validation[0 : trainer.clock.final_characters()]
        opening = np.array(trainer.task.opening, np.int64)
        engine = Engine(self.shape, trainer.scored_weights)
        labels_T = self.validation.labels_at(np.arange(len(ids)))
        nats = nats_by_label(engine, ids, labels_T, opening)
        spread = spread_nats(vocabulary, ids)
        characters = vocabulary.count_characters(ids)
        self.network_bits = float((nats + spread).sum()) / LN2 / characters
        if self.settings.memory and labels_T is not None:
            nats, self.gate = score_by_label(engine, self.training, ids, labels_T, opening)
        elif self.settings.memory:
            memory = Memory(self._index_of_training, vocabulary.size)
            nats, self.gate = score_with_memory(engine, memory, ids, opening, trainer.gate)
        unknown = int((ids == vocabulary.unknown).sum())
        unseen = Counter({"": unknown} if unknown else {})
        total = float((nats + spread).sum())
        return Score(total, characters, vocabulary.count_bytes(ids), unseen)

    @cached_property
    def _index_of_training(self) -> Index:
        """Of the end of the training part, as much as a memory holds."""
        return build_index(np.concatenate(self._ends(self.training)))

    def _ends(self, ids: Ids) -> list[np.ndarray]:
        """The end of a part, as much as a memory holds: one run of ids, or one a label."""
        if self.labels:
            return ends_by_label(ids, len(self.labels))
        return [ids[max(0, len(ids) - MOST_REMEMBERED) : len(ids)]]

    def _remember(self) -> None:
        """Index the text for the model to keep: all of it, unless the validation part stays out."""
        if not self.settings.memory:
            return
        if self.trainer.gate is not None:
            self.gate = self.trainer.gate
        ends = self._ends(self.training if self.settings.keep_validation_out else self._whole())
        self.memory = build_index(np.concatenate(ends))
        self.remembered = tuple(map(len, ends)) if self.labels else ()

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
                "start": self._start_name(),
                **trainer.recipe,
            },
            memory=self.memory,
            gate=self.gate,
            labels=self.labels,
            remembered=self.remembered,
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
            * self.trainer.task.ids_per_character
            / max(1, len(self.training)),
            "parameters": self.shape.parameters,
            "stopped_early": not self.finished,
            **({"network_bits_per_character": self.network_bits} if self.memory and score else {}),
        }

    def _start_name(self) -> str:
        start = self.settings.start or NOTHING
        return start if start in (BASE, NOTHING) else Path(start).name

    def _facts_without_paths(self) -> dict[str, Any]:
        """Where the texts lie is nobody's business who is given the model."""
        detected = {Path(name).name: code for name, code in self.facts.detected.items()}
        facts = {**asdict(self.facts), "name": Path(self.facts.name).name, "detected": detected}
        labels = self.corpus.labels
        return facts if labels is None else {**facts, "labels": labels.characters}

    def _yardsticks(self, scored: int) -> dict[str, float]:
        """What xz and an n-gram make of so many ids of the validation part."""
        if scored in self.yardsticks:
            return self.yardsticks[scored]
        assert self.validation is not None
        ids = sorted_by_label(self.validation, scored)
        nats = ngram_nats(self.training, ids, self.vocabulary.size) * len(ids)
        nats += float(spread_nats(self.vocabulary, ids[0:scored]).sum())
        xz = xz_bits(_as_bytes(self.training, self.vocabulary), _as_bytes(ids, self.vocabulary))
        characters = self.vocabulary.count_characters(ids[0:scored])
        self.yardsticks[scored] = {
            "ngram_bits_per_character": nats / LN2 / characters,
            "xz_bits_per_character": xz / characters,
        }
        return self.yardsticks[scored]

    def _originality(self) -> dict[str, Any]:
        """How much the model copies, beside how much the validation part does."""
        if self.memory is None or self.validation is None:
            return {}
        part = sorted_by_label(self.validation, 20_000)
        ids = part[0 : len(part)]
        reference = self.vocabulary.decode(ids)
        found = originality_scores(self._data({}), reference, self._index_of_training)
        return {"originality": found}

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
            "kind": self.corpus.kind_on_disk,
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
