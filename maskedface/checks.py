"""Checks of numeric arguments."""

from __future__ import annotations


def check_least(**numbers: tuple[float, float]) -> None:
    """Checks that numbers are not below their minimum.

    >>> from maskedface.checks import check_least
    >>> check_least(size=(64, 32), seed=(0, 0))

    Args:
        numbers: name of the argument = (its value, its minimum).

    Raises:
        ValueError: if a value is below its minimum; the message names the first such argument.
    """
    for name, (value, least) in numbers.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}. Received: {name}={value}")
