"""One self-contained model.safetensors: written in one step, checked before it is used.

The network's tensors are float32 (or float16: they are widened when read) in Keras'
layout, gates in the order i f c o. A memory of the text, where there is one, is three
arrays of whole numbers more. All else stands in the file's metadata as JSON: format
version, network, vocabulary, the memory's gate, the text's facts, the scores and how it
was trained.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from charloom.memory import MOST_REMEMBERED, Gate, Index
from charloom.text import ModelError, Vocabulary, writing_to

from .shape import NetworkShape, Weights

FORMAT = "charloom"
FORMAT_VERSION = 1
FILE_NAME = "model.safetensors"

Expected = tuple[tuple[str, ...], tuple[int, ...]]  # the types a tensor may have, and its shape
_FLOATS = ("F32", "F16")


@dataclass(frozen=True)
class ModelData:
    """All that a model file holds."""

    shape: NetworkShape
    vocabulary: Vocabulary
    weights: Weights
    opening: tuple[int, ...] = ()  # ids that a new text silently follows
    text: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    memory: Index | None = None  # of the text; the file then holds the text itself
    gate: Gate = field(default_factory=Gate)  # how much the memory is listened to
    labels: tuple[str, ...] = ()  # by their numbers
    remembered: tuple[int, ...] = ()  # how many of the memory's ids each label has, in order


def model_file(path: str | Path) -> Path:
    """The file that `path` (a model's folder, or the file itself) means."""
    path = Path(path)
    return path / FILE_NAME if path.is_dir() else path


def model_name(path: str | Path) -> str:
    """What a model is called: its folder, or its file where that has a name of its own."""
    file = model_file(path).absolute()
    return file.parent.name if file.stem == "model" else file.stem


def save_model(path: Path, data: ModelData) -> None:
    """Write a model file so that a reader finds the old one or the new one, never half of one."""
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "network": json.dumps(data.shape.to_dict()),
        "vocabulary": data.vocabulary.to_json(),
        "opening": json.dumps(data.opening),
        "text": json.dumps(data.text),
        "scores": json.dumps(data.scores),
        "training": json.dumps(data.training),
    }
    if data.labels:
        metadata["labels"] = json.dumps(data.labels)
    tensors = dict(data.weights)
    if data.memory is not None:
        memory: dict[str, Any] = {"ids": len(data.memory), "gate": data.gate.to_list()}
        if data.labels:
            memory["labels"] = data.remembered
        metadata["memory"] = json.dumps(memory)
        tensors |= data.memory.tensors()
    save_tensors(path, tensors, metadata)


def load_model(path: str | Path) -> ModelData:
    """Read a model file, or the one inside a model's folder.

    Raises:
        ModelError: if there is none, or it is damaged, foreign or too new.
    """
    file = model_file(path)
    if not file.exists():
        if (Path(path) / "training").is_dir():
            raise ModelError(
                f"{path} has no model yet: its training was stopped early; "
                f"go on with: charloom train --resume {path}"
            )
        raise ModelError(f"There is no model at {path}; train one with: charloom train TEXT")
    with opened(file) as tensors:
        metadata = tensors.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise ModelError(
                f"{file} is not a Charloom model; give one that `charloom train` made."
            )
        version = metadata.get("format_version", "")
        if version != str(FORMAT_VERSION):
            raise ModelError(
                f"{file} has format version {version or 'unknown'}, and this Charloom reads "
                f"{FORMAT_VERSION}; install a newer Charloom."
            )
        shape = NetworkShape.from_dict(_json(metadata, "network", dict))
        vocabulary = Vocabulary.from_json(metadata.get("vocabulary", ""))
        opening = _json(metadata, "opening", list)
        if shape.vocabulary != vocabulary.size or not all(
            type(i) is int and 0 <= i < vocabulary.size for i in opening
        ):
            raise ModelError(f"{file} is damaged: its network and vocabulary disagree.")
        labels = _json(metadata, "labels", list) if shape.labels else []
        sound = all(type(name) is str and name for name in labels)
        if not sound or len(set(labels)) != len(labels) or len(labels) != shape.labels:
            raise ModelError(f"{file} is damaged: its network and labels disagree.")
        expected: dict[str, Expected] = {n: (_FLOATS, size) for n, size in shape.tensors().items()}
        remembered = _json(metadata, "memory", dict) if "memory" in metadata else None
        if remembered is not None:
            expected |= _memory_tensors(file, remembered, len(labels))
        loaded = checked_tensors(file, tensors, expected)
    weights = {name: loaded[name] for name in shape.tensors()}
    memory, gate = None, Gate()
    if remembered is not None:
        memory = Index.from_tensors(loaded, vocabulary.size)
        gate = Gate.from_list(remembered.get("gate"))
    return ModelData(
        shape,
        vocabulary,
        weights,
        tuple(opening),
        text=_json(metadata, "text", dict),
        scores=_json(metadata, "scores", dict),
        training=_json(metadata, "training", dict),
        memory=memory,
        gate=gate,
        labels=tuple(labels),
        remembered=tuple((remembered or {}).get("labels", ())),
    )


def _memory_tensors(file: Path, remembered: dict[str, Any], labels: int) -> dict[str, Expected]:
    n = remembered.get("ids")
    if type(n) is not int or not 0 < n <= MOST_REMEMBERED:
        raise ModelError(f"{file} is damaged: its memory's size makes no sense.")
    parts = remembered.get("labels", [])
    sound = type(parts) is list and all(type(part) is int and part >= 0 for part in parts)
    if not sound or len(parts) != labels or (labels and sum(parts) != n):
        raise ModelError(f"{file} is damaged: its memory and labels disagree.")
    return {
        "memory.ids": (("U8", "U16"), (n,)),
        "memory.suffixes": (("I32",), (n,)),
        "memory.common": (("U8",), (n,)),
    }


def checked_tensors(
    file: Path, tensors: Any, expected: dict[str, Expected]
) -> dict[str, np.ndarray]:
    """The tensors of an open file, once their names, types and shapes are as expected.

    Floats come back as float32.
    """
    if set(tensors.keys()) != set(expected):
        raise ModelError(f"{file} is damaged: it does not hold the tensors that it should.")
    for name, (types, shape) in expected.items():
        described = tensors.get_slice(name)
        if described.get_dtype() not in types or tuple(described.get_shape()) != shape:
            raise ModelError(
                f"{file} is damaged: {name} is {described.get_dtype()} "
                f"{described.get_shape()} where {types[0]} {list(shape)} belongs."
            )
    loaded = {name: tensors.get_tensor(name) for name in expected}
    for name, (types, _) in expected.items():
        if types == _FLOATS:
            loaded[name] = loaded[name].astype(np.float32, copy=False)
    if not all(np.isfinite(array).all() for array in loaded.values()):
        raise ModelError(f"{file} is damaged: some of its weights are not numbers.")
    return loaded


@contextlib.contextmanager
def opened(file: Path) -> Iterator[Any]:
    """A safetensors file, its header checked by the library before anything is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(file), framework="numpy") as tensors:
            yield tensors
    except (SafetensorError, EOFError) as error:
        raise ModelError(
            f"{file} is damaged, cut short or no model file ({error}); get it again."
        ) from None
    except OSError as error:
        raise ModelError(f"{file} cannot be read ({error.strerror or error}).") from None


def save_tensors(path: Path, tensors: Weights, metadata: dict[str, str]) -> None:
    """Write a safetensors file: a temporary file, fsync, rename."""
    from safetensors.numpy import save

    content = save({name: np.asarray(a, order="C") for name, a in tensors.items()}, metadata)
    write_atomically(path, content)


def save_whole(path: Path, ending: str, save: Callable[[Path], None]) -> None:
    """Write a file that a library writes in pieces: by way of another folder, as a full disk would
    leave some of them.

    Args:
        path: the file.
        ending: what the library wants its name to end in.
        save: writes it at the path that it is given.

    Raises:
        StorageError: if it cannot be written; what was there before is untouched.
    """
    with tempfile.TemporaryDirectory() as folder, writing_to(path):
        whole = Path(folder) / f"all{ending}"
        save(whole)
        write_atomically(path, whole.read_bytes())


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that no crash, and no full disk, leaves half of it in its place.

    Raises:
        StorageError: if it cannot be written; what was there before is untouched.
    """
    with writing_to(path):
        handle, temporary = tempfile.mkstemp(
            prefix=f".{path.name}-", suffix=".writing", dir=path.parent
        )
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
        if hasattr(os, "O_DIRECTORY"):  # the rename itself must reach the disk
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _json(metadata: dict[str, str], name: str, kind: type) -> Any:
    try:
        value = json.loads(metadata[name])
    except (KeyError, ValueError, RecursionError):
        value = None
    if not isinstance(value, kind):
        raise ModelError(f"The model is damaged: its metadata has no sound {name!r}.")
    return value
