"""Numbers on the command line, checked before any work: types for argparse."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def rate(text: str) -> float:
    """A share of cases, float in (0, 1)."""
    value = _number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be a rate between 0 and 1. Received: {text!r}")
    return value


def share(text: str) -> float:
    """A share that may be nothing, float in [0, 1]."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be a share in [0, 1]. Received: {text!r}")
    return value


def seconds(text: str) -> float:
    """A span of time that something takes, float > 0."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be seconds above 0. Received: {text!r}")
    return value


def score(most: float) -> Callable[[str], float]:
    """Makes a type of thresholds.

    Args:
        most: float, the highest score there is.

    Returns:
        str -> float in [-most, most].
    """

    def threshold(text: str) -> float:
        value = _number(text)
        if not -most <= value <= most:
            raise argparse.ArgumentTypeError(
                f"must be a score in [{-most:g}, {most:g}]. Received: {text!r}"
            )
        return value

    return threshold


def count(least: int, most: int | None = None) -> Callable[[str], int]:
    """Makes a type of whole numbers.

    Args:
        least, most: int, the smallest and the largest; None = no largest.

    Returns:
        str -> int.
    """

    def whole(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            wanted = f"of {least} or more" if most is None else f"in {least}-{most}"
            raise argparse.ArgumentTypeError(f"must be a whole number {wanted}. Received: {text!r}")
        return value

    return whole


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")  # in no range
