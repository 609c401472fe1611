"""Parts and mirrors of a face as views inside a model, and embeddings joined from several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from maskedface.models.settings import in_float32

Box = tuple[float, float, float, float]


@keras.saving.register_keras_serializable(package="maskedface")
class View(layers.Layer):
    """Cuts a rectangle out of images and resamples it to a size; a box from right to left mirrors.

    Two matrix products (down the columns, along the rows), so it runs and exports wherever a dense
    layer does. Bilinear; beyond the image its edge is repeated. It computes in float32, as what scales
    the input does elsewhere.

    Args:
        box: (left, top, right, bottom), floats in pixels of the input, edges (not centres) of the
            outermost pixels: (0, 0, width, height) is the whole image, (width, 0, 0, height) its
            mirror.
        size: (height, width) of the output, ints in pixels.

    Input shape:
        (batch, height, width, channels), any number type.

    Output shape:
        (batch, size[0], size[1], channels), float32, the input's range.

    Raises:
        ValueError: if the box or the size is empty.
    """

    def __init__(self, box: Sequence[float], size: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        left, top, right, bottom = box
        if left == right or top == bottom or min(size) < 1:
            raise ValueError(
                f"box and size must not be empty. Received: box={tuple(box)}, size={tuple(size)}"
            )
        self.box, self.size = tuple(map(float, box)), tuple(map(int, size))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        height, width = input_shape[1:3]
        if height is None or width is None:
            raise ValueError(f"the images' size must be known. Received: shape {input_shape}")
        left, top, right, bottom = self.box
        self._down = _bilinear(top, bottom, self.size[0], height)
        self._along = _bilinear(left, right, self.size[1], width)

    def call(self, images: Any) -> Any:
        images = ops.cast(images, self.compute_dtype)
        down, along = (ops.convert_to_tensor(m, "float32") for m in (self._down, self._along))
        # Height last, then width last: (batch, height, width, channels) -> (b, w, c, h) -> (b, h, c, w).
        tall = ops.matmul(ops.transpose(images, (0, 2, 3, 1)), down)
        wide = ops.matmul(ops.transpose(tall, (0, 3, 2, 1)), along)
        return ops.transpose(wide, (0, 1, 3, 2))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], *self.size, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "box": self.box, "size": self.size}


@in_float32()
def upper_view(backbone: keras.Model, box: Box) -> keras.Model:
    """A backbone that looks at a part of the face alone.

    Args:
        backbone: images of a fixed size -> embeddings; it is left as it is.
        box: the part, in pixels of the image, as for `View`.

    Returns:
        A new model of the same input, layer names and weights, with the part cut out of each image and
        enlarged to the whole input.
    """
    return _with_view(backbone, box, "view", lambda name: name)


@in_float32()
def join(backbones: Sequence[keras.Model]) -> keras.Model:
    """Joins several embeddings of one image into one, each at unit length and of equal weight.

    The cosine of two joined embeddings is the mean of their parts' cosines.

    Args:
        backbones: at least two, images of one size -> embeddings. They become layers of the new model,
            so their names must differ.

    Returns:
        A model: images -> float32 embeddings, shape (batch, sum of features), of unit length.

    Raises:
        ValueError: if there are fewer than two, or they take images of different sizes.
    """
    shapes = [backbone.input_shape for backbone in backbones]
    if len(shapes) < 2 or len(set(shapes)) > 1:
        raise ValueError(
            f"backbones must be at least two of one input shape. Received: input shapes {shapes}"
        )
    image = keras.Input(shapes[0][1:], name="image")
    return keras.Model(
        image,
        _joined([backbone(image) for backbone in backbones]),
        name="_and_".join(backbone.name for backbone in backbones),
    )


@in_float32()
def whole_and_upper(backbone: keras.Model, box: Box) -> keras.Model:
    """Two copies of a backbone, one for the whole face and one for a part, their embeddings joined.

    Args:
        backbone: images of a fixed size -> embeddings; it is left as it is.
        box: the part, in pixels of the image, as for `View`.

    Returns:
        A flat model: images -> float32 unit embeddings of twice the features. The second copy's layers
        are named "upper_..." and learn on their own.
    """
    upper = _with_view(backbone, box, "upper_view", lambda name: f"upper_{name}")
    image = keras.Input(backbone.input_shape[1:], name="image")
    found = _joined([backbone.call(image), upper.call(image)])
    return _fresh(keras.Model(image, found, name=backbone.name))


@in_float32()
def mirror_join(embedder: keras.Model) -> keras.Model:
    """Adds the unit embeddings of each image and of its mirror.

    Args:
        embedder: images of a fixed size -> embeddings.

    Returns:
        A model: images -> float32 unit embeddings of as many features; it shares the embedder's
        weights and takes twice its time.
    """
    image = keras.Input(embedder.input_shape[1:], name="image")
    height, width = embedder.input_shape[1:3]
    mirror = View((width, 0, 0, height), (height, width), name="mirror")(image)
    both = [
        layers.UnitNormalization(dtype="float32", name=f"join_{name}")(embedder(seen))
        for name, seen in (("plain", image), ("mirror", mirror))
    ]
    x = layers.Add(dtype="float32", name="join_add")(both)
    x = layers.UnitNormalization(dtype="float32", name="join_unit")(x)
    return keras.Model(image, x, name=embedder.name)


def _with_view(backbone: keras.Model, box: Box, name: str, rename: Any) -> keras.Model:
    """The backbone rebuilt behind a `View`, its layers renamed."""
    height, width = backbone.input_shape[1:3]

    def build(layer: keras.layers.Layer) -> keras.layers.Layer:
        return type(layer).from_config(layer.get_config() | {"name": rename(layer.name)})

    copy = keras.models.clone_model(backbone, clone_function=build)
    copy.set_weights(backbone.get_weights())
    image = keras.Input(backbone.input_shape[1:], name="image")
    seen = View(box, (height, width), name=name)(image)
    return _fresh(keras.Model(image, copy.call(seen), name=backbone.name))


def _fresh(model: keras.Model) -> keras.Model:
    """The same graph of new layers, each used once (`models.boundary` asks for that)."""
    fresh = keras.models.clone_model(model)
    fresh.set_weights(model.get_weights())
    return fresh


def _joined(embeddings: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    unit = [
        layers.UnitNormalization(dtype="float32", name=f"join_unit{number}")(x)
        for number, x in enumerate(embeddings)
    ]
    x = layers.Concatenate(dtype="float32", name="join")(unit)
    return layers.Rescaling(1 / np.sqrt(len(unit)), dtype="float32", name="join_scale")(x)


def _bilinear(first: float, last: float, count: int, length: int) -> np.ndarray:
    """The weights of `length` input pixels in each of `count` output pixels; shape (length, count)."""
    place = first + (np.arange(count) + 0.5) * (last - first) / count - 0.5
    place = place.clip(0, length - 1)
    low = np.minimum(np.floor(place).astype(int), max(length - 2, 0))
    weights = np.zeros((length, count), "float32")
    weights[low, np.arange(count)] = 1 - (place - low)
    weights[np.minimum(low + 1, length - 1), np.arange(count)] += (place - low).astype("float32")
    return weights
