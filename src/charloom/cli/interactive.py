"""Writing together: the person picks the next piece, types one, or steps back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from charloom.language_model import LanguageModel

SHOWN = 400  # characters of the text's end that stay in view
HELP = "a number picks, < steps back, . ends; anything else is added as you type it"


def write_together(model: LanguageModel, prompt: str, label: str | None = None) -> None:
    """Ask for the next piece until the person ends it; the text so far is printed last."""
    pieces = [prompt]
    click.echo(HELP)
    while True:
        text = "".join(pieces)
        suggestions = model.suggest(text, label=label)
        click.echo(f"\n{text[-SHOWN:]}▁")
        for number, suggestion in enumerate(suggestions, 1):
            shown = suggestion.text.replace("\n", "⏎")
            click.echo(f"  {number}  {shown:14} {suggestion.probability:6.1%}")
        try:
            answer = input("> ")
        except (EOFError, KeyboardInterrupt):
            break
        if answer == ".":
            break
        if answer == "<":
            if len(pieces) > 1:
                pieces.pop()
        elif answer.isdecimal() and 1 <= int(answer) <= len(suggestions):
            pieces.append(suggestions[int(answer) - 1].text)
        elif answer:
            pieces.append(answer)
        else:
            pieces.append("\n")
    click.echo(f"\n{''.join(pieces)}")
