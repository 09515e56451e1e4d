"""Checks of settings that more than one stage makes."""

from __future__ import annotations

from .errors import SettingError


def check_whole(name: str, value: int, least: int, most: int) -> None:
    """Make sure that a setting is a whole number within its bounds.

    Raises:
        SettingError: if it is not.
    """
    if type(value) is not int or not least <= value <= most:
        raise SettingError(f"{name} must be a whole number from {least} to {most}, not {value}.")
