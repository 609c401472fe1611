"""Rebuilds a network with changed layers: bfloat16 feature maps, or any other replacement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import keras

from maskedface.models.alignment import FaceAlignment
from maskedface.models.settings import in_float32
from maskedface.names import did_you_mean

Precision = Literal["float32", "bfloat16"]


@in_float32()
def with_precision(model: keras.Model, precision: Precision) -> keras.Model:
    """Rebuilds a model so that it computes its feature maps in another precision.

    In "bfloat16", every layer that outputs a feature map (height, width, channels) computes in
    bfloat16 with float32 weights (Keras' "mixed_bfloat16"). Input scaling stays in float32, where
    bfloat16 would round by up to half a gray level, and so do vectors: pooled features, embeddings,
    heads.

    >>> from maskedface import models
    >>> backbone = models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))
    >>> fast = models.with_precision(backbone, "bfloat16")
    >>> fast.get_layer("layer1_0_conv1").compute_dtype, fast.output.dtype
    ('bfloat16', 'float32')

    Args:
        model: any functional model; it is not modified.
        precision: "float32" or "bfloat16".

    Returns:
        A new model with the same layer names and weights; `trainable` flags are kept per layer.

    Raises:
        ValueError: if `precision` is unknown.
    """
    if precision not in ("float32", "bfloat16"):
        raise ValueError(
            f"precision must be 'float32' or 'bfloat16'. Received: precision={precision!r}"
            f"{did_you_mean(precision, ('float32', 'bfloat16'))}"
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
        return computing(layer, dtype)

    found = rebuilt(model, build)
    found.set_weights(model.get_weights())
    if getattr(found.output, "dtype", "float32") != "float32":  # `keras.ops` has pooled a map
        output = keras.layers.Identity(dtype="float32", name="in_float32")(found.output)
        found = keras.Model(found.input, output, name=found.name)
    return found


def computing_float32(model: keras.Model) -> keras.Model:
    """A version of the model that computes in float32; the model itself if it already does.

    >>> from maskedface import models
    >>> backbone = models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))
    >>> models.computing_float32(backbone) is backbone
    True

    Args:
        model: any functional model, including nested ones; it is not modified.

    Returns:
        A model with the same weights.
    """
    if all(layer.compute_dtype == "float32" for layer in model._flatten_layers()):
        return model

    plain = keras.models.clone_model(
        model, clone_function=lambda step: computing(step, "float32"), recursive=True
    )
    plain.set_weights(model.get_weights())
    return plain


def computing(step: keras.Operation, dtype: str) -> keras.Operation:
    """Makes a step of a graph again.

    Args:
        step: a layer; or what `keras.ops` or arithmetic adds between layers, which has no type of
            its own.
        dtype: the new layer's dtype policy.

    Returns:
        A new step with the same config, without weights.
    """
    changes = {"dtype": dtype} if isinstance(step, keras.layers.Layer) else {}
    return type(step).from_config(step.get_config() | changes)


def rebuilt(
    model: keras.Model, build: Callable[[keras.layers.Layer], keras.layers.Layer]
) -> keras.Model:
    """Builds a functional model again, layer by layer.

    Args:
        model: the model; it is not modified.
        build: a function from a layer to its replacement.

    Returns:
        A model with the same graph and new weights.
    """

    def call(layer: keras.layers.Layer, *inputs: Any, **options: Any) -> Any:
        if isinstance(layer, keras.layers.Layer):
            # Of time steps, which images have not; an Identity refuses it.
            options.pop("mask", None)
        return layer(*inputs, **options)

    rebuilt = keras.models.clone_model(model, clone_function=build, call_function=call)
    rebuilt.name = model.name
    return rebuilt
