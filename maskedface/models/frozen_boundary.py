"""Finds where a partly frozen network can be cut: activations before the boundary never change."""

from __future__ import annotations

from typing import Any

import keras

from maskedface.models.graph import nodes_of


def boundary(backbone: keras.Model) -> keras.KerasTensor | None:
    """The last tensor of the frozen layers: all values before it are constant during training.

    Args:
        backbone: a functional or sequential model with one input and one output, after `models.freeze`.

    Returns:
        The last output of a layer through which all later ones depend on the input, and which
        precedes the first layer that is trainable, updates batch statistics or draws random
        numbers; the output itself if there is no such layer. None if no layer with weights precedes
        it, or if a layer of the network is used twice.
    """
    nodes = nodes_of(backbone)
    if len({id(node.operation) for node in nodes}) < len(nodes) or len(backbone.inputs) != 1:
        return None
    done: set[int] = set()
    found, has_weights = None, False
    for node in nodes:
        step, outputs = node.operation, node.output_tensors
        done.add(id(step))
        if not isinstance(step, keras.layers.Layer):
            continue  # no cut: behind it rows may be no images, such as the windows of a map
        if _changes(step):
            break
        has_weights = has_weights or bool(step.weights)
        if has_weights and len(outputs) == 1 and _is_only_way(node, nodes, done):
            found = outputs[0]
    return found


def _changes(layer: keras.layers.Layer) -> bool:
    parts = layer._flatten_layers()
    moves = any(
        isinstance(part, keras.layers.BatchNormalization) and part.trainable for part in parts
    )
    # A seed's state is among a layer's variables, but not among its weights.
    is_random = len(layer.variables) > len(layer.weights)
    return moves or is_random or bool(layer.trainable_weights)


def _is_only_way(node: Any, nodes: list[Any], done: set[int]) -> bool:
    """Whether later calls depend on earlier ones only through this one's output."""
    for later in nodes:
        if id(later.operation) in done:
            continue
        for tensor in later.input_tensors:
            before = tensor._keras_history.operation
            if id(before) in done and before is not node.operation:
                return False
    return True
