"""The command line: `charloom train`, `write`, `score`, `info` and `sample`."""

from .main import main

__all__ = ["main"]
