"""VGG-Face: the VGG-16 of "Deep Face Recognition"."""

from __future__ import annotations

import os
from collections.abc import Sequence

import keras
from keras import layers

from maskedface.models.alignment import FaceAlignment
from maskedface.models.architecture import Architecture
from maskedface.models.convolution import LAYOUT
from maskedface.models.settings import in_float32
from maskedface.models.weights import load_weights

# Means of VGG-Face's training faces, here in RGB order: keras-vggface's utils.py (version 1) gives
# 93.5940, 104.7624, 129.1863 for B, G, R; Albanie's vgg_face_dag.py the same to more decimals.
RGB_MEAN = (129.1863, 104.7624, 93.5940)
# (width as a multiple of the first block's, convolutions) a block: VGG-16 (Simonyan and Zisserman
# 2015, configuration D), which Parkhi et al. 2015 call D too.
BLOCKS = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))


@Architecture
@in_float32()
def VGGFace(
    weights: str | os.PathLike[str] | None = None,
    input_shape: tuple[int, int, int] = (224, 224, 3),
    *,
    filters: int = 64,
    units: int = 4096,
    name: str = "vggface",
    alignment: str = "vggface2",
) -> keras.Model:
    """Builds VGG-Face, a VGG-16 trained on 2,622 people (Parkhi et al. 2015).

    The classifier (fc8) and dropout are omitted. The embedding is the output of fc7 after its ReLU,
    the input of fc8 in training, which deepface also uses as the embedding, so published results
    refer to it. Preprocessing (mean subtraction) is included. All layers except `FaceAlignment` are
    standard Keras layers, and the first word of a layer's name is its stage (`models.stages`):
    block1 ... block5, fc6, fc7.

    Args:
        weights: None (random), the name of a preset (`models.PRESETS`), or a path, as for
            `models.load_weights`.
        input_shape: (height, width, 3) in pixels; height and width at least 32. Five pooling layers
            halve the feature map and fc6 reads all of it, so the published weights need a final map
            of 7 x 7: inputs from 224 to 255 px.
        filters: int, width of the first block; 64 for VGG-16, less for small test networks.
        units: int, width of fc6 and fc7.
        name: str, the model's name.
        alignment: the alignment of the input faces, a key of `geometry.ALIGNMENTS`. No landmarks
            are published for VGG-Face; "vggface2", of the same group and size, is the nearest known
            one.

    Returns:
        A `keras.Model`: RGB images, float or uint8, 0-255, shape (batch, height, width, 3) ->
        float32 embeddings >= 0, shape (batch, units): 4096 for VGG-Face. They are not normalized.

    Raises:
        ValueError: if `input_shape` does not have 3 channels, a side is None or too small, the
            alignment is unknown, or the weights do not fit.

    >>> from maskedface import models
    >>> network = models.VGGFace(None, (32, 32, 3), filters=2, units=8)
    >>> network.output_shape, models.stages(network)[-2:]
    ((None, 8), ('fc6', 'fc7'))
    """
    _check_shape(input_shape)
    image = keras.Input(input_shape, name="image")
    x = FaceAlignment(alignment, name="face_alignment")(image)
    offset = [-mean for mean in RGB_MEAN]
    x = layers.Rescaling(1.0, offset, dtype="float32", name="preprocess")(x)
    for block, (width, count) in enumerate(BLOCKS, start=1):
        for number in range(1, count + 1):
            x = layers.Conv2D(
                filters * width,
                3,
                padding="same",
                data_format=LAYOUT,
                activation="relu",
                kernel_initializer="he_normal",
                name=f"block{block}_conv{number}",
            )(x)
        x = layers.MaxPooling2D(2, 2, data_format=LAYOUT, name=f"block{block}_pool")(x)
    x = layers.Flatten(data_format=LAYOUT, dtype="float32", name="flatten")(x)
    for part in ("fc6", "fc7"):
        x = layers.Dense(units, activation="relu", kernel_initializer="he_normal", name=part)(x)
    model = keras.Model(image, x, name=name)
    load_weights(model, weights)
    return model


def _check_shape(input_shape: Sequence[int | None]) -> None:
    sides = input_shape[:2]
    if len(input_shape) != 3 or input_shape[2] != 3 or not all(isinstance(s, int) for s in sides):
        raise ValueError(
            "input_shape must be (height, width, 3), height and width ints. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    if any(side is not None and side < 32 for side in sides):
        raise ValueError(
            f"input_shape must be at least (32, 32, 3). Received: input_shape={tuple(input_shape)}"
        )
