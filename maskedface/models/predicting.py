"""Batched prediction, used wherever the library runs a model over many faces."""

from __future__ import annotations

import weakref

import keras
import numpy as np

from maskedface.models.settings import in_float32

_RUNNERS: weakref.WeakKeyDictionary[keras.Model, keras.Model] = weakref.WeakKeyDictionary()


def predict(model: keras.Model, inputs: np.ndarray, batch_size: int = 32) -> np.ndarray:
    """Runs a model over an array, a batch at a time.

    Every batch has the same shape (the last one is padded with its first row), so nothing is traced
    or compiled twice; fewer rows than a batch are padded to a power of two, so few shapes are. On a
    CPU, TensorFlow runs without XLA, which slows down bfloat16 there; the
    model's own setting and its compiled functions do not change.

    >>> import keras, numpy as np
    >>> from maskedface import models
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> models.predict(model, np.full((5, 8, 8, 3), 7, "uint8"), batch_size=2)[-1]
    array([7., 7., 7.], dtype=float32)

    Args:
        model: a functional or sequential model, inputs -> one output.
        inputs: array, shape (rows, ...), possibly memory-mapped; only one batch at a time is
            copied.
        batch_size: int >= 1. 32 is fastest for ResNet50 on two cores; larger batches suit a GPU.

    Returns:
        The outputs, shape (rows, ...), in the model's output type (float32 for every embedding and
        logit of this library).

    Raises:
        ValueError: if there are no rows, or `batch_size` is below 1.
    """
    if not len(inputs) or batch_size < 1:
        raise ValueError(
            "inputs must have rows, and batch_size must be at least 1. "
            f"Received: {len(inputs)} rows, batch_size={batch_size}"
        )
    runner = _runner(model)
    batch_size = min(batch_size, 1 << (len(inputs) - 1).bit_length())
    outputs = None
    for start in range(0, len(inputs), batch_size):
        batch = inputs[start : start + batch_size]
        rows = len(batch)
        if rows < batch_size:
            filling = np.repeat(batch[:1], batch_size - rows, axis=0)
            batch = np.concatenate([batch, filling])
        output = np.asarray(runner.predict_on_batch(batch))
        if outputs is None:
            outputs = np.empty((len(inputs), *output.shape[1:]), output.dtype)
        outputs[start : start + rows] = output[:rows]
    assert outputs is not None
    return outputs


@in_float32()
def _runner(model: keras.Model) -> keras.Model:
    """A model of the same layers whose settings can be changed; it is freed with the model."""
    runner = _RUNNERS.get(model)
    if runner is None:
        runner = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
        if keras.backend.backend() == "tensorflow":
            runner.jit_compile = False
        _RUNNERS[model] = runner
    return runner
