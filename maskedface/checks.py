"""What is said of a number that is too small, in one place."""

from __future__ import annotations


def check_least(**numbers: tuple[float, float]) -> None:
    """Refuses numbers below the least that each may be.

    >>> from maskedface.checks import check_least
    >>> check_least(size=(64, 32), seed=(0, 0))

    Args:
        numbers: name of the argument = (its value, the least).

    Raises:
        ValueError: if a value is below its least; the message names the first such argument.
    """
    for name, (value, least) in numbers.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}. Received: {name}={value}")
