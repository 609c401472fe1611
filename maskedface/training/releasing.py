"""Memory that TensorFlow keeps of a finished training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras


@contextlib.contextmanager
def released_batches() -> Iterator[None]:
    """Lets go of the batches that were fed inside, which TensorFlow holds until the process ends.

    Each Python function behind a data set is kept by the outermost graph (`script_ops._internal_py_func`
    of TensorFlow 2.21: "the function stays alive as long as the graph lives"), and with it the arrays
    it reads: mapped features and a queue of batches, some 140 MiB a trial of a search. Functions of
    data sets that were there before stay. Does nothing on other backends.
    """
    functions = _kept_functions()
    before = {id(function) for function in functions}
    try:
        yield
    finally:
        now = _kept_functions()
        now[:] = [function for function in now if id(function) in before]


def _kept_functions() -> list[Any]:
    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    graph = tf.compat.v1.get_default_graph()  # in eager mode the outermost one
    # Where a later TensorFlow has no such list, there is nothing to let go of.
    found: list[Any] = getattr(graph, "_py_funcs_used_in_graph", [])
    return found
