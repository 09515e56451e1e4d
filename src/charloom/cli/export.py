"""`charloom export`: a model for other software."""

from __future__ import annotations

from pathlib import Path

import click

from .main import cli

# Named here too: `--help` imports nothing. A test compares them with charloom.export.FORMATS.
FORMATS = ("html", "onnx", "keras", "keras-weights", "hf", "numpy")


@cli.command()
@click.argument("model", metavar="MODEL")
@click.option("--to", type=click.Choice(FORMATS), required=True, help="The format.")
@click.option("-o", "--output", metavar="PATH", help="The file or folder [default: by MODEL].")
@click.option("--half", is_flag=True, help="Half-precision weights; html always has them.")
@click.option("--overwrite", is_flag=True, help="Replace what is there already.")
def export(model: str, to: str, output: str | None, half: bool, overwrite: bool) -> None:
    """Write a model for other software.

    \b
    html            one web page that writes, by double click
    onnx            for onnxruntime, on servers and in browsers
    keras           a plain Keras model; keras-weights: its weights alone
    hf              a folder for the Hugging Face hub
    numpy           a Python program that needs NumPy alone

    The memory of the text stays behind: what is exported does not hold the text.
    """
    from charloom.export import export_model

    path = export_model(model, to, output, half=half, overwrite=overwrite)
    click.echo(f"{path} ({_size(path):,} bytes)")


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)
