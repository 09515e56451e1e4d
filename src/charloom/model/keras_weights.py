"""The tutorial's weights, read from the HDF5 files of Keras 2 and of Keras 3.

h5py alone reads them: Keras' own loaders are never let loose on a file that somebody
was given. Nothing is followed out of the file, and shapes are checked before a number
is read.

    Keras 3, NAME.weights.h5      layers/lstm/cell/vars/0, 1, 2 and layers/dense/vars/0, 1
    Keras 2, NAME.h5, NAME.hdf5   the root's attribute layer_names; on each layer's group the
                                  attribute weight_names; a dataset for each of those names

(https://keras.io/guides/serialization_and_saving for Keras 3; Keras 2's documentation of
`Model.save_weights` for the older.) In both the kernels' gates stand in the order i f c o.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charloom.text import ModelError

from .shape import MOST_UNITS, MOST_VOCABULARY

_KERAS_3 = [f"layers/lstm/cell/vars/{n}" for n in range(3)]
_KERAS_3 += [f"layers/dense/vars/{n}" for n in range(2)]


@dataclass(frozen=True)
class TutorialWeights:
    """The weights of LSTM and dense layer: kernel_1xG, recurrent_HxG, bias_G, dense_HxV, dense_V.

    Attributes:
        arrays: float32, in the order that `model.set_weights` takes.
        hard_gates: whether the gates are Keras 2's hard sigmoid, clip(0.2 x + 0.5, 0, 1).
    """

    arrays: tuple[np.ndarray, ...]
    hard_gates: bool

    @property
    def units(self) -> int:
        return len(self.arrays[1])

    @property
    def classes(self) -> int:
        return len(self.arrays[4])


def read_tutorial_weights(path: str | Path) -> TutorialWeights:
    """Read the weights of LSTM, dropout and dense layer that the tutorial saves.

    Raises:
        ModelError: if there is no such file, or it holds something else.
    """
    import h5py

    path = Path(path)
    if not path.is_file():
        raise ModelError(f"There is no weights file at {path}; leave --weights out to train.")
    try:
        with h5py.File(path, "r") as file:
            return _read(file)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, UnicodeDecodeError):
        raise ModelError(
            f"{path} does not hold weights of the tutorial's three layers (LSTM, dropout, "
            "dense), as Keras' save_weights writes them; give another file."
        ) from None


def _read(file: Any) -> TutorialWeights:
    if "layers" in file:
        return TutorialWeights(_arrays(file, _KERAS_3), hard_gates=False)
    # A whole model of Keras 2 (`model.save`) keeps the same groups one level down.
    within = "model_weights/" if "model_weights" in file else ""
    root = file.get("model_weights", file)
    names = []
    for layer in map(_text, root.attrs["layer_names"]):
        names += [f"{within}{layer}/{_text(name)}" for name in root[layer].attrs["weight_names"]]
    return TutorialWeights(_arrays(file, names), _has_hard_gates(root))


def _arrays(root: Any, names: list[str]) -> tuple[np.ndarray, ...]:
    """The five arrays.

    Raises:
        ValueError: if there are not five, or their shapes do not belong together.
    """
    sets = [_dataset(root, name) for name in names]
    if len(sets) != 5 or len(sets[3].shape) != 2:
        raise ValueError
    units, classes = sets[3].shape
    expected = [(1, 4 * units), (units, 4 * units), (4 * units,), (units, classes), (classes,)]
    fits = [one.shape for one in sets] == expected and all(one.dtype.kind == "f" for one in sets)
    if not fits or units > MOST_UNITS or classes > MOST_VOCABULARY:
        raise ValueError
    arrays = tuple(np.asarray(one[()], np.float32) for one in sets)
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError
    return arrays


def _dataset(root: Any, name: str) -> Any:
    """A dataset that lies in this very file: a link could name any other on the disk."""
    import h5py

    node = root
    for part in name.split("/"):
        if not isinstance(node.get(part, getlink=True), h5py.HardLink):
            raise ValueError
        node = node[part]
    if not isinstance(node, h5py.Dataset) or node.is_virtual or node.external:
        raise ValueError
    return node


def _has_hard_gates(root: Any) -> bool:
    """Whether the file is from when Keras' LSTM had the hard sigmoid as its default.

    That ended with Keras 2.3 and TensorFlow 2.0, whose Keras called itself 2.2.4-tf. (So did
    that of TensorFlow 1.14 and 1.15, whose default was still the hard one: the file does not
    tell the two apart, and the later is taken.)
    """
    found = re.match(r"(\d+)\.(\d+)\.(\d+)(-tf)?", _text(root.attrs.get("keras_version", "")))
    if found is None:
        return False
    version = tuple(int(part) for part in found.groups()[:3])
    return version < ((2, 2, 4) if found[4] else (2, 3, 0))


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
