"""What a run says before it begins: what the text is, and what learns it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .labelled import labels_in_words
from .plan import SMALLEST_SPLIT
from .progress import Progress

if TYPE_CHECKING:
    from .run import Run


def what_is_learned(run: Run) -> Iterator[str]:
    """The sentences."""
    facts = run.facts
    for name, encoding in list(facts.detected.items())[:5]:
        yield f"{name} is read as {encoding}: a guess; force another with --encoding."
    if facts.undecodable:
        yield (
            f"{facts.undecodable:,} characters could not be decoded and became \ufffd; "
            "if that is wrong, name the encoding with --encoding."
        )
    several = f" in {facts.texts:,} texts" if facts.texts > 1 else ""
    yield (
        f"{facts.name}: {facts.characters:,} characters{several} ({facts.encoding}), "
        f"{len(run.vocabulary.symbols)} different {run.vocabulary.kind}."
    )
    if run.corpus.labels is not None:
        yield f"{len(run.labels):,} labels: {labels_in_words(run.corpus.labels.characters)}."
    if run.folding.folded:
        count = sum(run.folding.folded.values())
        yield (
            f"{len(run.folding.folded)} characters that occur {count} times in all are too "
            "rare to learn and count as unknown."
        )
    if facts.characters < SMALLEST_SPLIT:
        yield (
            f"This text is under {SMALLEST_SPLIT:,} characters: too small to hold a part out, "
            "so there is no honest score, and the model will mostly repeat the text."
        )
    elif run.validation is not None:
        yield (
            f"The last {len(run.validation):,} of {len(run.corpus):,} are held out "
            f"to validate on{', from every label its share' if run.labels else ''}."
        )
    plan, shape = run.plan, run.shape
    yield (
        f"Network: {plan.layers} LSTM layer{'s' if plan.layers > 1 else ''} of {plan.units} "
        f"units, {shape.parameters:,} parameters; batch {plan.batch}, {plan.steps} steps, "
        f"dropout {plan.dropout:g}."
    )


def where_it_goes_on(progress: Progress) -> str:
    """What a run says that goes on from a checkpoint."""
    return (
        f"Going on from the last checkpoint: {progress.step:,} steps and "
        f"{progress.seconds:,.0f} s are done."
    )
