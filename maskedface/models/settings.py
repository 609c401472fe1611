"""Makes the networks here independent of Keras' global settings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def in_float32() -> Iterator[None]:
    """A context, also usable as a decorator, that builds layers in float32 and then restores the
    caller's dtype policy.

    Keras' policy is per thread, so other threads are not affected.

    Raises:
        ValueError: if Keras' `floatx`, the type of losses and metrics, is not float32.
    """
    if keras.config.floatx() != "float32":
        raise ValueError(
            "keras.config.floatx() must be 'float32' (keras.json, KERAS_FLOATX). "
            f"Received: {keras.config.floatx()!r}"
        )
    policy = keras.config.dtype_policy()
    if policy.name == "float32":
        yield
        return
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def refuse_channels_first() -> None:
    """Rejects the Keras setting "channels_first".

    Raises:
        ValueError: if it is set.
    """
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "keras.config.image_data_format() must be 'channels_last' (keras.json) for a backbone of "
            f"keras.applications. Received: {keras.config.image_data_format()!r}"
        )
