"""The aligner's network: five landmarks and a confidence from a small crop of a face."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from maskedface.landmarks.aligner import SIZE

_WIDTHS = (16, 32, 64, 128)  # channels of the stages, each of which halves height and width
_BLOCKS = (0, 0, 1, 2)  # residual blocks of the stages
_CELLS = SIZE // 8  # height and width of each point's map
_REACH = 1.2  # size of the maps' area relative to the crop: points may be outside the crop


def build_aligner() -> keras.Model:
    """Builds the network with random weights, ready to be trained.

    Convolutions and residual blocks down to 7 x 7 (He et al. 2016), upsampling to 14 x 14 (as in
    Newell et al. 2016), and one map per point, whose mean position is the point (integral
    regression, Sun et al. 2018). It only has standard Keras layers, so it can be saved and exported
    like any model.

    Returns:
        A functional model of uint8 or float crops, shape (batch, 112, 112, 3), RGB, 0-255, to
        float32, shape (batch, 11): x and y of left eye, right eye, nose tip, left and right mouth
        corner, relative to the crop's side (0 is its left or upper edge, 1 the opposite one; points
        may be outside), and the probability that the crop shows a face.
    """
    image = keras.Input((SIZE, SIZE, 3), name="crop")
    x = layers.Rescaling(1 / 64, -2.0, name="preprocess")(image)
    maps = []
    for stage, (width, blocks) in enumerate(zip(_WIDTHS, _BLOCKS, strict=True), start=1):
        x = _convolved(x, width, f"stage{stage}_down", strides=2)
        for block in range(blocks):
            x = _residual(x, width, f"stage{stage}_block{block}")
        maps.append(x)
    face = layers.GlobalAveragePooling2D(name="face_pool", dtype="float32")(x)
    face = layers.Dense(32, activation="relu", name="face_hidden", dtype="float32")(face)
    face = layers.Dense(1, activation="sigmoid", name="face", dtype="float32")(face)
    low = layers.UpSampling2D(2, name="up")(_convolved(x, _WIDTHS[2], "up_conv", size=1))
    joined = layers.Add(name="joined")([low, maps[2]])
    joined = _convolved(joined, _WIDTHS[2], "joined_conv")
    heat = layers.Conv2D(5, 1, name="heat", dtype="float32")(joined)
    heat = layers.Reshape((_CELLS * _CELLS, 5), name="heat_cells")(heat)
    heat = layers.Permute((2, 1), name="heat_points")(heat)
    heat = layers.Softmax(name="heat_share", dtype="float32")(heat)
    places = layers.Dense(
        2,
        use_bias=False,
        trainable=False,
        kernel_initializer=keras.initializers.Constant(_cells()),
        name="heat_place",
        dtype="float32",
    )(heat)
    places = layers.Reshape((10,), name="places")(places)
    both = layers.Concatenate(name="places_and_face", dtype="float32")([places, face])
    return keras.Model(image, both, name="maskedface_aligner")


def _cells() -> list[list[float]]:
    """(x, y) of each cell of a map, relative to the crop's side."""
    middle = 0.5 + _REACH * ((np.arange(_CELLS) + 0.5) / _CELLS - 0.5)
    y, x = np.meshgrid(middle, middle, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], 1).tolist()  # type: ignore[no-any-return]


def _convolved(x: Any, width: int, name: str, *, size: int = 3, strides: int = 1) -> Any:
    x = layers.Conv2D(width, size, strides, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return layers.ReLU(name=f"{name}_relu")(_normalized(x, name))


def _residual(x: Any, width: int, name: str) -> Any:
    y = _convolved(x, width, f"{name}_first")
    y = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"{name}_second_conv")(y)
    y = layers.Add(name=f"{name}_add")([x, _normalized(y, f"{name}_second")])
    return layers.ReLU(name=f"{name}_relu")(y)


def _normalized(x: Any, name: str) -> Any:
    return layers.BatchNormalization(momentum=0.97, epsilon=1e-5, name=f"{name}_norm")(x)
