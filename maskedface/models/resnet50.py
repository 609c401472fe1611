"""The ResNet-50 of VGGFace2, in the geometry its weights were trained in."""

from __future__ import annotations

import os
from collections.abc import Sequence

import keras
from keras import layers

from maskedface.models.alignment import FaceAlignment
from maskedface.models.architecture import Architecture
from maskedface.models.settings import in_float32
from maskedface.models.weights import load_weights

# Caffe's means of VGGFace2's training faces, here in RGB order (github.com/ox-vgg/vgg_face2 gives
# 91.4953, 103.8827, 131.0912 for B, G, R).
RGB_MEAN = (131.0912, 103.8827, 91.4953)
# PyTorch's defaults, which the weights were trained or converted with: eps 1e-5, momentum .1 of the
# new batch. Keras' own are 1e-3 and .99 of the old.
BN_EPSILON = 1e-5
BN_MOMENTUM = 0.9
_LAYOUT = "channels_last"  # whatever Keras is set to


@Architecture
@in_float32()
def ResNet50(
    weights: str | os.PathLike[str] | None = None,
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    *,
    filters: int = 64,
    blocks: Sequence[int] = (3, 4, 6, 3),
    name: str = "resnet50_vggface2",
    alignment: str = "vggface2",
) -> keras.Model:
    """Builds the backbone of "VGGFace2" (Cao et al. 2018) and of the paper.

    He et al.'s ResNet-50 as Caffe has it: the stride of 2 sits in the first 1x1 convolution of
    layer2-4's first block, convolutions have no bias, the 3x3/2 max-pool rounds its size up. Neither
    `keras.applications` nor torchvision has this geometry, and the weights give worse features in
    theirs. Preprocessing (the mean) is inside. All layers but `FaceAlignment` are stock Keras, and the
    first word of a layer's name is its stage (`models.stages`): stem, layer1, layer2, layer3, layer4, pool.

    Args:
        weights: None (random), the name of a preset (`models.PRESETS`), or a path, as `models.load_weights`
            takes them.
        input_shape: (height, width, 3) in pixels; height and width at least 32, or None for any.
        filters: int, width of the first stage; 64 is ResNet-50, less makes a small net for tests.
        blocks: four ints, residual blocks a stage; (3, 4, 6, 3) is ResNet-50.
        name: str, the model's name.
        alignment: what the faces are to be aligned to, a key of `geometry.ALIGNMENTS`; by default what
            every published weight file of this network was trained on.

    Returns:
        A `keras.Model`: RGB images, float or uint8, 0-255, shape (batch, height, width, 3) ->
        float32 embeddings, shape (batch, 32 * filters): 2048 for ResNet-50.

    Raises:
        ValueError: if `input_shape` has not 3 channels or is too small, `blocks` has not 4 entries, no
            alignment has that name, or the weights do not fit.

    >>> from maskedface import models
    >>> models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1)).output_shape
    (None, 64)
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
    x = layers.ZeroPadding2D(3, data_format=_LAYOUT, name="stem_pad")(x)
    x = _conv_bn(x, filters, 7, "stem_conv", "stem_bn", strides=2, padding="valid")
    x = layers.ReLU(name="stem_relu")(x)
    # Caffe's "ceil" mode: one more row and column, zero after the ReLU, then only whole windows.
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), data_format=_LAYOUT, name="stem_pool_pad")(x)
    x = layers.MaxPooling2D(3, 2, data_format=_LAYOUT, name="stem_pool")(x)
    for stage, count in enumerate(blocks):
        for block in range(count):
            strides = 2 if stage > 0 and block == 0 else 1
            x = _bottleneck(x, filters * 2**stage, strides, f"layer{stage + 1}_{block}")
    x = layers.GlobalAveragePooling2D(data_format=_LAYOUT, name="pool")(x)
    # Named so that it stays float32 where the feature maps do not (`with_precision`).
    x = layers.Activation("linear", dtype="float32", name="pool_embedding")(x)
    model = keras.Model(image, x, name=name)
    load_weights(model, weights)
    return model


def _conv_bn(
    x: keras.KerasTensor,
    filters: int,
    size: int,
    conv: str,
    norm: str,
    *,
    strides: int = 1,
    padding: str = "same",
) -> keras.KerasTensor:
    x = layers.Conv2D(
        filters,
        size,
        strides,
        padding=padding,
        data_format=_LAYOUT,
        use_bias=False,
        kernel_initializer="he_normal",
        name=conv,
    )(x)
    return layers.BatchNormalization(momentum=BN_MOMENTUM, epsilon=BN_EPSILON, name=norm)(x)


def _bottleneck(x: keras.KerasTensor, filters: int, strides: int, name: str) -> keras.KerasTensor:
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
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu3")(x)
