"""What stays beside a model: its card, the history of its training, and the curve."""

from __future__ import annotations

import contextlib
import csv
import io
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charloom.model import ModelData, write_atomically

from .labelled import labels_in_words
from .progress import Check

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = (
    "step",
    "epoch",
    "seconds",
    "training_bits_per_character",
    "validation_bits_per_character",
    "learning_rate",
)


def history_csv(history: Sequence[Check]) -> str:
    """The checks as CSV: bits per character, seconds, and the learning rate."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for check in history:
        bits = check.validation_bits
        writer.writerow(
            [
                check.step,
                f"{check.epoch:.3f}",
                f"{check.seconds:.2f}",
                f"{check.training_bits:.4f}",
                "" if bits is None else f"{bits:.4f}",
                f"{check.learning_rate:.6f}",
            ]
        )
    return out.getvalue()


def save_curve(path: Path, history: Sequence[Check], scores: dict[str, Any]) -> None:
    """Draw bits per character against seconds, with the yardsticks as lines."""
    with drawn_curves(path, (7, 4)) as axes:
        seconds = [check.seconds for check in history]
        training = [check.training_bits for check in history]
        axes.plot(seconds, training, label="training", color="#999")
        known = [(c.seconds, c.validation_bits) for c in history if c.validation_bits is not None]
        if known:
            axes.plot(*zip(*known, strict=True), label="validation", color="#0a6ebd", marker=".")
        for name, label, style in (
            ("ngram_bits_per_character", "order-5 n-gram", ":"),
            ("xz_bits_per_character", "xz", "--"),
        ):
            if scores.get(name) is not None:
                axes.axhline(scores[name], linestyle=style, color="#b55", label=label)
        axes.set_xlabel("seconds")
        axes.legend()


@contextlib.contextmanager
def drawn_curves(path: Path, inches: tuple[float, float]) -> Iterator[Axes]:
    """Axes for bits per character; what is drawn on them is written as a PNG in one step.

    Raises:
        StorageError: if it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_ylabel("bits per character")
    axes.grid(alpha=0.3)
    yield axes
    out = io.BytesIO()
    figure.savefig(out, format="png")
    write_atomically(path, out.getvalue())


def model_card(data: ModelData, name: str) -> str:
    """The README.md beside a model: what it learned from, how well, and how to use it."""
    text, scores, training = data.text, data.scores, data.training
    lines = [
        f"# {name}",
        "",
        "A character-level language model made by Charloom. It has learned how one text is "
        "written, and writes more of it.",
        "",
        "## Text",
        "",
        f"- name: {text.get('name')}",
        f"- size: {text.get('characters', 0):,} characters, {text.get('bytes', 0):,} bytes"
        + (f", {text['texts']:,} texts" if text.get("texts", 1) > 1 else ""),
        f"- SHA-256: {text.get('sha256')}",
        f"- vocabulary: {data.vocabulary.size} {data.vocabulary.kind}",
        *_label_lines(text.get("labels")),
        "",
        "## Scores",
        "",
        *_score_lines(scores),
        "",
        *_originality_lines(scores.get("originality")),
        "## Network and training",
        "",
        f"- embedding of {data.shape.embedding}, {data.shape.layers} LSTM layer(s) of "
        f"{data.shape.units} units, {scores.get('parameters', 0):,} parameters",
        f"- batch {training.get('batch')}, {training.get('steps')} steps, dropout "
        f"{training.get('dropout')}, learning rate {training.get('learning_rate')}, "
        f"seed {training.get('seed')}",
        f"- {scores.get('seconds', 0):.0f} s, {scores.get('epochs', 0):.1f} epochs, "
        f"{scores.get('characters_per_second', 0):,.0f} characters/s",
        "",
        "## Use",
        "",
        "```",
        f"charloom write {name} --prompt 'The '",
        *([f"charloom write {name} --label {shlex.quote(data.labels[0])}"] if data.labels else []),
        f"charloom score {name} OTHER.txt",
        "```",
        "",
        "or in Python: `charloom.load('model.safetensors').write('The ')`. The file "
        "`model.safetensors` is all that is needed.",
        "",
    ]
    return "\n".join(lines)


def _score_lines(scores: dict[str, Any]) -> list[str]:
    bits = scores.get("validation_bits_per_character")
    if scores.get("stopped_early"):
        return ["- none yet: training was stopped before its end, and can be resumed"]
    if bits is None:
        return ["- no validation score: the whole text was trained on"]
    lines = [
        f"- validation: {bits:.3f} bits per character, over "
        f"{scores['validation_characters']:,} characters never trained on"
    ]
    for key, label in (("ngram", "an order-5 n-gram"), ("xz", "xz")):
        value = scores.get(f"{key}_bits_per_character")
        if value is not None:
            lines.append(f"- {label} on the same characters: {value:.3f}")
    return lines


def _label_lines(labels: dict[str, int] | None) -> list[str]:
    return [f"- labels, with their characters: {labels_in_words(labels)}"] if labels else []


def _originality_lines(measured: dict[str, Any] | None) -> list[str]:
    if not measured:
        return []
    lines = [
        "## Originality",
        "",
        "How much stands word for word in the training text: the longest run of characters, "
        "and the share of characters in runs of 20, 40 and 80 or more.",
        "",
        f"- written at temperature {measured['temperature']:g}: {_copied(measured)}",
    ]
    if reference := measured.get("reference"):
        lines.append(f"- the held-out text itself: {_copied(reference)}")
    return [*lines, ""]


def _copied(figures: dict[str, Any]) -> str:
    shares = ", ".join(f"{figures[f'share_{least}']:.1%}" for least in (20, 40, 80))
    return f"{figures['longest']:,} characters; {shares}"
