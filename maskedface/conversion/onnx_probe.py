"""Compares a converted network with ONNX Runtime on the original file."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np

from maskedface.conversion import onnx_runtime, probe
from maskedface.conversion.assigning import Assigned, assign
from maskedface.conversion.onnx_ir import OnnxNetwork

# As a share of the largest value. Two libraries' float32 is some 1e-6 apart; a file of half precision
# rounds after each operation.
TOLERANCE = 2e-4
HALF_TOLERANCE = 2e-2


def runtime_embedding(
    path: str | os.PathLike[str], network: OnnxNetwork, channels: str, size: int
) -> np.ndarray | None:
    """The drawn face's embedding, computed by ONNX Runtime from the file itself.

    Args:
        path: the file.
        network: the network found in it.
        channels: "RGB" or "BGR", the file's channel order.
        size: height and width of its images in pixels.

    Returns:
        float32 array of shape (features,), or None if ONNX Runtime is not installed.

    Raises:
        ValueError: if ONNX Runtime cannot run the file.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    low, high = network.input_range
    face = probe.drawn_face(size)[..., :: 1 if channels == "RGB" else -1]
    given, values = io.BytesIO(), face / 255 * (high - low) + low
    np.save(given, np.ascontiguousarray(values.transpose(2, 0, 1)[None], np.float32))
    done = subprocess.run(
        [sys.executable, "-P", onnx_runtime.__file__, os.fspath(path), network.output],
        input=given.getvalue(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [
            f"exit {done.returncode}"
        ]
        raise ValueError(
            "weights must be an ONNX file that ONNX Runtime can run. "
            f"Received: path={os.fspath(path)!r}: {said[-1]}"
        )
    found: np.ndarray = np.load(io.BytesIO(done.stdout), allow_pickle=False)
    return found


def assign_and_check(
    backbone: keras.Model, network: OnnxNetwork, expected: np.ndarray | None, *, fresh: bool
) -> tuple[Assigned, float | None]:
    """Assigns a file's weights as `assign`, and rejects the file if the network's output differs.

    Args:
        backbone: the network, modified in place.
        network: the network found in the file; its arrays are emptied.
        expected: the result of `runtime_embedding`.
        fresh: whether the backbone was built for this file; otherwise its weights are restored if
            the file is rejected, which takes a copy of them in memory.

    Returns:
        The assignment, and the difference of the drawn face's embeddings relative to the largest
        value; None if there is no reference.

    Raises:
        ValueError: as `assign`; or if the difference exceeds `TOLERANCE`, or for a file in half
            precision `HALF_TOLERANCE`.
    """
    before: list[tuple[keras.Variable, Any]] | None = None if fresh else []
    assigned = assign(backbone, network.arrays, before)
    if expected is None:
        return assigned, None
    found = probe.embedding(backbone)
    if network.unit:
        found = found / np.linalg.norm(found)
    apart = probe.difference(expected, found)
    most = TOLERANCE if assigned.precision == "float32" else HALF_TOLERANCE
    if not apart <= most:
        for variable, value in before or ():
            variable.assign(value)
        raise ValueError(
            "a converted network's embedding of the drawn face must agree with the file's to "
            f"{most:g} of the largest value. Received: {apart:.2g}"
        )
    return assigned, apart
