"""Optimizes a network for inference: batch norms are folded into adjacent layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from maskedface.models.settings import in_float32
from maskedface.models.transforms import rebuilt

# What a batch norm in front of a dense layer may be looked through.
_BETWEEN = (keras.layers.Dropout, keras.layers.Identity, keras.layers.Flatten)
Affine = tuple[np.ndarray, np.ndarray]


@keras.saving.register_keras_serializable(package="maskedface")
class MaximumPReLU(keras.layers.PReLU):
    """A PReLU with slopes of at most 1, computed in two passes over the map instead of five.

    >>> import numpy as np
    >>> from maskedface.models.folding import MaximumPReLU
    >>> layer = MaximumPReLU("ones", shared_axes=[1, 2])
    >>> tuple(layer(np.ones((1, 4, 4, 2), "float32")).shape)
    (1, 4, 4, 2)

    Input shape:
        as `keras.layers.PReLU`.

    Output shape:
        the same.
    """

    def call(self, inputs: Any) -> Any:
        return keras.ops.maximum(inputs, self.alpha * inputs)


@in_float32()
def fold_batch_norm(model: keras.Model) -> keras.Model:
    """Folds each batch norm into an adjacent convolution or dense layer, for inference.

    In inference mode, a batch norm computes y = a x + b per channel, with a = gamma / sqrt(variance
    + epsilon) and b = beta - a * mean. After a convolution or dense layer, the kernel is multiplied
    by a and the bias becomes a * bias + b. Before a dense layer, or a convolution without padding
    (padding would insert 0 instead of b), the kernel is multiplied by a along its inputs, and the
    product of kernel and b is added to the bias. This is exact except for rounding (about 1e-6 of
    the largest value through ResNet50), and an eighth faster on a CPU (docs/performance.md). A
    PReLU with slopes of at most 1, as trained ones have, is computed as max(x, slope * x).

    >>> from maskedface import models
    >>> backbone = models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))
    >>> len(backbone.weights), len(models.fold_batch_norm(backbone).weights)
    (85, 34)

    Args:
        model: any functional model; it is not modified.

    Returns:
        A new, non-trainable model with the same input, output and layer names, and its own weights.
        A folded batch norm becomes an `Identity`. A batch norm remains if the adjacent layer is
        used elsewhere too, is separated by an activation, or has padding.
    """
    behind, ahead = _folds(model)
    holders = {layer.name for layer in (*behind.values(), *ahead.values())}

    def build(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name in behind or layer.name in ahead:
            return keras.layers.Identity(name=layer.name, dtype=layer.dtype_policy.name)
        if type(layer) is keras.layers.PReLU and np.max(layer.alpha) <= 1:
            return MaximumPReLU.from_config(layer.get_config())
        changes = {"use_bias": True} if layer.name in holders else {}
        return type(layer).from_config(layer.get_config() | changes)

    folded = rebuilt(model, build)
    for layer in model.layers:
        if layer.name in holders:
            before = [model.get_layer(name) for name, held in ahead.items() if held is layer]
            after = [model.get_layer(name) for name, held in behind.items() if held is layer]
            folded.get_layer(layer.name).set_weights(_folded_weights(layer, before, after))
        elif layer.weights and layer.name not in behind and layer.name not in ahead:
            folded.get_layer(layer.name).set_weights(layer.get_weights())
    folded.trainable = False
    return folded


def _folds(
    model: keras.Model,
) -> tuple[dict[str, keras.layers.Layer], dict[str, keras.layers.Layer]]:
    """{name of a batch norm: the preceding layer it folds into}, {...: the following layer}."""
    behind: dict[str, keras.layers.Layer] = {}
    ahead: dict[str, keras.layers.Layer] = {}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue
        before, after = layer.input._keras_history.operation, _reader(layer)
        if (
            isinstance(before, keras.layers.Conv2D | keras.layers.Dense)
            and before.activation is keras.activations.linear
            and len(before._outbound_nodes) == 1
            and _norms_channels(layer)
        ):
            behind[layer.name] = before
        elif after is not None and _norms_channels(layer):
            ahead[layer.name] = after
    return behind, ahead


def _norms_channels(norm: keras.layers.BatchNormalization) -> bool:
    return norm.axis in (-1, len(norm.input.shape) - 1)


def _reader(norm: keras.layers.Layer) -> keras.layers.Layer | None:
    """The following layer into which a batch norm can be folded."""
    layer, flattened = norm, False
    while len(layer._outbound_nodes) == 1:
        layer = layer._outbound_nodes[0].operation
        if isinstance(layer, keras.layers.Dense):
            return layer if flattened or len(norm.output.shape) == 2 else None
        if isinstance(layer, keras.layers.Conv2D):
            fits = layer.padding == "valid" or set(layer.kernel_size) == {1}
            return layer if fits and layer.groups == 1 and not flattened else None
        if not isinstance(layer, _BETWEEN):
            return None
        if isinstance(layer, keras.layers.Flatten):
            flattened = True
            if layer.data_format != "channels_last":
                return None
    return None


def _folded_weights(
    layer: keras.layers.Layer,
    before: list[keras.layers.BatchNormalization],
    after: list[keras.layers.BatchNormalization],
) -> list[np.ndarray]:
    kernel: np.ndarray = np.asarray(layer.kernel, np.float64)
    bias: np.ndarray = np.zeros(kernel.shape[-1])
    if layer.use_bias:
        bias = np.asarray(layer.bias, np.float64)
    for norm in before:
        inputs = kernel.shape[-2]
        # Behind a Flatten the channels come again for each place of the map.
        factor, shift = (np.tile(one, inputs // len(one)) for one in _affine(norm))
        bias = bias + (kernel * shift[:, None]).sum(axis=tuple(range(kernel.ndim - 1)))
        kernel = kernel * factor[:, None]
    for norm in after:
        factor, shift = _affine(norm)
        kernel, bias = kernel * factor, bias * factor + shift
    return [values.astype("float32") for values in (kernel, bias)]


def _affine(norm: keras.layers.BatchNormalization) -> Affine:
    """(a, b) of a batch norm's y = a x + b."""
    factor: np.ndarray = 1 / np.sqrt(np.float64(norm.moving_variance) + norm.epsilon)
    if norm.scale:
        factor = factor * np.float64(norm.gamma)
    shift: np.ndarray = -factor * np.float64(norm.moving_mean)
    return factor, shift + np.float64(norm.beta) if norm.center else shift
