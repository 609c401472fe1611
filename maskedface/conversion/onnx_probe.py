"""Compares a converted network with ONNX Runtime on the file that it came from."""

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
    """What ONNX Runtime makes of the drawn face from the file itself.

    Args:
        path: the file.
        network: what was found in it.
        channels: "RGB" or "BGR": what the file takes.
        size: height and width of its images in pixels.

    Returns:
        float32 array of shape (features,), or None where ONNX Runtime is not installed.

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
    """Fills a network as `assign` does, and refuses it where it does not give what the file gives.

    Args:
        backbone: the network, changed in place.
        network: what was found in the file; its arrays are emptied.
        expected: of `runtime_embedding`.
        fresh: whether the backbone was built for this file and goes with it; otherwise it is as it was
            where the file is refused, which takes its size in memory once more.

    Returns:
        What was mapped, and how far the embeddings of the drawn face are apart, as a share of the largest
        value; None where there is nothing to compare with.

    Raises:
        ValueError: as `assign`; or if they are further apart than `TOLERANCE`, of a file of half precision
            `HALF_TOLERANCE`.
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
            f"a converted network must give what the file gives, to {most:g} of the largest value of "
            f"the drawn face's embedding. Received: {apart:.2g}"
        )
    return assigned, apart
