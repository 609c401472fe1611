"""Numbers on the command line, checked before any work: types for argparse, and the words they share."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any


def _number(
    wanted: str, fits: Callable[[Any], bool], kind: type = float, hint: str = ""
) -> Callable[[str], Any]:
    """A type of numbers that fit; `wanted` says which."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan  # fits nowhere
        if not fits(value):
            raise argparse.ArgumentTypeError(f"must be {wanted}. Received: {text!r}{hint}")
        return value

    return read


rate = _number("a rate between 0 and 1", lambda value: 0 < value < 1)
share = _number("a share in [0, 1]", lambda value: 0 <= value <= 1)
seconds = _number("seconds above 0", lambda value: 0 < value < math.inf)
_patience = _number(
    "seconds, 0 or more", lambda value: value >= 0, hint=" (--wait alone goes last)"
)


def score(most: float) -> Callable[[str], float]:
    """A type of scores, float in [-most, most]."""
    return _number(f"a score in [{-most:g}, {most:g}]", lambda value: -most <= value <= most)


def count(least: int, most: int | None = None) -> Callable[[str], int]:
    """A type of whole numbers, from the smallest to the largest; None = no largest."""
    wanted = f"of {least} or more" if most is None else f"in {least}-{most}"
    highest = math.inf if most is None else most
    return _number(f"a whole number {wanted}", lambda value: least <= value <= highest, int)


def add_count(
    parser: argparse._ActionsContainer,
    word: str,
    help: str,
    default: int | None = None,
    *,
    least: int = 1,
    most: int | None = None,
) -> None:
    """Adds a word for a whole number; its help ends with the default, where there is one."""
    told = help if default is None else f"{help}; default: {default}"
    parser.add_argument(word, type=count(least, most), default=default, metavar="N", help=told)


def seeds(text: str) -> tuple[int, ...]:
    """Whole numbers from 0 on, such as "0,1,2"."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"must be whole numbers like 0,1,2. Received: {text!r}")
    return tuple(map(int, parts))


def add_wait(parser: argparse._ActionsContainer, default: float = 0.0) -> None:
    """Adds --wait, by default so many seconds: what a command does where another process changes the same
    files."""
    parser.add_argument(
        "--wait",
        type=_patience,
        nargs="?",
        const=math.inf,
        default=default,
        metavar="SECONDS",
        help="where another process works on the same files wait until it has ended, or for so many "
        f"seconds, then name it and end; default: {default:g}",
    )


def add_engine_words(parser: argparse._ActionsContainer, what: str) -> None:
    """Adds --engine and --engine-precision, None where they are not given; `what` begins the help."""
    parser.add_argument(
        "--engine",
        choices=("keras", "openvino", "onnx", "auto"),
        help=f"{what}: auto measures which of those installed is fastest; all are compared with Keras",
    )
    parser.add_argument(
        "--engine-precision",
        choices=("float32", "bfloat16", "int8"),
        help="what it computes in; of auto the least exact that it may take",
    )


def input_range(text: str) -> tuple[float, ...] | str:
    """What 0 and 255 become in a network's input: two numbers, six of red, green and blue, or
    "standardized"."""
    if text == "standardized":
        return text
    try:
        values = tuple(map(float, text.split(",")))
    except ValueError:
        values = ()
    if len(values) not in (2, 6) or not all(map(math.isfinite, values)):
        raise argparse.ArgumentTypeError(
            "must be LOW,HIGH, or six numbers, of red, green and blue, or standardized. "
            f"Received: {text!r}"
        )
    return values
