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


def check_dropout(share: float) -> None:
    """Make sure that a share to drop leaves something.

    Raises:
        SettingError: if it does not.
    """
    if not 0 <= share < 1:
        raise SettingError(f"dropout must be at least 0 and under 1, not {share}.")
