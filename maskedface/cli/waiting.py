"""--wait: what a command does where another process changes the same files."""

from __future__ import annotations

import argparse
import math


def add_wait(parser: argparse.ArgumentParser) -> None:
    """Adds --wait."""
    parser.add_argument(
        "--wait",
        type=_seconds,
        nargs="?",
        const=math.inf,
        default=0.0,
        metavar="SECONDS",
        help="where another process works on the same files wait until it has ended, or for so long; "
        "default: name it and end",
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
