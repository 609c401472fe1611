"""Argument types for numbers on the command line, and arguments that commands share."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any


def _number(
    wanted: str, fits: Callable[[Any], bool], kind: type = float, hint: str = ""
) -> Callable[[str], Any]:
    """An argument type for numbers that satisfy `fits`; `wanted` describes them."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan  # satisfies no condition
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
    """An argument type for whole numbers in [least, most]; None means no upper limit."""
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
    """Adds an option for a whole number; its help ends with the default, if there is one."""
    told = help if default is None else f"{help}; default: {default}"
    parser.add_argument(word, type=count(least, most), default=default, metavar="N", help=told)


def seeds(text: str) -> tuple[int, ...]:
    """An argument type for seeds: non-negative whole numbers such as "0,1,2"."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"must be whole numbers like 0,1,2. Received: {text!r}")
    return tuple(map(int, parts))


def add_wait(parser: argparse._ActionsContainer, default: float = 0.0) -> None:
    """Adds --wait: how many seconds to wait for another process that changes the same files."""
    parser.add_argument(
        "--wait",
        type=_patience,
        nargs="?",
        const=math.inf,
        default=default,
        metavar="SECONDS",
        help="if another process uses the same files, wait until it ends, or for at most SECONDS "
        f"and then fail with its name; default: {default:g}",
    )


def add_engine_words(parser: argparse._ActionsContainer, what: str) -> None:
    """Adds --engine and --engine-precision, by default None; the help starts with `what`."""
    parser.add_argument(
        "--engine",
        choices=("keras", "openvino", "onnx", "auto"),
        help=f"{what}; auto selects the fastest installed one; each is compared with Keras",
    )
    parser.add_argument(
        "--engine-precision",
        choices=("float32", "bfloat16", "int8"),
        help="the engine's precision; for auto the lowest that it may select",
    )


def input_range(text: str) -> tuple[float, ...] | str:
    """An argument type for the values of pixels 0 and 255 in a network's input: two numbers, six
    for red, green and blue, or "standardized"."""
    if text == "standardized":
        return text
    try:
        values = tuple(map(float, text.split(",")))
    except ValueError:
        values = ()
    if len(values) not in (2, 6) or not all(map(math.isfinite, values)):
        raise argparse.ArgumentTypeError(
            "must be LOW,HIGH, six numbers for red, green and blue, or standardized. "
            f"Received: {text!r}"
        )
    return values
