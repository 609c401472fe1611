"""The embedding of a model: its mark, and what is before it."""

from __future__ import annotations

import keras
from keras import layers


@keras.saving.register_keras_serializable(package="maskedface")
class FaceEmbedding(layers.Identity):
    """An identity layer that marks the embedding before a classifier's head.

    With it, any layer can be a head: the end of the backbone is still known in a model loaded from
    a file (`models.embedder`).

    >>> import keras
    >>> from maskedface import models
    >>> image = keras.Input((64, 64, 3))
    >>> embedding = keras.layers.GlobalAveragePooling2D()(image)
    >>> logits = keras.layers.Dense(10)(models.FaceEmbedding()(embedding))
    >>> models.embedder(keras.Model(image, logits)).output_shape
    (None, 3)

    Input shape:
        (batch, features).

    Output shape:
        the same.
    """


def embedder(model: keras.Model) -> keras.Model:
    """The part of a classifier before its head: images -> embeddings.

    >>> from maskedface import models
    >>> model = models.classifier(models.DlibResNet29(None), 10)
    >>> models.embedder(model).output_shape
    (None, 128)

    Args:
        model: from `models.classifier`, or a backbone, which is returned unchanged.

    Returns:
        A model that shares the classifier's weights; its name is the backbone's.

    Raises:
        ValueError: if the model marks several embeddings.
    """
    marks = [layer for layer in model.layers if isinstance(layer, FaceEmbedding)]
    if not marks:
        return model
    if len(marks) > 1:
        raise ValueError(f"model must mark exactly one embedding. Received: {len(marks)}")
    return keras.Model(model.input, marks[0].input, name=model.name)


def unjoined(model: keras.Model) -> keras.Model:
    """The network inside a model with flip test-time augmentation (`models.mirror_join`).

    Args:
        model: images -> embeddings.

    Returns:
        The inner model; the model itself if it has no flip test-time augmentation.
    """
    inner = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    return inner[0] if len(inner) == 1 else model


def check_one_vector(backbone: keras.Model) -> None:
    """Refuses a model that is no graph of layers, or not one image -> one vector.

    Raises:
        ValueError: naming what is wrong.
    """
    shapes = [tensor.shape for tensor in getattr(backbone, "outputs", None) or ()]
    if len(shapes) != 1 or len(shapes[0]) != 2 or len(backbone.inputs) != 1:
        raise ValueError(
            "backbone must be a functional or sequential model, one image -> one vector. "
            f"Received: {backbone.name!r} with outputs of shape {shapes}"
        )
