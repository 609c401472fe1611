"""Finds where a partly frozen network can be cut: activations before the boundary never change."""

from __future__ import annotations

import keras


def boundary(backbone: keras.Model) -> keras.KerasTensor | None:
    """The last tensor of the frozen layers: all values before it are constant during training.

    Args:
        backbone: a functional model with one input and one output, after `models.freeze`.

    Returns:
        The last tensor of the graph through which all later layers depend on the input, and which
        precedes the first layer that is trainable, updates batch statistics or draws random
        numbers; the output itself if there is no such layer. None if no layer with weights precedes
        it, or if a layer of the network is used twice.
    """
    layers = backbone.layers
    if any(len(layer._inbound_nodes) != 1 for layer in layers) or len(backbone.inputs) != 1:
        return None
    done: set[int] = set()
    found, has_weights = None, False
    for layer in layers:  # Keras keeps them in an order in which inputs come first
        if _changes(layer):
            break
        done.add(id(layer))
        has_weights = has_weights or bool(layer.weights)
        if has_weights and _is_only_way(layer, layers, done):
            found = layer.output
    return found


def _changes(layer: keras.layers.Layer) -> bool:
    parts = layer._flatten_layers()
    moves = any(
        isinstance(part, keras.layers.BatchNormalization) and part.trainable for part in parts
    )
    # A seed's state is among a layer's variables, but not among its weights.
    is_random = len(layer.variables) > len(layer.weights)
    return moves or is_random or bool(layer.trainable_weights)


def _is_only_way(
    layer: keras.layers.Layer, layers: list[keras.layers.Layer], done: set[int]
) -> bool:
    """Whether later layers depend on earlier ones only through this layer's output."""
    for later in layers:
        if id(later) in done:
            continue
        for tensor in later._inbound_nodes[0].input_tensors:
            before = tensor._keras_history.operation
            if id(before) in done and before is not layer:
                return False
    return True
