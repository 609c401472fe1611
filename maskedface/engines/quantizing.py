"""Quantizes a network's file to int8 in a separate process."""

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
_UNTOLD = {"CI": "true", "NNCF_CI": "1"}  # switches off the telemetry of OpenVINO and NNCF


def check_calibration(calibration: np.ndarray | None, shape: tuple[int, ...]) -> None:
    """Checks the calibration faces for int8.

    Args:
        calibration: uint8 array, shape (M, height, width, 3), or None.
        shape: (height, width, 3) of the network.

    Raises:
        ValueError: if there are fewer than `LEAST_FACES`, or they have another shape or type.
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
    """The quantization of a network's file to int8, in the background.

    It runs in a separate process because NNCF changes the class of later loggers, prints, and
    imports PyTorch if it is installed. The process ends with this object, even without a call of
    `wait`.

    Args:
        kind: the file's format, "openvino" or "onnx".
        path: the file, in float32, in a folder that may be written to.
        calibration: as for `check_calibration`.

    Raises:
        ModuleNotFoundError: if a package is not installed; the message has the pip command.
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
            ValueError: if quantization failed; the message has the last line of the program's
                output.
        """
        code = self._program.wait()
        if code or not os.path.exists(self._made):
            with open(self._said, encoding="utf-8", errors="replace") as said:
                lines = said.read().strip().splitlines() or ["nothing said"]
            raise ValueError(
                f"a network must be quantizable to int8. Received: exit code {code}, {lines[-1]}"
            )
        return self._made


def _stop(program: subprocess.Popen[bytes]) -> None:
    if program.poll() is None:
        program.kill()
        program.wait()
