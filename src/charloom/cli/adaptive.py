"""`charloom score --adaptive`: long work with a bar, and figures that say what they are."""

from __future__ import annotations

import json
import sys

import click

from charloom.language_model import LanguageModel
from charloom.training import score_adaptively

STEPS = 1000  # of the bar


def show_adaptive_score(model: LanguageModel, text: str, as_json: bool) -> None:
    """Score, with a bar on a terminal's stderr; then print the figures."""
    bar = click.progressbar(
        length=STEPS,
        label="Scoring and learning",
        file=sys.stderr,
        hidden=as_json,
    )
    with bar:
        result = score_adaptively(model, text, lambda done: bar.update(int(STEPS * done) - bar.pos))
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    for name, value in (
        ("bits per character", f"{result.adaptive_bits_per_character:.4f}"),
        ("bits per byte", f"{result.adaptive_bits_per_byte:.4f}"),
        ("nats per character", f"{result.adaptive_nats_per_character:.4f}"),
        ("characters", f"{result.characters:,}"),
        ("never seen", f"{sum(result.unseen.values()):,}" if result.unseen else ""),
    ):
        if value:
            click.echo(f"adaptive {name:<19}  {value}")
    click.echo(
        "An adaptive score is not comparable with static ones: the model learned from each "
        "piece of the text once it had scored it."
    )
