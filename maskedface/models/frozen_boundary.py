"""Where a partly frozen network can be cut: before the line nothing ever changes."""

from __future__ import annotations

import keras


def boundary(backbone: keras.Model) -> keras.KerasTensor | None:
    """The last tensor of a frozen prefix: everything before it gives the same values in training.

    Args:
        backbone: a functional model of one input and one output, after `models.freeze`.

    Returns:
        A tensor of the model's graph through which all that comes after depends on the input, before
        the first layer that learns, moves batch statistics or draws random numbers; the output itself
        where no layer does. None where no layer with weights lies before it, or the network has a
        layer that is used twice.
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
    """Whether the layer's output is the one thing that later layers read of earlier ones."""
    for later in layers:
        if id(later) in done:
            continue
        for tensor in later._inbound_nodes[0].input_tensors:
            before = tensor._keras_history.operation
            if id(before) in done and before is not layer:
                return False
    return True
