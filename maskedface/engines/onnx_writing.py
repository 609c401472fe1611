"""Converts a Keras model to an ONNX file."""

from __future__ import annotations

import warnings

import keras
import numpy as np

from maskedface.extras import from_extra


def write_graph(model: keras.Model, path: str) -> None:
    """Writes an ONNX file whose input is float32 images.

    Args:
        model: images -> one array.
        path: the file.

    Raises:
        ModuleNotFoundError: if a package is not installed; the message has the pip command.
    """
    with from_extra("onnx", "onnx and tf2onnx"):
        import onnx  # noqa: F401
        import tf2onnx  # noqa: F401  (Keras uses both)
    # Keras exports only models that were called once.
    model(np.zeros((1, *model.input_shape[1:]), "float32"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras uses names that NumPy 2 has removed
        model.export(path, format="onnx", verbose=False)
