"""Views inside a model, such as crops and mirror images, and joint embeddings of networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from maskedface.layers import UpperFaceCrop, View
from maskedface.models.alignment import alignment_of
from maskedface.models.settings import in_float32

Box = tuple[float, float, float, float]


@in_float32()
def upper_view(backbone: keras.Model, box: Box | None = None) -> keras.Model:
    """A backbone that sees only a part of the face.

    >>> import keras
    >>> from maskedface import models
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> models.upper_view(net, (8, 4, 56, 30)).get_layer("view").box
    (8.0, 4.0, 56.0, 30.0)

    Args:
        backbone: images of a fixed size -> embeddings; it is not modified.
        box: the part, in pixels of the image, as for `layers.View`; None = the part above the mask,
            in the alignment stated by the backbone (`layers.UpperFaceCrop`).

    Returns:
        A new model with the same input, layer names and weights, in which the part is cropped from
        each image and resized to the input size.

    Raises:
        ValueError: if there is no `box` and the backbone states no alignment.
    """
    return _with_view(backbone, box, "view", lambda name: name)


@in_float32()
def join(backbones: Sequence[keras.Model]) -> keras.Model:
    """Concatenates several embeddings of one image, each normalized and with equal weight.

    The cosine of two joint embeddings is the mean of the cosines of their parts.

    Args:
        backbones: at least two models, images of the same size -> embeddings. They become layers of
            the new model, so their names must differ.

    Returns:
        A model: images -> float32 embeddings, shape (batch, sum of features), of unit length.

    Raises:
        ValueError: if there are fewer than two, or their input sizes differ.
    """
    shapes = [backbone.input_shape for backbone in backbones]
    if len(shapes) < 2 or len(set(shapes)) > 1:
        raise ValueError(
            f"backbones must be at least two of one input shape. Received: input shapes {shapes}"
        )
    image = keras.Input(shapes[0][1:], name="image")
    return keras.Model(
        image,
        joined([backbone(image) for backbone in backbones]),
        name="_and_".join(backbone.name for backbone in backbones),
    )


@in_float32()
def whole_and_upper(backbone: keras.Model, box: Box | None = None) -> keras.Model:
    """Two copies of a backbone, for the whole face and for a part of it, with a joint embedding.

    >>> import keras
    >>> from maskedface import models
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> backbone = models.with_alignment(net, "arcface")
    >>> backbone.output_shape, models.whole_and_upper(backbone).output_shape
    ((None, 3), (None, 6))

    Args:
        backbone: images of a fixed size -> embeddings; it is not modified.
        box: the part, in pixels of the image, as for `layers.View`; None = the part above the mask,
            in the alignment stated by the backbone (`layers.UpperFaceCrop`).

    Returns:
        A flat model: images -> float32 unit embeddings of twice the length. The layers of the
        second copy are named "upper_..." and have their own weights.

    Raises:
        ValueError: if there is no `box` and the backbone states no alignment.
    """
    upper = _with_view(backbone, box, "upper_view", lambda name: f"upper_{name}")
    image = keras.Input(backbone.input_shape[1:], name="image")
    found = joined([backbone.call(image), upper.call(image)])
    return _fresh(keras.Model(image, found, name=backbone.name))


@in_float32()
def mirror_join(embedder: keras.Model) -> keras.Model:
    """Flip test-time augmentation: adds the unit embeddings of each image and its mirror image.

    >>> import keras, numpy as np
    >>> from maskedface import models, synthetic
    >>> both = models.mirror_join(keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Flatten()]))
    >>> face = synthetic.draw_face(0, 0, False, size=64)
    >>> np.allclose(models.predict(both, np.stack([face, face[:, ::-1]])).std(0), 0, atol=1e-5)
    True

    Args:
        embedder: images of a fixed size -> embeddings.

    Returns:
        A model: images -> float32 unit embeddings of the same length; it shares the embedder's
        weights and takes twice as long.
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


def _with_view(backbone: keras.Model, box: Box | None, name: str, rename: Any) -> keras.Model:
    """The backbone rebuilt after a `layers.View`, with renamed layers."""
    height, width = backbone.input_shape[1:3]
    if box is None:
        box = UpperFaceCrop(alignment=alignment_of(backbone)).box_in(height, width)

    def build(layer: keras.layers.Layer) -> keras.layers.Layer:
        return type(layer).from_config(layer.get_config() | {"name": rename(layer.name)})

    copy = keras.models.clone_model(backbone, clone_function=build)
    copy.set_weights(backbone.get_weights())
    image = keras.Input(backbone.input_shape[1:], name="image")
    seen = View(box, (height, width), name=name)(image)
    return _fresh(keras.Model(image, copy.call(seen), name=backbone.name))


def _fresh(model: keras.Model) -> keras.Model:
    """The same graph with new layers, each used once; `models.frozen_boundary` requires this."""
    fresh = keras.models.clone_model(model)
    fresh.set_weights(model.get_weights())
    return fresh


def joined(embeddings: Sequence[keras.KerasTensor], name: str = "join") -> keras.KerasTensor:
    """Embeddings side by side, each of unit length and of equal weight.

    Args:
        embeddings: tensors, shape (batch, features) each.
        name: the first word of the new layers' names.

    Returns:
        Unit embeddings, shape (batch, sum of features), in float32.
    """
    unit = [
        layers.UnitNormalization(dtype="float32", name=f"{name}_unit{number}")(x)
        for number, x in enumerate(embeddings)
    ]
    x = layers.Concatenate(dtype="float32", name=name)(unit)
    return layers.Rescaling(1 / np.sqrt(len(unit)), dtype="float32", name=f"{name}_scale")(x)
