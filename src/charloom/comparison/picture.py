"""Both runs as one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from charloom.training.report import drawn_curves

from .task import Side

TUTORIALS_EPOCHS = 5
# The tutorial's dashed and orange, Charloom's solid and blue: they differ in grey, too.
STYLES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("the tutorial", {"color": "#d55e00", "linestyle": "--"}),
    ("Charloom", {"color": "#0a6ebd", "linestyle": "-"}),
)


def save_picture(path: Path, tutorial: Side, charloom: Side) -> None:
    """Bits per character against seconds: thick held out, thin in training."""
    with drawn_curves(path, (7.5, 4.2)) as axes:
        for side, (label, style) in zip((tutorial, charloom), STYLES, strict=True):
            seconds = [point.seconds for point in side.curve]
            held_out = [point.held_out_bits for point in side.curve]
            training = [point.training_bits for point in side.curve]
            axes.plot(seconds, held_out, label=f"{label}, held out", linewidth=2.2, **style)
            axes.plot(seconds, training, label=f"{label}, training", linewidth=0.9, **style)
        five = [p.seconds for p in tutorial.curve if p.epoch >= TUTORIALS_EPOCHS]
        if five:
            axes.axvline(five[0], color="#888", linewidth=0.8, linestyle=":")
            axes.annotate(
                " the tutorial's 5 epochs end",
                (five[0], 0.98),
                xycoords=("data", "axes fraction"),
                va="top",
                color="#666",
                fontsize="small",
            )
        axes.set_xlabel("seconds of training")
        axes.figure.legend(loc="outside lower center", ncols=4, fontsize="small")
