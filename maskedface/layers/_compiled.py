"""Runs functions of backend operations on the backend of their images."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import keras

# Private, but what Keras' own preprocessing layers choose their backend by inside `tf.data`.
from keras.src.utils.backend_utils import DynamicBackend, in_tf_graph
from keras.src.utils.jax_utils import is_in_jax_tracing_scope

_LOG = logging.getLogger("maskedface")


def backend_of(images: Any) -> str:
    """The backend to compute with: TensorFlow inside its own graphs, else Keras' backend.

    Args:
        images: array or tensor.

    Returns:
        The name of a Keras backend.
    """
    if in_tf_graph() and not is_in_jax_tracing_scope(images):
        return "tensorflow"
    name: str = keras.backend.backend()
    return name


def ops_of(images: Any) -> Any:
    """The operations (`numpy`, `cast`, ...) of the backend to compute with (`backend_of`).

    Args:
        images: array or tensor.
    """
    return DynamicBackend(backend_of(images))


def run(
    function: Callable[..., Any], backend: str, tensors: tuple[Any, ...], **options: Any
) -> Any:
    """Runs `function(ops, *tensors, **options)`, compiled with XLA on TensorFlow.

    Without compilation, TensorFlow writes the result of every operation to memory, which costs more
    than the computation: XLA fuses it into one or two loops, 5 to 9 times as fast on two cores. It
    compiles once per number of images (about 0.4 s), and the program is shared by all data sets and
    layers of the process.

    Args:
        function: a pure, module-level function that only uses operations of a Keras backend `ops`.
        backend: name of the Keras backend.
        tensors: arrays or tensors.
        options: hashable; one program is compiled for each combination.

    Returns:
        What the function returns.
    """
    if backend == "tensorflow":
        return _tensorflow_function(function, tuple(sorted(options.items())))(*tensors)
    ops = DynamicBackend(backend)
    return function(ops, *map(ops.convert_to_tensor, tensors), **options)


@functools.lru_cache(maxsize=64)
def _tensorflow_function(function: Callable[..., Any], options: tuple[Any, ...]) -> Any:
    import tensorflow as tf

    return tf.function(
        functools.partial(function, DynamicBackend("tensorflow"), **dict(options)),
        jit_compile=_has_xla(),
        autograph=False,
        reduce_retracing=True,  # other numbers of images share a graph
    )


@functools.cache
def _has_xla() -> bool:
    """Whether this build of TensorFlow has XLA."""
    import tensorflow as tf

    with tf.init_scope():
        try:
            tf.function(lambda x: x + 1, jit_compile=True, autograph=False)(tf.constant(0.0))
        except tf.errors.OpError as error:
            _LOG.warning("masks and jitter are not compiled, which is slower: %s", error)
            return False
    return True
