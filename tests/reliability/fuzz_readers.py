"""Fuzzes a reader of weight files, guided by coverage (needs atheris):

python -m tests.reliability.fuzz_readers pickle|dlib -runs=20000
"""

from __future__ import annotations

import inspect
import pickle
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from maskedface.conversion import dlib_reader, file_checks, pickle_reader
from maskedface.conversion.dlib_reader import read_dlib
from maskedface.conversion.pickle_reader import read_pickle

READERS: dict[str, Callable[[str], object]] = {"pickle": read_pickle, "dlib": read_dlib}


def integer(number: int) -> bytes:
    """dlib's compact integer."""
    return struct.pack("<BI", 4, number)


def dlib_file() -> bytes:
    sizes = b"".join(map(integer, (2, 2, 1, 1, 3)))
    values = np.arange(6, dtype="<f4").tobytes()
    layers = (b"con_4", b"affine_", b"fc_2" + integer(1) + integer(1))
    return b"".join(layer + sizes + values for layer in layers)


def seeds() -> dict[str, list[bytes]]:
    """Whole files of each kind."""
    arrays = {"a.weight": np.arange(6, dtype="float32").reshape(2, 3), "b": np.array([1.5])}
    return {
        "pickle": [pickle.dumps(arrays, protocol) for protocol in range(6)],
        "dlib": [dlib_file()],
    }


def read(kind: str, data: bytes, folder: Path) -> object:
    """What a reader makes of a file's bytes: arrays, or None where it refuses them by a ValueError."""
    path = folder / "file"
    path.write_bytes(data)
    try:
        return READERS[kind](str(path))
    except ValueError:
        return None


def main() -> None:
    import atheris

    kind = sys.argv.pop(1)
    folder = Path(tempfile.mkdtemp())
    (folder / "seeds").mkdir()
    for number, seed in enumerate(seeds()[kind]):
        (folder / "seeds" / str(number)).write_bytes(seed)
    for module in (dlib_reader, file_checks, pickle_reader):  # all of TensorFlow would take minutes
        owners = [module, *(kind for _, kind in inspect.getmembers(module, inspect.isclass))]
        for owner in owners:
            for _, function in inspect.getmembers(owner, inspect.isfunction):
                if function.__module__ == module.__name__:
                    atheris.instrument_func(function)
    atheris.Setup(
        [*sys.argv, str(folder / "seeds")], lambda data: read(kind, data, folder) and None
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
