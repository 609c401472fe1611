"""One function per format to write a Keras model, without checks."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np

from maskedface.engines.onnx_writing import write_graph
from maskedface.quiet import without_notes


def write_saved_model(model: keras.Model, path: str) -> None:
    """Writes a SavedModel's folder; its endpoint is `serve`, float32 images -> float32 vectors.

    `model.export` of Keras 3.15 is not used: it stores every variable twice.
    """
    import tensorflow as tf

    def serve(images: Any) -> Any:
        return model(images, training=False)

    shape = tf.TensorSpec((None, *model.input_shape[1:]), "float32", name="images")
    module = tf.Module()
    module.serve = tf.function(serve, input_signature=[shape], autograph=False)
    module.kept = [variable.value for variable in model.variables]
    tf.saved_model.save(module, path, signatures={"serving_default": module.serve})


def write_onnx(model: keras.Model, path: str, facts: dict[str, Any]) -> None:
    """Writes an ONNX file, with the facts as its metadata "maskedface".

    Raises:
        ModuleNotFoundError: if a package is not installed; the message has the pip command.
    """
    write_graph(model, path)
    import onnx

    made = onnx.load(path)
    onnx.helper.set_model_props(made, {"maskedface": json.dumps(facts)})
    onnx.checker.check_model(made)
    onnx.save(made, path)


def write_litert(
    model: keras.Model, path: str, precision: str, calibration: np.ndarray | None
) -> None:
    """Writes a LiteRT file.

    "float16" stores weights in half the size. "int8" quantizes weights per channel, and activations
    with the ranges found on the calibration images; the input is uint8 gray levels, the output is
    converted back to float32.
    """
    import tensorflow as tf

    words: dict[str, Any] = {}
    if precision != "float32":
        words["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        words["target_spec"] = {"supported_types": [tf.float16]}
    if precision == "int8":
        assert calibration is not None
        # The input's steps are gray levels only where calibration has seen 0 and 255.
        ends = np.zeros_like(calibration[:1])
        ends[:, ::2] = 255
        images = np.concatenate([calibration, ends]).astype("float32")
        words |= {
            "representative_dataset": lambda: ([image[None]] for image in images),
            "target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
            "inference_input_type": tf.uint8,
        }
    with without_notes():
        model.export(path, format="litert", verbose=False, **words)
