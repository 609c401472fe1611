"""The common part of VGGFace2's ResNet-50 and SENet-50: He et al.'s network in Caffe's variant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
from keras import layers

from maskedface.models.alignment import FaceAlignment
from maskedface.models.convolution import (
    LAYOUT,
    TORCH_EPSILON,
    TORCH_MOMENTUM,
    Padding,
    bias_free_conv,
)

# Caffe's means of VGGFace2's training faces, here in RGB order (github.com/ox-vgg/vgg_face2 gives
# 91.4953, 103.8827, 131.0912 for B, G, R).
RGB_MEAN = (131.0912, 103.8827, 91.4953)

Excite = Callable[[keras.KerasTensor, str], keras.KerasTensor]


def build(
    name: str,
    input_shape: tuple[int | None, int | None, int],
    alignment: str,
    *,
    filters: int,
    blocks: Sequence[int],
    excite: Excite | None = None,
) -> keras.Model:
    """Builds the network without weights.

    Args:
        name: str, the model's name.
        input_shape: (height, width, 3) in pixels; height and width at least 32, or None for any.
        alignment: a key of `geometry.ALIGNMENTS`.
        filters: int, width of the first stage.
        blocks: four ints >= 1, residual blocks per stage.
        excite: a function of a block's branch and name that reweights the branch's channels before
            it is added to the shortcut; None = no reweighting.

    Returns:
        A `keras.Model`: images, RGB, 0-255 -> float32 array, shape (batch, 32 * filters).

    Raises:
        ValueError: if `input_shape` does not have 3 channels or is too small, `blocks` does not
            have 4 entries, or the alignment is unknown.
    """
    if len(input_shape) != 3 or input_shape[2] != 3:
        raise ValueError(
            f"input_shape must be (height, width, 3). Received: input_shape={input_shape}"
        )
    if any(side is not None and side < 32 for side in input_shape[:2]):
        raise ValueError(
            f"input_shape must be at least (32, 32, 3). Received: input_shape={input_shape}"
        )
    if len(blocks) != 4 or min(blocks) < 1:
        raise ValueError(f"blocks must be four counts >= 1. Received: blocks={tuple(blocks)}")
    image = keras.Input(input_shape, name="image")
    x = FaceAlignment(alignment, name="face_alignment")(image)
    offset = [-mean for mean in RGB_MEAN]
    x = layers.Rescaling(1.0, offset, dtype="float32", name="preprocess")(x)
    x = layers.ZeroPadding2D(3, data_format=LAYOUT, name="stem_pad")(x)
    x = _conv_bn(x, filters, 7, "stem_conv", "stem_bn", strides=2, padding="valid")
    x = layers.ReLU(name="stem_relu")(x)
    # Caffe's "ceil" mode: one more row and column, zero after the ReLU, then only whole windows.
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), data_format=LAYOUT, name="stem_pool_pad")(x)
    x = layers.MaxPooling2D(3, 2, data_format=LAYOUT, name="stem_pool")(x)
    for stage, count in enumerate(blocks):
        for block in range(count):
            strides = 2 if stage > 0 and block == 0 else 1
            x = _bottleneck(x, filters * 2**stage, strides, f"layer{stage + 1}_{block}", excite)
    x = layers.GlobalAveragePooling2D(data_format=LAYOUT, name="pool")(x)
    # Named so that it stays float32 where the feature maps do not (`with_precision`).
    x = layers.Activation("linear", dtype="float32", name="pool_embedding")(x)
    return keras.Model(image, x, name=name)


def _conv_bn(
    x: keras.KerasTensor,
    filters: int,
    size: int,
    conv: str,
    norm: str,
    *,
    strides: int = 1,
    padding: Padding = "same",
) -> keras.KerasTensor:
    x = bias_free_conv(x, filters, size, conv, strides=strides, padding=padding)
    return layers.BatchNormalization(momentum=TORCH_MOMENTUM, epsilon=TORCH_EPSILON, name=norm)(x)


def _bottleneck(
    x: keras.KerasTensor, filters: int, strides: int, name: str, excite: Excite | None
) -> keras.KerasTensor:
    shortcut = x
    if name.endswith("_0"):
        shortcut = _conv_bn(
            x, 4 * filters, 1, f"{name}_downsample_conv", f"{name}_downsample_bn", strides=strides
        )
    x = _conv_bn(x, filters, 1, f"{name}_conv1", f"{name}_bn1", strides=strides)
    x = layers.ReLU(name=f"{name}_relu1")(x)
    x = _conv_bn(x, filters, 3, f"{name}_conv2", f"{name}_bn2")
    x = layers.ReLU(name=f"{name}_relu2")(x)
    x = _conv_bn(x, 4 * filters, 1, f"{name}_conv3", f"{name}_bn3")
    if excite is not None:
        x = excite(x, name)
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu3")(x)
