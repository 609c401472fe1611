"""Reads the parameter tensors of a dlib network file."""

from __future__ import annotations

import math
import os

import numpy as np

from maskedface.conversion import file_checks


def read_dlib(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads the parameter tensors of a dlib network file (`.dat`).

    The file is a stream of layers, starting from the input. After the tag `con_4` (convolution),
    `affine_` or `fc_2`, a layer's parameters follow as a tensor: version 2, four sizes as compact
    integers, then little-endian float32 (dlib/cuda/tensor.h and dlib/serialize.h).

    Args:
        path: the file.

    Returns:
        {name: float32 array} in file order, with names numbered per kind: "con_4/0", "affine_/0",
        ..., "fc_2/0"; the arrays have dlib's four sizes (samples, k, rows, columns).

    Raises:
        ValueError: if the file contains no such layer, or is truncated.
    """
    file_checks.check(path, "a network file of dlib")
    with open(path, "rb") as file:
        data = file.read()
    arrays: dict[str, np.ndarray] = {}
    counts = dict.fromkeys((b"con_4", b"affine_", b"fc_2"), 0)
    position = 0
    while True:
        found = [(data.find(tag, position), tag) for tag in counts]
        found = [pair for pair in found if pair[0] >= 0]
        if not found:
            break
        start, tag = min(found)
        position = start + len(tag)
        if tag == b"fc_2":  # its two widths stand before its tensor
            for _ in range(2):
                _, position = _dlib_integer(data, position)
        array, position = _dlib_tensor(data, position, path)
        arrays[f"{tag.decode()}/{counts[tag]}"] = array
        counts[tag] += 1
    if not arrays:
        raise ValueError(
            "a dlib file must contain con_4, affine_ or fc_2 layers. "
            f"Received: path={os.fspath(path)!r}, which begins with {data[:16]!r}"
        )
    return arrays


def _dlib_tensor(data: bytes, start: int, path: str | os.PathLike[str]) -> tuple[np.ndarray, int]:
    position, header = start, []
    for _ in range(5):  # the version, then four sizes
        number, position = _dlib_integer(data, position)
        header.append(number)
    version, *sizes = header
    if version != 2 or min(sizes) < 1:
        raise ValueError(
            "a dlib tensor must have version 2 and four sizes above 0. "
            f"Received: path={os.fspath(path)!r}, byte {start}: {header}"
        )
    end = position + 4 * math.prod(sizes)
    if end > len(data):
        raise ValueError(
            f"a dlib file must not be truncated. Received: path={os.fspath(path)!r} with "
            f"{len(data)} bytes, where a tensor ends at byte {end}"
        )
    return np.frombuffer(data[position:end], "<f4").reshape(sizes), end


def _dlib_integer(data: bytes, position: int) -> tuple[int, int]:
    # One byte holds the byte count in its low four bits and the sign in bit 7; the number follows.
    head = data[position] if position < len(data) else 0
    end = position + 1 + (head & 15)
    number = int.from_bytes(data[position + 1 : end], "little")
    return (-number if head & 128 else number), end
