"""The memory of the GPU that Keras' backend computes on."""

from __future__ import annotations

import functools
import os

VARIABLE = "MASKEDFACE_DEVICE_MEMORY"


def device_memory() -> int:
    """Bytes that Keras' backend may take on the GPU that it computes on; 0 without a GPU.

    The limit and not what is free now: what follows from it, such as the size of batches, is the
    same in each run on a card.

    `$MASKEDFACE_DEVICE_MEMORY`, in GiB, takes the place of the measured memory: 0 leaves every run
    as it is on a CPU, and another number lets a CPU run as a GPU does, to test that.

    Raises:
        ValueError: if the variable is not a number >= 0.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return _bytes_of(given)
    return _measured()


@functools.cache  # TensorFlow opens all devices again to list them, and every prediction asks
def _measured() -> int:
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        device = jax.local_devices()[0]
        stats = None if device.platform == "cpu" else device.memory_stats()
        return int(stats["bytes_limit"]) if stats else 0
    if backend == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_logical_devices("GPU"):
            return 0
        from tensorflow.python.client import device_lib  # the one place that tells the limit

        devices = device_lib.list_local_devices()
        return next(int(one.memory_limit) for one in devices if one.device_type == "GPU")
    return 0


def _bytes_of(given: str) -> int:
    try:
        gib = float(given)
        if not 0 <= gib < float("inf"):
            raise ValueError
    except ValueError:
        raise ValueError(
            f"{VARIABLE} must be a number of GiB, at least 0. Received: {given!r}"
        ) from None
    return int(gib * 2**30)
