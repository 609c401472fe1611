"""What the tools share; imported first, so that this checkout is found and TensorFlow is quiet.

import _tool  # before keras, tensorflow and maskedface
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskedface.datasets import FaceIndex

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(ROOT))


def parser(text: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the tool's docstring as it stands."""
    return argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_protocol(words: argparse.ArgumentParser, protocol: str) -> None:
    """Adds what `read_protocol` asks for; `protocol` is the default column."""
    words.add_argument("--data", required=True)
    words.add_argument("--manifest", required=True)
    words.add_argument("--protocol", default=protocol)
    words.add_argument("--alignment", default="")


def read_protocol(args: argparse.Namespace) -> dict[str, FaceIndex]:
    """The parts of the manifest's column."""
    from maskedface import datasets

    return datasets.read_split(
        args.manifest, args.protocol, root=args.data, alignment=args.alignment
    )


def add_rows(words: argparse.ArgumentParser, part: str) -> None:
    """Adds what `read_rows` asks for; `part` is the default part of a protocol."""
    from maskedface.cli import data

    data.add_data_arguments(words)
    words.add_argument("--protocol", help="only the rows of this column of the manifest")
    words.add_argument("--part", default=part, help="of the protocol")


def read_rows(args: argparse.Namespace) -> FaceIndex:
    """The rows of a data set, or of a part of a manifest's column."""
    from maskedface.cli import data

    if not args.protocol:
        return data.read_index(args)
    return data.selected(read_protocol(args)[args.part], args)


def open_set(root: str, part: str, alignment: str = "") -> FaceIndex:
    """A part of the column `open_set` of the manifest that a data set's folder holds."""
    from maskedface import datasets

    manifest = f"{root}/protocols/manifest.csv"
    return datasets.read_split(manifest, "open_set", root=root, alignment=alignment)[part]


def timed(run: Callable[[], Any]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def megabytes(field: str) -> float:
    """This process's memory by a field of /proc/self/status: VmRSS (held), VmHWM (its peak), RssAnon."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(field))
