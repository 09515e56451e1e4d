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

_KERAS_3 = [f"lstm/cell/vars/{n}" for n in range(3)] + [f"dense/vars/{n}" for n in range(2)]
# Keras 2.12 and 2.13 had the newer layout already, under another name.
_KERAS_3_ROOTS = ("layers", "_layer_checkpoint_dependencies")


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
    except PermissionError:
        raise ModelError(f"{path} may not be read; change its permissions.") from None
    except (OSError, KeyError, ValueError, TypeError, RuntimeError):
        raise ModelError(
            f"{path} does not hold weights of the tutorial's three layers (LSTM, dropout, "
            "dense), as Keras' save_weights writes them; give another file."
        ) from None


def _read(file: Any) -> TutorialWeights:
    top = list(file)  # names alone: to ask h5py for one would follow where it links to
    for root in _KERAS_3_ROOTS:
        if root in top:
            names = [f"{root}/{name}" for name in _KERAS_3]
            return TutorialWeights(_arrays(file, names), hard_gates=False)
    # A whole model of Keras 2 (`model.save`) keeps the same groups one level down.
    within = "model_weights/" if "model_weights" in top else ""
    attributes = _node(file, within.rstrip("/")).attrs
    names = []
    for layer in map(_text, attributes["layer_names"]):
        group = _node(file, within + layer)
        names += [f"{within}{layer}/{_text(name)}" for name in group.attrs["weight_names"]]
    return TutorialWeights(_arrays(file, names), _has_hard_gates(file, attributes))


def _arrays(file: Any, names: list[str]) -> tuple[np.ndarray, ...]:
    """The five arrays.

    Raises:
        ValueError: if there are not five, or their shapes do not belong together.
    """
    sets = [_dataset(file, name) for name in names]
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


def _dataset(file: Any, name: str) -> Any:
    import h5py

    node = _node(file, name)
    if not isinstance(node, h5py.Dataset) or node.is_virtual or node.external:
        raise ValueError
    return node


def _node(file: Any, name: str) -> Any:
    """What lies in this very file under a name: a link could lead to any other on the disk."""
    import h5py

    node = file
    for part in filter(None, name.split("/")):
        if not isinstance(node, h5py.Group):
            raise ValueError
        if node.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
            raise ValueError
        node = node[part]
    return node


def _has_hard_gates(file: Any, attributes: Any) -> bool:
    """Whether the gates are the hard sigmoid that Keras' LSTM once had as its default.

    A whole model says so. Weights alone only tell the version: the default changed with
    Keras 2.3 and TensorFlow 2.0, whose Keras called itself 2.2.4-tf. (So did that of the
    last TensorFlows 1, still with the hard one: the later is taken.)
    """
    named = re.search(r'"recurrent_activation": "(\w+)"', _text(file.attrs.get("model_config", "")))
    if named is not None:
        return named[1] == "hard_sigmoid"
    found = re.match(r"(\d+)\.(\d+)\.(\d+)(-tf)?", _text(attributes.get("keras_version", "")))
    if found is None:
        return False
    version = tuple(int(part) for part in found.groups()[:3])
    return version < ((2, 2, 4) if found[4] else (2, 3, 0))


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
