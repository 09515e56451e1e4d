"""The formats, and the way to any of them."""

from __future__ import annotations

from pathlib import Path

from charloom.language_model import LanguageModel, load
from charloom.model import model_name
from charloom.text import SettingError

from . import huggingface, keras_model, numpy_program, onnx_model, web_page
from .base import Format, check_free, in_half, network_alone

FORMATS = {
    "html": Format(web_page.write_html, ".html"),
    "onnx": Format(onnx_model.write_onnx, ".onnx"),
    "keras": Format(keras_model.write_keras, ".keras"),
    "keras-weights": Format(keras_model.write_keras_weights, ".weights.h5"),
    "hf": Format(huggingface.write_folder, "-hf"),
    "numpy": Format(numpy_program.write_folder, "-numpy"),
}


def export_model(
    model: str | Path | LanguageModel,
    to: str,
    output: str | Path | None = None,
    *,
    half: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write a model in a format of other software.

    Args:
        model: a model, or its folder or file.
        to: one of FORMATS.
        output: the file or folder to write; by default the model's name in the current folder.
        half: write weights in half precision; `html` always does, Keras never.
        overwrite: replace what is there.

    Returns:
        where it was written.

    Raises:
        SettingError: if there is no such format, or it needs a package that is missing.
        StorageError: if something is there already, or it cannot be written.
        ModelError: if there is no model, or it is damaged.
    """
    if to not in FORMATS:
        raise SettingError(f"There is no format {to!r}; there are {', '.join(FORMATS)}.")
    chosen = FORMATS[to]
    if half and to.startswith("keras"):
        raise SettingError("Keras keeps weights in single precision; leave --half out.")
    name = "model" if isinstance(model, LanguageModel) else model_name(model)
    path = Path(output) if output is not None else Path(f"{name}{chosen.suffix}")
    check_free(path, overwrite)
    loaded = model if isinstance(model, LanguageModel) else load(model)
    data = network_alone(loaded.data)
    if half or to == "html":
        data = in_half(data)
    chosen.write(data, path, name)
    return path
