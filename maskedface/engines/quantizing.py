"""A network's file computing in bytes, made by a program of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import weakref
from typing import Literal

import numpy as np

from maskedface.engines import quantize_program
from maskedface.extras import from_extra

LEAST_FACES = 16  # fewer say too little of how far a tensor's values reach
_NEEDS = {"openvino": ("openvino", "nncf"), "onnx": ("onnx", "onnxruntime")}
_UNTOLD = {"CI": "true", "NNCF_CI": "1"}  # OpenVINO and NNCF tell their makers nothing then


def check_calibration(calibration: np.ndarray | None, shape: tuple[int, ...]) -> None:
    """Refuses faces that int8 cannot be calibrated with.

    Args:
        calibration: uint8 array, shape (M, height, width, 3), or None.
        shape: (height, width, 3) of the network.

    Raises:
        ValueError: if there are none, fewer than `LEAST_FACES`, or of another shape or type.
    """
    if calibration is None:
        raise ValueError("calibration must be given for int8: training faces. Received: none")
    fits = calibration.ndim == 4 and calibration.shape[1:] == shape
    if not fits or calibration.dtype != np.uint8 or len(calibration) < LEAST_FACES:
        raise ValueError(
            f"calibration must be at least {LEAST_FACES} uint8 faces of shape {shape}. "
            f"Received: {calibration.dtype} of shape {calibration.shape}"
        )


class Quantizing:
    """A network's file on its way to int8, so that the caller may do something else meanwhile.

    In a process of its own: NNCF changes the class of the loggers made after it, prints, and imports
    PyTorch where that is installed. The process ends with this object, also where nobody has waited.

    Args:
        kind: whose file it is.
        path: the file, in float32, in a folder that may be written to.
        calibration: as for `check_calibration`.

    Raises:
        ModuleNotFoundError: if a package is not installed; the message has the pip line.
        OSError: if the disk is full.
    """

    def __init__(
        self, kind: Literal["openvino", "onnx"], path: str, calibration: np.ndarray
    ) -> None:
        for package in _NEEDS[kind]:
            if importlib.util.find_spec(package) is None:
                with from_extra(kind, " and ".join(_NEEDS[kind])):
                    raise ModuleNotFoundError(f"no module named {package!r}")
        faces, self._said = f"{path}.faces.npy", f"{path}.txt"
        self._made = os.path.join(os.path.dirname(path), f"int8-{kind}{os.path.splitext(path)[1]}")
        np.save(faces, calibration)
        with open(self._said, "wb") as said:
            self._program = subprocess.Popen(
                [sys.executable, "-P", quantize_program.__file__, kind, path, faces, self._made],
                env={**os.environ, **_UNTOLD},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        self._end = weakref.finalize(self, _stop, self._program)

    def wait(self) -> str:
        """Waits until it is done.

        Returns:
            The new file's path.

        Raises:
            ValueError: if it could not be made; the message has the program's last line.
        """
        code = self._program.wait()
        if code or not os.path.exists(self._made):
            with open(self._said, encoding="utf-8", errors="replace") as said:
                lines = said.read().strip().splitlines() or ["nothing said"]
            raise ValueError(
                f"a network must become one in int8. Received: exit code {code}, {lines[-1]}"
            )
        return self._made


def _stop(program: subprocess.Popen[bytes]) -> None:
    if program.poll() is None:
        program.kill()
        program.wait()
