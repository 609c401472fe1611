"""The calls that a functional model consists of."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np


def nodes_of(model: keras.Model) -> list[Any]:
    """The calls that a functional model consists of: of layers, and of the operations that
    `keras.ops` and arithmetic add between them.

    Args:
        model: a functional or sequential model.

    Returns:
        Keras' nodes, in an order in which inputs come first.
    """
    depths = (getattr(model, "_functional", None) or model)._nodes_by_depth
    return [node for depth in sorted(depths, reverse=True) for node in depths[depth]]


def graph_of(model: keras.Model) -> str:
    """A model's layers and operations with their settings and inputs, without the weights.

    Args:
        model: a functional model that calls no layer twice.

    Returns:
        JSON. Names are left out, but for those within nested models: they say how many layers the
        process has made before.
    """
    nodes = nodes_of(model)
    places = {id(node.operation): place for place, node in enumerate(nodes)}
    steps = [
        [
            type(node.operation).__name__,
            _settings(node),
            [
                (places[id(tensor._keras_history.operation)], tensor._keras_history.tensor_index)
                for tensor in node.input_tensors
            ],
        ]
        for node in nodes
    ]
    return json.dumps(steps, default=_text)


def _settings(node: Any) -> Any:
    step = node.operation
    if isinstance(step, keras.layers.InputLayer):
        return str(step.output.shape)
    if isinstance(step, keras.layers.Layer):
        return step.get_config() | {"name": ""}
    constants = keras.tree.map_structure(
        lambda value: "tensor" if keras.backend.is_keras_tensor(value) else value,
        [node.arguments.args, node.arguments.kwargs],
    )
    own = {key: value for key, value in vars(step).items() if key != "name" and key[0] != "_"}
    return [own, constants]


def _text(value: Any) -> str:
    """What JSON has no word for; of an array all numbers, which `str` would cut."""
    return str(np.asarray(value).tolist() if hasattr(value, "shape") else value)
