"""Memory that TensorFlow keeps of a finished training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras


@contextlib.contextmanager
def released_memory() -> Iterator[None]:
    """Lets go of what `fit` left behind inside, which TensorFlow would hold until the process ends.

    Two lists of TensorFlow 2.21 only grow, some 140 MiB a trial of a search together:
    - the outermost graph keeps every Python function behind a data set (`script_ops._internal_py_func`),
      and so the arrays it reads, mapped features and queued batches;
    - the registry of gradients keeps every gradient written in Python (`custom_gradient`; the sum over
      replicas in Keras' optimizers is one), and so the traced step, the network and the optimizer.
    What was there before stays. Other backends keep nothing.
    """
    functions = {id(function) for function in _functions()}
    gradients = set(_gradients())
    try:
        yield
    finally:
        now = _functions()
        now[:] = [function for function in now if id(function) in functions]
        registered = _gradients()
        for name in set(registered) - gradients:
            del registered[name]


# Both are private: where a later TensorFlow has no such list, there is nothing to let go of.
def _functions() -> list[Any]:
    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    graph = tf.compat.v1.get_default_graph()  # in eager mode the outermost one
    found: list[Any] = getattr(graph, "_py_funcs_used_in_graph", [])
    return found


def _gradients() -> dict[str, Any]:
    if keras.backend.backend() != "tensorflow":
        return {}
    from tensorflow.python.framework import ops

    found: dict[str, Any] = getattr(ops.gradient_registry, "_registry", {})
    return found
