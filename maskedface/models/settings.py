"""Keras' own settings, which decide nothing about the networks here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def in_float32() -> Iterator[None]:
    """Builds layers in float32 whatever the caller's policy, which is as it was afterwards.

    Keras keeps the policy a thread, so other threads see nothing of it. It decorates functions too.

    Raises:
        ValueError: if Keras' `floatx`, which losses and metrics compute in, is another.
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
    """Refuses Keras' setting that images have their channels first.

    Raises:
        ValueError: if it is so.
    """
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "keras.config.image_data_format() must be 'channels_last' (keras.json) for a backbone of "
            f"keras.applications. Received: {keras.config.image_data_format()!r}"
        )
