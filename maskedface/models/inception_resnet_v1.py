"""FaceNet: the Inception-ResNet-v1 of David Sandberg's facenet and of facenet-pytorch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, get_args

import keras
from keras import layers

from maskedface.models.alignment import FaceAlignment
from maskedface.models.architecture import Architecture
from maskedface.models.convolution import LAYOUT, Padding, bias_free_conv
from maskedface.models.settings import in_float32
from maskedface.models.weights import load_weights
from maskedface.names import did_you_mean

Normalization = Literal["fixed", "per_image"]
# The unpadded convolutions leave a 1 x 1 map of such an image, and nothing of a smaller one.
LEAST_SIDE = 75
# `batch_norm_params` of github.com/davidsandberg/facenet, src/train_softmax.py; facenet-pytorch has
# the same epsilon.
BN_EPSILON = 1e-3
BN_MOMENTUM = 0.995
# How much of a block's branches is added to its shortcut: src/models/inception_resnet_v1.py. The last
# block8 adds all of it, and has no ReLU.
SCALES = {"block35": 0.17, "block17": 0.10, "block8": 0.20}

# One convolution: (filters in units of a thirty-second of the network's width, (height, width) of the
# kernel, stride, padding). A branch is a list of them.
_Conv = tuple[int, tuple[int, int], int, Padding]


def _same(filters: int, height: int, width: int | None = None) -> _Conv:
    return filters, (height, width or height), 1, "same"


def _valid(filters: int, size: int, stride: int = 1) -> _Conv:
    return filters, (size, size), stride, "valid"


# The names are those of src/models/inception_resnet_v1.py.
_STEM = {
    "1a": _valid(32, 3, 2),
    "2a": _valid(32, 3),
    "2b": _same(64, 3),
    "3b": _valid(80, 1),
    "4a": _valid(192, 3),
    "4b": _valid(256, 3, 2),
}
_BLOCKS: dict[str, list[list[_Conv]]] = {
    "block35": [
        [_same(32, 1)],
        [_same(32, 1), _same(32, 3)],
        [_same(32, 1), _same(32, 3), _same(32, 3)],
    ],
    "block17": [[_same(128, 1)], [_same(128, 1), _same(128, 1, 7), _same(128, 7, 1)]],
    "block8": [[_same(192, 1)], [_same(192, 1), _same(192, 1, 3), _same(192, 3, 1)]],
}
_REDUCTIONS: dict[str, list[list[_Conv]]] = {
    "mixed6a": [[_valid(384, 3, 2)], [_same(192, 1), _same(192, 3), _valid(256, 3, 2)]],
    "mixed7a": [
        [_same(256, 1), _valid(384, 3, 2)],
        [_same(256, 1), _valid(256, 3, 2)],
        [_same(256, 1), _same(256, 3), _valid(256, 3, 2)],
    ],
}


@Architecture
@in_float32()
def InceptionResNetV1(
    weights: str | os.PathLike[str] | None = None,
    input_shape: tuple[int | None, int | None, int] = (160, 160, 3),
    *,
    filters: int = 32,
    blocks: Sequence[int] = (5, 10, 5),
    size: int = 512,
    normalization: Normalization = "fixed",
    alignment: str = "vggface2",
) -> keras.Model:
    """Builds FaceNet's network in its common variant (Schroff et al. 2015; Szegedy et al. 2016).

    It is David Sandberg's Inception-ResNet-v1 (github.com/davidsandberg/facenet), which facenet-pytorch
    and deepface also use. Preprocessing is included. All layers except `FaceAlignment` are standard
    Keras layers, and the first word of a layer's name is its stage (`models.stages`): stem,
    block35, mixed6a, block17, mixed7a, block8, embedding.

    The embedding is not L2-normalized. The programs above normalize it as a last step, which does
    not change cosine similarities; for Euclidean distances, add `keras.layers.UnitNormalization()`
    after the model. The original classifier was trained on the unnormalized embedding, and a new
    head also trains better on it than on vectors of unit length.

    Args:
        weights: None (random), the name of a preset (`models.PRESETS`), or a path, as `models.load_weights`
            takes them.
        input_shape: (height, width, 3) in pixels; height and width at least 75, or None for any.
        filters: int >= 2, even, width of the first convolution; 32 in the original network, less
            for small test networks.
        blocks: three ints >= 1: the number of block35, block17 and block8 layers, which are
            followed by one more block8 without scale and ReLU. (5, 10, 5) in the original network.
        size: int >= 1, length of an embedding: 512 in Sandberg's models of 2018, 128 in those of
            2017.
        normalization: the scaling of 0-255. "fixed": (x - 127.5) / 128, for weights of 2018
            (Sandberg's `fixed_image_standardization`). "per_image": by the mean and standard
            deviation of all values of the image (his `prewhiten`), for those of 2017.
        alignment: the alignment of the input faces, a key of `geometry.ALIGNMENTS`. No landmarks
            are published: faces were cropped by MTCNN's box with a margin. "vggface2", another such
            crop, is the nearest known one.

    Returns:
        A `keras.Model`: RGB images, float or uint8, 0-255, shape (batch, height, width, 3) ->
        float32 embeddings, shape (batch, size).

    Raises:
        ValueError: if `input_shape` does not have 3 channels or is too small, `filters`, `blocks`,
            `size` or `normalization` is invalid, the alignment is unknown, or the weights do not
            fit.

    >>> from maskedface import models
    >>> models.InceptionResNetV1(None, (80, 80, 3), filters=2, blocks=(1, 1, 1)).output_shape
    (None, 512)
    """
    _check(input_shape, filters, blocks, size, normalization)
    image = keras.Input(input_shape, name="image")
    x = FaceAlignment(alignment, name="face_alignment")(image)
    x = _preprocess(x, normalization)
    x = _stem(x, filters)
    for name, count, reduction in zip(_BLOCKS, blocks, [*_REDUCTIONS, None], strict=True):
        for block in range(count):
            x = _block(x, filters, f"{name}_{block}")
        if reduction:
            x = _reduce(x, filters, reduction)
    x = _block(x, filters, f"block8_{blocks[2]}", last=True)
    x = layers.GlobalAveragePooling2D(data_format=LAYOUT, name="pool")(x)
    x = layers.Dense(size, use_bias=False, dtype="float32", name="embedding_dense")(x)
    x = _norm("embedding_bn", dtype="float32")(x)
    model = keras.Model(image, x, name="inception_resnet_v1")
    load_weights(model, weights)
    return model


def _check(
    input_shape: Sequence[int | None],
    filters: int,
    blocks: Sequence[int],
    size: int,
    normalization: str,
) -> None:
    if len(input_shape) != 3 or input_shape[2] != 3:
        raise ValueError(
            f"input_shape must be (height, width, 3). Received: input_shape={tuple(input_shape)}"
        )
    if any(side is not None and side < LEAST_SIDE for side in input_shape[:2]):
        raise ValueError(
            f"input_shape must be at least ({LEAST_SIDE}, {LEAST_SIDE}, 3). "
            f"Received: input_shape={tuple(input_shape)}"
        )
    if filters < 2 or filters % 2:
        raise ValueError(f"filters must be even and >= 2. Received: filters={filters}")
    if len(blocks) != 3 or min(blocks) < 1:
        raise ValueError(f"blocks must be three counts >= 1. Received: blocks={tuple(blocks)}")
    if size < 1:
        raise ValueError(f"size must be >= 1. Received: size={size}")
    if normalization not in get_args(Normalization):
        raise ValueError(
            f"normalization must be one of {get_args(Normalization)}. "
            f"Received: normalization={normalization!r}"
            f"{did_you_mean(normalization, get_args(Normalization))}"
        )


def _preprocess(x: keras.KerasTensor, normalization: str) -> keras.KerasTensor:
    if normalization == "fixed":
        return layers.Rescaling(1 / 128, -127.5 / 128, dtype="float32", name="preprocess")(x)
    # Near 0 first: the variance of large numbers that differ by little would be lost to rounding.
    x = layers.Rescaling(1.0, -127.5, dtype="float32", name="preprocess")(x)
    # prewhiten's own bound of the deviation is 1 / sqrt(numbers of the image), .004 gray levels: only an
    # image of one gray level lies below it, and is 0 here as there.
    return layers.LayerNormalization(
        (1, 2, 3),
        epsilon=1e-7,
        center=False,
        scale=False,
        dtype="float32",
        name="preprocess_whiten",
    )(x)


def _stem(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    for name, conv in _STEM.items():
        if name == "3b":
            x = layers.MaxPooling2D(3, 2, data_format=LAYOUT, name="stem_3a_pool")(x)
        x = _conv_bn(x, filters, conv, f"stem_{name}")
    return x


def _block(
    x: keras.KerasTensor, filters: int, name: str, *, last: bool = False
) -> keras.KerasTensor:
    kind = name.partition("_")[0]
    branches = _branches(x, filters, _BLOCKS[kind], name)
    mixed = layers.Concatenate(-1, name=f"{name}_concat")(branches)
    up = layers.Conv2D(
        x.shape[-1],
        1,
        data_format=LAYOUT,
        kernel_initializer="he_normal",
        name=f"{name}_up",
    )(mixed)
    if last:
        return layers.Add(name=f"{name}_add")([x, up])
    up = layers.Rescaling(SCALES[kind], name=f"{name}_scale")(up)
    x = layers.Add(name=f"{name}_add")([x, up])
    return layers.ReLU(name=f"{name}_relu")(x)


def _reduce(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    branches = _branches(x, filters, _REDUCTIONS[name], name)
    branches.append(layers.MaxPooling2D(3, 2, data_format=LAYOUT, name=f"{name}_pool")(x))
    return layers.Concatenate(-1, name=f"{name}_concat")(branches)


def _branches(
    x: keras.KerasTensor, filters: int, branches: list[list[_Conv]], name: str
) -> list[keras.KerasTensor]:
    outputs = []
    for number, convs in enumerate(branches):
        y = x
        for place, conv in enumerate(convs):
            y = _conv_bn(y, filters, conv, f"{name}_branch{number}_{place}")
        outputs.append(y)
    return outputs


def _conv_bn(x: keras.KerasTensor, filters: int, conv: _Conv, name: str) -> keras.KerasTensor:
    width, size, stride, padding = conv
    width = width * filters // 32
    x = bias_free_conv(x, width, size, f"{name}_conv", strides=stride, padding=padding)
    x = _norm(f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _norm(name: str, dtype: str | None = None) -> keras.layers.BatchNormalization:
    return layers.BatchNormalization(
        momentum=BN_MOMENTUM, epsilon=BN_EPSILON, dtype=dtype, name=name
    )
