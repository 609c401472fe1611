"""The same network in another form: batch norms folded away, or feature maps in bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import keras
import numpy as np

from maskedface.models.alignment import FaceAlignment
from maskedface.models.settings import in_float32

Precision = Literal["float32", "bfloat16"]


@in_float32()
def fold_batch_norm(model: keras.Model) -> keras.Model:
    """Folds each batch norm that follows a convolution into it, for inference.

    A batch norm in inference mode computes y = a x + b a channel, with a = gamma / sqrt(variance +
    epsilon) and b = beta - a * mean: the kernel is multiplied by a, the bias becomes a * bias + b.
    Exact but for rounding (about 1e-6 of the largest value through ResNet50), and a seventh faster
    on a CPU (docs/performance.md).

    >>> from maskedface import models
    >>> backbone = models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))
    >>> len(backbone.weights), len(models.fold_batch_norm(backbone).weights)
    (85, 34)

    Args:
        model: any functional model; it is left as it is.

    Returns:
        A new model with the same input, output, layer names and weights of its own, not trainable.
        A batch norm becomes an `Identity`, unless the layer before it is no convolution without an
        activation, or has other readers: such a one stays.
    """
    folds = _folds(model)
    convolutions = {conv.name for conv in folds.values()}

    def build(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name in folds:
            return keras.layers.Identity(name=layer.name, dtype=layer.dtype_policy.name)
        changes = {"use_bias": True} if layer.name in convolutions else {}
        return type(layer).from_config(layer.get_config() | changes)

    folded = _rebuilt(model, build)
    norms = {conv.name: model.get_layer(name) for name, conv in folds.items()}
    for layer in model.layers:
        if layer.name in norms:
            weights = _folded_weights(layer, norms[layer.name])
        elif layer.name in folds:
            continue
        else:
            weights = layer.get_weights()
        folded.get_layer(layer.name).set_weights(weights)
    folded.trainable = False
    return folded


@in_float32()
def with_precision(model: keras.Model, precision: Precision) -> keras.Model:
    """Rebuilds a model so that it computes its feature maps in another precision.

    In "bfloat16" every layer that gives a map (height, width, channels) computes in bfloat16 and
    keeps its weights in float32 (Keras' "mixed_bfloat16"). What scales the input stays float32,
    where bfloat16 would round by up to half a gray level, and so do vectors: pooled features,
    embeddings, heads.

    >>> from maskedface import models
    >>> backbone = models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))
    >>> fast = models.with_precision(backbone, "bfloat16")
    >>> fast.get_layer("layer1_0_conv1").compute_dtype, fast.output.dtype
    ('bfloat16', 'float32')

    Args:
        model: any functional model; it is left as it is.
        precision: "float32" or "bfloat16".

    Returns:
        A new model with the same layer names and weights; `trainable` flags are those of layers.

    Raises:
        ValueError: if `precision` is neither.
    """
    if precision not in ("float32", "bfloat16"):
        raise ValueError(
            f"precision must be 'float32' or 'bfloat16'. Received: precision={precision!r}"
        )

    def build(layer: keras.layers.Layer) -> keras.layers.Layer:
        is_map = not isinstance(layer.output, list | tuple) and len(layer.output.shape) == 4
        scales = isinstance(
            layer,
            FaceAlignment
            | keras.layers.Rescaling
            | keras.layers.Normalization
            | keras.layers.LayerNormalization,
        )
        low = precision == "bfloat16" and is_map and not scales
        dtype = "mixed_bfloat16" if low else "float32"
        return type(layer).from_config(layer.get_config() | {"dtype": dtype})

    rebuilt = _rebuilt(model, build)
    rebuilt.set_weights(model.get_weights())
    return rebuilt


def _rebuilt(
    model: keras.Model, build: Callable[[keras.layers.Layer], keras.layers.Layer]
) -> keras.Model:
    def call(layer: keras.layers.Layer, *inputs: Any, **options: Any) -> Any:
        options.pop("mask", None)  # of time steps, which images have not; an Identity refuses it
        return layer(*inputs, **options)

    rebuilt = keras.models.clone_model(model, clone_function=build, call_function=call)
    rebuilt.name = model.name
    return rebuilt


def _folds(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """{name of a batch norm: the convolution it folds into}."""
    folds = {}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue
        before = layer.input._keras_history.operation
        if (
            isinstance(before, keras.layers.Conv2D)
            and before.activation is keras.activations.linear
            and len(before._outbound_nodes) == 1
        ):
            folds[layer.name] = before
    return folds


def _folded_weights(
    conv: keras.layers.Layer, norm: keras.layers.BatchNormalization
) -> list[np.ndarray]:
    mean, variance = np.float64(norm.moving_mean), np.float64(norm.moving_variance)
    factor = 1 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        factor *= np.float64(norm.gamma)
    bias = np.float64(conv.bias) if conv.use_bias else 0.0
    shift = np.float64(norm.beta) if norm.center else 0.0
    folded = [np.float64(conv.kernel) * factor, factor * (bias - mean) + shift]
    return [values.astype("float32") for values in folded]
