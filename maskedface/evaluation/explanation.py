"""Visual explanations: Grad-CAM for a person's score and for the similarity of two faces."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import keras
import numpy as np
from keras import ops

from maskedface.evaluation.receptive_fields import last_maps, place_of

# Minimum rows and columns of a feature map for localization: ResNet50's last one at 180 px has 6 x
# 6; dlib's network ends with 8 x 8, 3 x 3 and 1 x 1.
LEAST_SIDE = 5


def grad_cam(
    model: keras.Model,
    images: np.ndarray,
    *,
    classes: Sequence[int] | np.ndarray | None = None,
    references: np.ndarray | None = None,
    batch_size: int = 16,
) -> np.ndarray:
    """Computes Grad-CAM heat maps: which parts of each image raise its score (Selvaraju et al.
    2017, section 3).

    A feature map's channels are weighted by the score's gradient, averaged over positions; the
    positive part of the weighted sum is the attention. The feature map is the last one with at
    least 5 x 5 positions (`LEAST_SIDE`) on every path to the output. Mirrored and cropped views
    (`layers.View`) have one map each, which are mapped back to the image and added. Positions are
    placed at the centers of their receptive fields, computed from strides and paddings, and not
    stretched over the image:
    ResNet50's first position is at the corner, and dlib's is 14 pixels inside of 150.

    Args:
        model: a functional model from RGB images, 0-255, to one vector each; it may contain other
            models. It is not changed, and always runs in float32.
        images: uint8 or float array, shape (N, height, width, 3), N >= 1.
        classes: N output indices: the score is this output (for a classifier a logit). Without
            `classes` and `references` it is the highest output of each image.
        references: float array, shape (N, outputs): the score is the cosine similarity of the
            output and this row, the embedding of another face or a mean of several.
        batch_size: int >= 1.

    Returns:
        float32 array, shape (N, height, width), in [0, 1]: the maximum of each map is 1, or all
        values are 0 if nothing raises the score.

    Raises:
        ValueError: if the model is of another kind or has no such feature map, the arrays' shapes
            do not match, or Keras' backend has no gradients (OpenVINO, NumPy).

    Example:
        >>> image = keras.Input((32, 32, 3))
        >>> maps = keras.layers.Conv2D(4, 4, strides=4)(image)
        >>> model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(maps))
        >>> faces = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3))
        >>> grad_cam(model, faces, classes=[0, 3]).shape
        (2, 32, 32)
    """
    _check(model, images, classes, references, batch_size)
    flat = _in_float32(model)
    maps = last_maps(flat, LEAST_SIDE)
    places = [place_of(tensor) for tensor in maps]
    front, tail = keras.Model(flat.input, maps), keras.Model(maps, flat.output)
    front.jit_compile = False  # compiling would take longer than running

    def score(rows: np.ndarray, seen: list[Any]) -> Any:
        outputs = tail(seen, training=False)
        if references is not None:
            wanted = ops.normalize(np.asarray(references, "float32")[rows], axis=-1)
            return ops.sum(ops.normalize(outputs, axis=-1) * wanted)
        chosen = ops.argmax(outputs, axis=-1) if classes is None else np.asarray(classes)[rows]
        return ops.sum(outputs * ops.one_hot(chosen, outputs.shape[-1]))

    found = np.empty(images.shape[:3], "float32")
    batch_size = min(batch_size, len(images))
    for start in range(0, len(images), batch_size):
        rows = np.arange(start, start + batch_size) % len(images)  # all batches have the same size
        seen = keras.tree.flatten(front.predict_on_batch(images[rows]))
        slopes = _gradients(functools.partial(score, rows), seen)
        weights = [slope.mean((1, 2), keepdims=True) for slope in slopes]
        cams = [np.maximum((w * a).sum(-1), 0) for w, a in zip(weights, seen, strict=True)]
        laid = [p.lay(cam, images.shape[1:3]) for p, cam in zip(places, cams, strict=True)]
        found[rows] = sum(laid)
    largest = found.max((1, 2), keepdims=True)
    return np.asarray(np.divide(found, largest, out=np.zeros_like(found), where=largest > 0))


def attention_share(maps: np.ndarray, area: np.ndarray) -> np.ndarray:
    """The share of each heat map inside an area.

    Args:
        maps: float array, shape (N, height, width), >= 0: from `grad_cam`.
        area: float array in [0, 1], shape (height, width) or (N, height, width): the degree to
            which each pixel is in the area, from `masking.mask_area` or the alpha channel of a
            drawn mask.

    Returns:
        float64 array, shape (N,), in [0, 1]; NaN for a map of zeros. Uniform attention would give
        `area.mean()`.

    Raises:
        ValueError: if the shapes do not match or the area is out of [0, 1].

    Example:
        >>> upper_half = np.array([[1.0, 1.0], [0.0, 0.0]])
        >>> attention_share(np.array([[[0.5, 1.0], [0.5, 0.0]]]), upper_half)
        array([0.75])
    """
    maps, area = np.asarray(maps, "float64"), np.asarray(area, "float64")
    if maps.ndim != 3 or area.shape not in (maps.shape, maps.shape[1:]):
        raise ValueError(
            "maps must have shape (N, height, width), area the same or (height, width). "
            f"Received: {maps.shape} and {area.shape}"
        )
    if area.min() < 0 or area.max() > 1:
        raise ValueError(f"area must be in [0, 1]. Received: {area.min():g} to {area.max():g}")
    total = maps.sum((1, 2))
    inside = (maps * area).sum((1, 2))
    return np.asarray(np.divide(inside, total, out=np.full(len(maps), np.nan), where=total > 0))


def overlay(image: np.ndarray, attention_map: np.ndarray) -> np.ndarray:
    """Draws a heat map over a face; more attention is warmer and more opaque.

    Args:
        image: uint8 array, shape (height, width, 3), RGB.
        attention_map: float array in [0, 1], shape (height, width).

    Returns:
        A new uint8 array, shape (height, width, 3), RGB; unchanged where the map is 0.

    Raises:
        ValueError: if the shapes do not match.

    Example:
        >>> gray = np.full((2, 2, 3), 90, "uint8")
        >>> overlay(gray, np.array([[0.0, 0.0], [0.0, 1.0]]))[:, :, 0]
        array([[ 90,  90],
               [ 90, 212]], dtype=uint8)
    """
    if image.dtype != np.uint8 or image.shape != (*attention_map.shape, 3):
        raise ValueError(
            "image must be uint8 with the map's height and width and three channels. "
            f"Received: {image.dtype} {image.shape} and {attention_map.shape}"
        )
    heat = attention_map.clip(0, 1)
    # OpenCV's colors are BGR. Inferno is also readable by lightness, with any color vision.
    colors = cv2.applyColorMap((255 * heat).round().astype("uint8"), cv2.COLORMAP_INFERNO)
    opacity = 0.75 * np.sqrt(heat)[..., None]
    mixed: np.ndarray = image * (1 - opacity) + colors[..., ::-1] * opacity
    return mixed.round().astype("uint8")


def _gradients(score: Callable[[list[Any]], Any], maps: list[np.ndarray]) -> list[np.ndarray]:
    """The gradient of a score with respect to each map, by the backend's automatic
    differentiation."""
    tensors = [ops.convert_to_tensor(one) for one in maps]
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = score(tensors)
        found = tape.gradient(value, tensors)
    elif backend == "jax":
        import jax

        found = jax.grad(score)(tensors)
    elif backend == "torch":
        import torch

        tensors = [tensor.detach().requires_grad_() for tensor in tensors]
        found = torch.autograd.grad(score(tensors), tensors)
    else:
        raise ValueError(f"Keras' backend must have gradients. Received: {backend!r}")
    return [ops.convert_to_numpy(one) for one in found]


def _in_float32(model: keras.Model) -> keras.Model:
    """Rebuilds the graph with float32 layers, and inlines nested models."""

    def dissolved(layer: keras.layers.Layer, *inputs: Any, **options: Any) -> Any:
        if isinstance(layer, keras.layers.Layer):
            options.pop("mask", None)  # a mask of time steps, which images do not have
        inside = isinstance(layer, keras.Model)
        return layer.call(*inputs, **options) if inside else layer(*inputs, **options)

    def rebuilt(step: keras.Operation) -> keras.Operation:
        # What `keras.ops` or arithmetic adds between layers has no type of its own.
        changes = {"dtype": "float32"} if isinstance(step, keras.layers.Layer) else {}
        return type(step).from_config(step.get_config() | changes)

    flat = model
    while any(isinstance(layer, keras.Model) for layer in flat.layers):
        flat = keras.models.clone_model(
            flat, clone_function=lambda layer: layer, call_function=dissolved, recursive=False
        )
    fresh = keras.models.clone_model(flat, clone_function=rebuilt, call_function=dissolved)
    fresh.set_weights(flat.get_weights())
    return fresh


def _check(
    model: keras.Model, images: np.ndarray, classes: Any, references: Any, batch_size: int
) -> None:
    shape, output = model.input_shape, model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:] or len(output) != 2:
        raise ValueError(
            "model must take images of a fixed size and return one vector each. "
            f"Received: {shape} -> {output}"
        )
    if not len(images) or images.shape[1:] != shape[1:] or batch_size < 1:
        raise ValueError(
            f"images must have shape (N, {', '.join(map(str, shape[1:]))}), N and batch_size must "
            f"be at least 1. Received: shape {images.shape}, batch_size={batch_size}"
        )
    if classes is not None and references is not None:
        raise ValueError("classes and references must not both be given. Received: both")
    if classes is not None:
        numbers = np.asarray(classes)
        fits = numbers.shape == (len(images),)
        if not fits or numbers.min() < 0 or numbers.max() >= output[1]:
            raise ValueError(
                f"classes must be {len(images)} integers in [0, {output[1]}). Received: {classes}"
            )
    if references is not None and np.shape(references) != (len(images), output[1]):
        raise ValueError(
            f"references must have shape ({len(images)}, {output[1]}). "
            f"Received: shape {np.shape(references)}"
        )
