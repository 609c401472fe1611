"""--wait: what a command does where another process changes the same files."""

from __future__ import annotations

import argparse
import math


def add_wait(parser: argparse.ArgumentParser, default: float = 0.0) -> None:
    """Adds --wait, by default so many seconds."""
    parser.add_argument(
        "--wait",
        type=_seconds,
        nargs="?",
        const=math.inf,
        default=default,
        metavar="SECONDS",
        help="where another process works on the same files wait until it has ended, or for so many "
        f"seconds, then name it and end; default: {default:g}",
    )


def _seconds(text: str) -> float:
    from maskedface.locks import check_wait

    try:
        wait = float(text)
        check_wait(wait)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be seconds, 0 or more. Received: {text!r} (--wait alone goes last)"
        ) from None
    return wait
