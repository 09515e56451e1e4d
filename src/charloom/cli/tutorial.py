"""The commands that go back to the tutorial: `charloom tutorial` and `charloom compare`."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import click

from .main import cli

WEIGHTS_SUFFIX = ".weights.h5"  # Keras writes weights to no other

TEXT_OPTIONS = (
    click.option("--encoding", metavar="NAME", help="The texts' encoding; found out by default."),
    click.option("--field", metavar="NAME", help="The field to read in .jsonl and .csv files."),
)


def text_options(command: Any) -> Any:
    for option in reversed(TEXT_OPTIONS):
        command = option(command)
    return command


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
@text_options
def tutorial(texts: tuple[str, ...], **options: Any) -> None:
    """Run the Keras tutorial's own recipe: train, save, load, write 500 characters.

    Slow, and poor on small texts, which is what it is here to show; `charloom train`
    does it as it should be. KERAS_BACKEND may be torch, jax or tensorflow.
    """
    from charloom.text import check_whole
    from charloom.writing import Sampling, new_seed

    seed = new_seed() if options["seed"] is None else options["seed"]
    check_whole("seed", seed, 0, 2**31 - 1)
    check_whole("length", options["length"], 0, 10**6)
    Sampling(temperature=options["temperature"])  # only for its check
    file = _weights_file(texts[0], options)
    # Keras prints its progress where the text goes, which others may want to read alone.
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        from charloom import tutorial as steps

        names = ("window", "units", "dropout", "epochs", "batch")
        recipe = steps.Recipe(**{name: options[name] for name in names})
        text = steps.read(texts, options["encoding"], options["field"])
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
        for character in written:
            out.write(character)
            out.flush()
        out.write("\n")
        if options["seed"] is None:
            click.echo(f"The same again: --seed {seed}", err=True)


def _weights_file(text: str, options: dict[str, Any]) -> Path:
    """Where the weights go: known to be free before anything is trained."""
    from charloom.text import SettingError

    stem = Path(text).name.split(".")[0] or "text"
    file = Path(options["output"] or f"{'text' if stem == '-' else stem}{WEIGHTS_SUFFIX}")
    if options["weights"] is not None:
        return file
    if not file.name.endswith(WEIGHTS_SUFFIX):
        raise SettingError(f"Keras wants a name that ends in {WEIGHTS_SUFFIX}, not {file}.")
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


@cli.command()
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@click.option(
    "--minutes", type=float, default=2.0, show_default=True, help="Training time of each side."
)
@click.option(
    "-o", "--output", metavar="FILE", default="compare.png", show_default=True, help="The picture."
)
@click.option("--overwrite", is_flag=True, help="Replace a picture that is there already.")
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes all chance.")
@text_options
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

    Both get the text in lower case, less its last tenth, on which both are scored.
    """
    from charloom.comparison import compare

    picture = Path(output)
    _check_free(picture, overwrite, "replace it with --overwrite, or")
    result = compare(texts, minutes, say=lambda line: click.echo(line, err=True), **options)
    result.save_picture(picture)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    click.echo(result.table())
    click.echo(f"\nBoth go on from:\n\n{result.prompt}")
    click.echo(f"\nThe tutorial, by argmax:\n\n{result.tutorial.text}")
    click.echo(f"\nCharloom, at temperature 0.8:\n\n{result.charloom.text}")
    click.echo(f"\nThe curves are in {picture}")
