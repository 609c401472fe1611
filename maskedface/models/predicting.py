"""Batched prediction, used wherever the library runs a model over many faces."""

from __future__ import annotations

import math
import weakref

import keras
import numpy as np

from maskedface.device_memory import device_memory
from maskedface.models.settings import in_float32

# Rows a batch: on two cores 32 is fastest for ResNet50, and a GPU is busy with 1024 of them.
_LEAST, _MOST = 32, 1024
_SHARE = 0.25  # of a GPU's memory that a batch's activations may take, were all held at a time
_RUNNERS: weakref.WeakKeyDictionary[keras.Model, keras.Model] = weakref.WeakKeyDictionary()


def predict(model: keras.Model, inputs: np.ndarray, batch_size: int | None = None) -> np.ndarray:
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
        batch_size: int >= 1; None = `batch_size_for(model)`: 32, or more on a GPU.

    Returns:
        The outputs, shape (rows, ...), in the model's output type (float32 for every embedding and
        logit of this library).

    Raises:
        ValueError: if there are no rows, or `batch_size` is below 1.
    """
    if batch_size is None:
        batch_size = batch_size_for(model)
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
        output = np.asarray(runner.predict_on_batch(padded(batch, batch_size)))
        if outputs is None:
            outputs = np.empty((len(inputs), *output.shape[1:]), output.dtype)
        outputs[start : start + rows] = output[:rows]
    assert outputs is not None
    return outputs


def padded(batch: np.ndarray, rows: int) -> np.ndarray:
    """A batch of one shape, which is compiled once.

    Args:
        batch: array, shape (up to `rows`, ...), at least one row.
        rows: int >= 1.

    Returns:
        Array, shape (rows, ...): the batch, and then its first row.
    """
    if len(batch) == rows:
        return batch
    return np.concatenate([batch, np.repeat(batch[:1], rows - len(batch), axis=0)])


def batch_size_for(model: keras.Model) -> int:
    """The number of rows to run through a model at a time.

    >>> import keras
    >>> from maskedface.models.predicting import batch_size_for
    >>> batch_size_for(keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])) >= 32
    True

    Args:
        model: a functional or sequential model.

    Returns:
        32 on a CPU. On a GPU the largest power of two up to 1024 for which the outputs of all
        layers, in float32, take at most a quarter of the memory: more than is held at a time.
    """
    memory = device_memory()
    if not memory:
        return _LEAST
    layers = model._flatten_layers(include_self=False)
    tensors = keras.tree.flatten([getattr(layer, "output", None) for layer in layers])
    shapes = [tensor.shape for tensor in tensors if tensor is not None]
    values = sum(math.prod(size or 1 for size in shape) for shape in shapes)
    rows = max(1, int(_SHARE * memory / (4 * max(1, values))))
    return min(_MOST, max(_LEAST, 1 << rows.bit_length() - 1))


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
