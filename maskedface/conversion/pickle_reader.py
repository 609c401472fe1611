"""Reads pickles of NumPy arrays without executing code in them."""

from __future__ import annotations

import os
import pickle
import pickletools
from collections import OrderedDict
from typing import Any, BinaryIO

import numpy as np

from maskedface.conversion import file_checks

EXPECTED = "a pickle that maps names to NumPy arrays"


def read_pickle(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads a `.pkl` file of Python 2 or 3 that maps names to NumPy arrays (protocols 0-5).

    A pickle is a program that can call arbitrary functions. Here, only the few names that arrays
    need are allowed, each replaced by a harmless stand-in; any other name is an error.

    Args:
        path: the file.

    Returns:
        {name: array} in file order; the arrays are numeric, with the shapes in the file.

    Raises:
        ValueError: if the file refers to anything but arrays, is truncated, or is not such a
            pickle.
    """
    file_checks.check(path, EXPECTED)
    with open(path, "rb") as file:
        try:
            _check_memo(file)
            file.seek(0)
            # Python 2's strings as the bytes they are: arrays then share them, nothing is copied.
            loaded = _ArrayUnpickler(file, encoding="bytes").load()
        # A broken stream can raise nearly anything: EOFError, KeyError, MemoryError ...
        except Exception as error:
            raise ValueError(
                f"weights must be {EXPECTED}. Received: path={os.fspath(path)!r}, where reading "
                f"stops at byte {file.tell()} of {os.path.getsize(path)}: "
                f"{error or type(error).__name__}"
            ) from error
    return _arrays_of(loaded, path)


def _check_memo(file: BinaryIO) -> None:
    """Rejects implausible indexes in the pickle's memo: the unpickler allocates memory for all
    indexes up to the highest, so five bytes could take gigabytes."""
    for count, (opcode, number, _) in enumerate(pickletools.genops(file)):
        if (
            opcode.name in ("PUT", "BINPUT", "LONG_BINPUT")
            and number is not None
            and number > count
        ):
            raise ValueError(f"it uses memo index {number} after {count} steps")


class _ArrayUnpickler(pickle.Unpickler):
    """Allows only the names in pickled arrays. Bound methods replace NumPy's functions, because a
    pickle cannot set attributes on them."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy._core", "numpy.core")  # NumPy 2 renamed it
        allowed: dict[tuple[str, str], Any] = {
            ("numpy.core.multiarray", "_reconstruct"): self._reconstruct,
            ("numpy.core.numeric", "_frombuffer"): self._frombuffer,
            ("numpy", "ndarray"): "ndarray",  # only ever an argument of _reconstruct
            ("numpy", "dtype"): self._dtype,
            ("_codecs", "encode"): self._encode,
            ("collections", "OrderedDict"): OrderedDict,
        }
        if (module, name) not in allowed:
            raise ValueError(f"it refers to {module}.{name}, which no array needs")
        return allowed[module, name]

    def _reconstruct(self, subtype: str, shape: tuple[int, ...], kind: bytes) -> _Array:
        if subtype != "ndarray":
            raise ValueError(f"it refers to an array of type {subtype!r}")
        return _Array()

    def _frombuffer(
        self, buffer: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str
    ) -> _Array:
        array = _Array()
        array.__setstate__((1, shape, dtype, order == "F", buffer))
        return array

    def _dtype(self, code: str | bytes, align: bool, copy: bool) -> _Dtype:
        return _Dtype(_text(code))

    def _encode(self, text: str, encoding: str | bytes) -> bytes:
        # How Python 3 writes bytes into protocols 0 to 2.
        encoding = _text(encoding)
        if encoding not in ("latin1", "latin-1"):
            raise ValueError(f"it refers to the encoding {encoding!r}")
        return text.encode("latin1")


class _Dtype:
    # numpy.dtype's own __setstate__ also takes flags that can break memory: only the byte order
    # is read here.
    def __init__(self, code: str) -> None:
        self.numpy = np.dtype(str(code))
        if self.numpy.kind not in "fiub":
            raise ValueError(f"it contains an array of type {code!r}, which is not numeric")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.numpy = self.numpy.newbyteorder(_text(state[1]))  # type: ignore[arg-type]


class _Array:
    numpy: np.ndarray | None = None

    def __setstate__(self, state: tuple[int, tuple[int, ...], _Dtype, bool, bytes | str]) -> None:
        _, shape, dtype, fortran, raw = state
        data = raw.encode("latin1") if isinstance(raw, str) else raw
        self.numpy = np.frombuffer(data, dtype.numpy).reshape(shape, order="F" if fortran else "C")


def _text(string: str | bytes) -> str:
    return string.decode("latin1") if isinstance(string, bytes) else str(string)


def _arrays_of(loaded: Any, path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    found, arrays = "", {}
    if not isinstance(loaded, dict) or not loaded:
        found = f"holds a {type(loaded).__name__} of length 0 or of another kind"
    else:
        for name, array in loaded.items():
            name = _text(name) if isinstance(name, bytes) else name
            if isinstance(name, str) and isinstance(array, _Array) and array.numpy is not None:
                arrays[name] = array.numpy
            else:
                found = found or f"maps {name!r} to a {type(array).__name__.strip('_')}"
    if found:
        raise ValueError(
            f"weights must be {EXPECTED}. Received: path={os.fspath(path)!r}, which {found}"
        )
    return arrays
