"""The commands that go back to the tutorial: `charloom tutorial` and `charloom compare`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from .commands import encoding_option, field_option
from .main import cli


@cli.command()
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@click.option("--window", type=int, default=100, show_default=True, help="Characters read for one.")
@click.option("--units", type=int, default=256, show_default=True, help="Units of the LSTM layer.")
@click.option(
    "--dropout", type=float, default=0.2, show_default=True, help="Share of its outputs dropped."
)
@click.option(
    "--epochs", type=int, default=5, show_default=True, help="Passes over all the windows."
)
@click.option("--batch", type=int, default=128, show_default=True, help="Windows in a step.")
@click.option("--weights", metavar="FILE", help="Load these weights in place of training.")
@click.option("-o", "--output", metavar="FILE", help="Weights file [default: TEXT.weights.h5].")
@click.option("--overwrite", is_flag=True, help="Replace a weights file that is there already.")
@click.option("--length", type=int, default=500, show_default=True, help="Characters to write.")
@click.option(
    "--temperature",
    type=float,
    default=0.0,
    show_default=True,
    help="0 takes the likeliest character, as the tutorial does.",
)
@click.option("--seed", type=int, help="Fixes all chance; drawn by default.")
@encoding_option
@field_option
def tutorial(texts: tuple[str, ...], **options: Any) -> None:
    """Run the Keras tutorial's own recipe: train, save, load, write 500 characters.

    Slow, and poor on small texts, which is what it is here to show; `charloom train`
    does it as it should be. KERAS_BACKEND may be torch, jax or tensorflow.
    """
    from charloom.text import check_whole, read_lowercase
    from charloom.writing import Sampling, new_seed

    seed = new_seed() if options["seed"] is None else options["seed"]
    check_whole("seed", seed, 0, 2**31 - 1)
    check_whole("length", options["length"], 0, 10**6)
    Sampling(temperature=options["temperature"])  # only for its check
    file = _weights_file(texts[0], options)
    # Read before Keras is loaded, which takes seconds: a mistyped name is told at once.
    text = read_lowercase(texts, options["encoding"], options["field"])
    # Keras prints its progress where the text goes, which others may want to read alone.
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        from charloom import tutorial as steps

        names = ("window", "units", "dropout", "epochs", "batch")
        recipe = steps.Recipe(**{name: options[name] for name in names})
        written = steps.run(
            text,
            recipe,
            file,
            weights=options["weights"],
            seed=seed,
            length=options["length"],
            temperature=options["temperature"],
            verbose=1 if sys.stderr.isatty() else 2,
        )
        seen = set()
        for character in written:
            seen.add(character)
            out.write(character)
            out.flush()
        out.write("\n")
        if len(seen) == 1:
            click.echo(
                f"It wrote nothing but {seen.pop()!r}, the likeliest character of all; "
                "--temperature 1 shows what else it knows.",
                err=True,
            )
        if options["seed"] is None:
            click.echo(f"The same again: --seed {seed}", err=True)


def _weights_file(text: str, options: dict[str, Any]) -> Path:
    """Where the weights go: known to be free before anything is trained."""
    from charloom.text import stem_of

    file = Path(options["output"] or f"{stem_of(text, 'text')}.weights.h5")
    if options["weights"] is None:
        _check_free(
            file,
            options["overwrite"],
            f"use it with --weights {file}, replace it with --overwrite, or",
        )
    return file


def _check_free(file: Path, overwrite: bool, advice: str) -> None:
    """Make sure, before long work, that its result can go where it should."""
    from charloom.text import SettingError, StorageError

    if not file.parent.is_dir():
        raise SettingError(f"There is no folder {file.parent} for {file.name}; make it first.")
    if file.is_dir() or (file.exists() and not overwrite):
        raise StorageError(f"{file} is there already; {advice} choose another name with -o.")
    if not os.access(file.parent, os.W_OK):
        raise StorageError(f"{file.parent} may not be written; choose another place with -o.")


@cli.command()
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@click.option(
    "--minutes", type=float, default=2.0, show_default=True, help="Training time of each side."
)
@click.option(
    "-o", "--output", metavar="FILE", default="compare.png", show_default=True, help="The picture."
)
@click.option("--overwrite", is_flag=True, help="Replace a picture that is there already.")
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes what is drawn.")
@encoding_option
@field_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def compare(
    texts: tuple[str, ...],
    minutes: float,
    output: str,
    overwrite: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train the tutorial's recipe and Charloom on the same text for the same time.

    Both learn from the text in lower case, less its last tenth, on which both are scored.
    """
    from charloom.comparison import compare

    picture = Path(output)
    _check_free(picture, overwrite, "replace it with --overwrite, or")
    result = compare(texts, minutes, say=lambda line: click.echo(line, err=True), **options)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
    else:
        click.echo(result.table())
        click.echo(f"\nBoth go on from:\n\n{result.prompt}")
        click.echo(f"\nThe tutorial, by argmax:\n\n{_visible(result.tutorial.text)}")
        click.echo(f"\nCharloom, at temperature 0.8:\n\n{_visible(result.charloom.text)}")
    result.save_picture(picture)  # last: what was measured is out, whatever becomes of it
    click.echo(f"\nThe curves are in {picture}", err=True)


def _visible(text: str) -> str:
    return text if text.strip() else f"({len(text)} blanks)"
