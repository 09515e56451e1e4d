"""Training's figures for TensorBoard, written by Keras' own callback.

That callback writes through TensorFlow. Only its four calls are needed here, so
they are answered by PyTorch's SummaryWriter, and TensorFlow need not be installed.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from charloom.model.backend import import_keras
from charloom.text import SettingError, writing_to

from .progress import Check, Observer, Progress


class TensorBoardObserver(Observer):
    """Writes every check to a folder that `tensorboard --logdir` shows.

    Args:
        folder: where to.

    Raises:
        SettingError: if the package tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise SettingError(
                "--tensorboard needs the package tensorboard; install it with: "
                "pip install 'charloom[tensorboard]'"
            )
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.callback: Any = None
        self.network: Any = None

    def start(self, network: Any, progress: Progress) -> None:
        import_keras()
        import keras

        class Callback(keras.callbacks.TensorBoard):
            @property
            def summary(self) -> Any:
                return _Summary

        self.callback = Callback(str(self.folder), write_graph=False)
        # The callback asks the model's optimizer for the learning rate, which is told here.
        network.compile(optimizer=keras.optimizers.Adam())
        self.network = network
        self.callback.set_model(network)
        self.callback.on_train_begin()

    def check(self, check: Check, sample: str) -> None:
        self.network.optimizer.learning_rate = check.learning_rate
        logs = {"bits_per_character": check.training_bits}
        if check.validation_bits is not None:
            logs["val_bits_per_character"] = check.validation_bits
        self.callback.on_epoch_end(check.step, logs)

    def close(self) -> None:
        if self.callback is not None:
            self.callback.on_train_end()
            self.callback = None


class _Writer:
    def __init__(self, folder: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(folder)

    @contextlib.contextmanager
    def as_default(self) -> Iterator[None]:
        _Summary.current = self
        yield

    def close(self) -> None:
        self.writer.close()


class _Summary:
    """The part of `tensorflow.summary` that Keras' callback calls."""

    current: _Writer | None = None
    create_file_writer = _Writer

    @staticmethod
    def scalar(name: str, value: Any, step: int) -> None:
        if _Summary.current is not None:
            _Summary.current.writer.add_scalar(name, float(value), step)

    @staticmethod
    @contextlib.contextmanager
    def record_if(_condition: Any) -> Iterator[None]:
        yield
