"""Every error a user can cause, drawn as one tree.

CharloomError
├── TextError      a text cannot be read, or cannot be learned from
├── SettingError   an option's value makes no sense
├── ModelError     a model is missing, damaged, foreign, or in use
└── StorageError   the disk is full, or may not be written

Each message is one sentence or two: what is wrong, and what to do.
"""

from __future__ import annotations


class CharloomError(Exception):
    """The base of all errors that Charloom raises on purpose."""


class TextError(CharloomError):
    """A text cannot be read, or cannot be learned from."""


class SettingError(CharloomError):
    """An option's value makes no sense."""


class ModelError(CharloomError):
    """A model is missing, damaged, foreign, or in use by another run."""


class StorageError(CharloomError):
    """The disk is full, or may not be written."""
