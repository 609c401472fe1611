"""Values and gradients of a loss, on the backend that Keras runs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def value_and_gradient(loss: Any, y_true: Any, y_pred: Any) -> tuple[float, np.ndarray]:
    """A loss and its gradient with respect to the predictions."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred, "float32")
    if keras.backend.backend() == "jax":
        import jax

        value, slope = jax.value_and_grad(lambda there: loss(y_true, there))(y_pred)
        return float(value), np.asarray(slope)
    import tensorflow as tf

    there = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(there)
        value = loss(y_true, there)
    return float(value), tape.gradient(value, there).numpy()
