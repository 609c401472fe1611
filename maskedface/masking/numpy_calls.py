"""NumPy functions in `tf.data`, kept for as long as the data set that calls them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any


def numpy_call(
    function: Callable[..., Any], inputs: Sequence[Any], types: Any, *, is_stateful: bool = True
) -> Any:
    """`tf.numpy_function` that lets go of the function with the graph that calls it.

    TensorFlow's own keeps each function, and so all arrays behind it, until the process ends
    (`script_ops._internal_py_func`). Here it gets a weak reference, and the graph of the caller, which a
    data set holds, has the strong one.

    Args:
        function: NumPy arrays -> array, or a tuple of arrays.
        inputs: tensors.
        types: the TensorFlow type of the result, or a tuple of types.
        is_stateful: whether equal inputs may give other results.

    Returns:
        A tensor, or a list of tensors, of unknown shape.
    """
    import tensorflow as tf

    if tf.executing_eagerly():  # it is called at once, and nothing is kept
        return tf.numpy_function(function, inputs, types, stateful=is_stateful)
    graph = tf.compat.v1.get_default_graph()
    graph._maskedface_functions = (*getattr(graph, "_maskedface_functions", ()), function)
    known = weakref.ref(function)

    def call(*arrays: Any) -> Any:
        found = known()
        if found is None:
            raise RuntimeError("a data set must be there for as long as it is read")
        return found(*arrays)

    return tf.numpy_function(call, inputs, types, stateful=is_stateful)
