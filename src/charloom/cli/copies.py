"""What `charloom originality` shows: a table, and the longest copies beside their source."""

from __future__ import annotations

from typing import Any

import click

from charloom.scoring import Originality

SHOWN = 3
MOST = 200  # characters of a copy that are all shown


def show_originality(written: dict[str, Originality], reference: dict[str, Any] | None) -> None:
    """Print the figures of what was written, and of text held out if there is any."""
    click.echo(f"{'':16} longest copy   characters in copies of 20+      40+      80+")
    rows = {name: result.to_dict() for name, result in written.items()}
    for name, row in (rows | ({"held-out text": reference} if reference else {})).items():
        shares = " ".join(f"{row[f'share_{least}']:8.1%}" for least in (20, 40, 80))
        click.echo(f"{name:16} {row['longest']:12,} {'':22}{shares}")
    if reference is None:
        click.echo("There is no reference: give a text that was held out with --text.")
    elif reference["share_80"] > 0.5:
        click.echo("The model keeps this text itself: it was not held out.")
    copies = [(copy, name) for name, result in written.items() for copy in result.copies]
    shown: list[str] = []
    for copy, name in sorted(copies, key=lambda found: -len(found[0].text)):
        if len(shown) < SHOWN and not any(copy.text in text for text in shown):
            shown.append(copy.text)
            span = copy.text if len(copy.text) <= MOST else f"{copy.text[:80]} … {copy.text[-80:]}"
            source = f"…{copy.before}⟦{span}⟧{copy.after}…".replace("\n", "⏎")
            size, place = f"{len(copy.text):,} characters", f"at {copy.position:,} of its text"
            click.echo(f"\n{size}, {name}; {place}:\n{source}")
