"""Loads exported files with their runtimes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskedface.engines.onnx_session import open_session
from maskedface.extras import from_extra
from maskedface.quiet import without_notes

# RGB images, 0-255, shape (N, height, width, 3), N >= 1 -> float32 vectors, shape (N, outputs).
Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Predictor:
    """A loaded exported file, with the contents of the `.json` file next to it.

    It is called with images, uint8 or float, RGB, 0-255, shape (N, height, width, 3), N >= 1, and
    returns a float32 array, shape (N, outputs).

    >>> from maskedface import exporting
    >>> mean = exporting.Predictor(lambda images: images.mean((1, 2)), {"alignment": "arcface"})
    >>> mean.alignment
    'arcface'

    Attributes:
        predict: the prediction function.
        facts: the contents of the `.json` file: "input", "outputs", "alignment", "classes", ...; {}
            if there is none.
    """

    predict: Predict
    facts: dict[str, Any]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return self.predict(images)

    @property
    def alignment(self) -> str:
        """The alignment of input images, a key of `geometry.ALIGNMENTS`; "" if unknown."""
        return str(self.facts.get("alignment") or self.facts.get("template") or "")


def load(path: str | os.PathLike[str]) -> Predictor:
    """Loads an exported file with TensorFlow, ONNX Runtime or LiteRT.

    >>> import keras
    >>> from maskedface import exporting, models, synthetic
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> faces = synthetic.draw_face(0, 0, True, size=64)[None]
    >>> model = models.with_alignment(net, "arcface")
    >>> _ = exporting.export(model, "net", faces, format="savedmodel")
    >>> exporting.load("net")(faces).shape, exporting.load("net").alignment
    ((1, 3), 'arcface')

    Args:
        path: a SavedModel's folder, or a file ending in .onnx or .tflite.

    Returns:
        A `Predictor`: images -> vectors, with the contents of the file's `.json`, including its
        alignment. The outputs of a fully quantized file are converted to floats.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        ModuleNotFoundError: if the runtime is not installed; the message has the pip command.
        ValueError: if the file extension is unknown.
    """
    name = os.fspath(path)
    if not os.path.exists(name):
        raise FileNotFoundError(f"path must be an exported model. Received: {name!r}")
    readers = {"folder": _saved_model, ".onnx": _onnx, ".tflite": _litert}
    kind = "folder" if os.path.isdir(name) else os.path.splitext(name)[1]
    if kind not in readers:
        raise ValueError(f"path must be a folder, .onnx or .tflite. Received: {name!r}")
    beside = Path(f"{name}.json")
    facts = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
    return Predictor(readers[kind](name), facts)


def _saved_model(path: str) -> Predict:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)

    def predict(images: np.ndarray) -> np.ndarray:
        return np.asarray(loaded.serve(images.astype("float32")))

    return predict


def _onnx(path: str) -> Predict:
    session = open_session(path)
    name = session.get_inputs()[0].name

    def predict(images: np.ndarray) -> np.ndarray:
        return np.asarray(session.run(None, {name: images.astype("float32")})[0])

    return predict


def _litert(path: str) -> Predict:
    with from_extra("litert", "ai-edge-litert"):
        from ai_edge_litert.interpreter import Interpreter
    with without_notes():
        interpreter = Interpreter(model_path=path, num_threads=os.cpu_count() or 1)

    allocated: tuple[int, ...] = ()

    def predict(images: np.ndarray) -> np.ndarray:
        nonlocal allocated
        given = interpreter.get_input_details()[0]
        if allocated != images.shape:
            if tuple(given["shape"]) != images.shape:
                interpreter.resize_tensor_input(given["index"], images.shape)
            with without_notes():
                interpreter.allocate_tensors()
            allocated = images.shape
        interpreter.set_tensor(given["index"], _as_type(images, given["dtype"]))
        interpreter.invoke()
        made = interpreter.get_output_details()[0]
        return np.asarray(interpreter.get_tensor(made["index"]), "float32")

    return predict


def _as_type(images: np.ndarray, dtype: Any) -> np.ndarray:
    if np.issubdtype(dtype, np.integer) and not np.issubdtype(images.dtype, np.integer):
        images = images.round().clip(0, 255)
    return images.astype(dtype)
