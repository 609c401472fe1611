"""The residual networks of ArcFace and AdaFace, with weights pretrained on millions of faces."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
from keras import layers

from maskedface.models.alignment import FaceAlignment
from maskedface.models.architecture import Architecture
from maskedface.models.convolution import LAYOUT, TORCH_EPSILON, TORCH_MOMENTUM, bias_free_conv
from maskedface.models.settings import in_float32
from maskedface.models.weights import load_weights

# Residual blocks a stage: insightface's recognition/arcface_torch/backbones/iresnet.py (200: its later
# versions); AdaFace's net.py calls the fourth IR-101.
BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 14, 3),
    100: (3, 13, 30, 3),
    200: (6, 26, 60, 6),
}
ADAFACE_BLOCKS = {18: BLOCKS[18], 34: BLOCKS[34], 50: BLOCKS[50], 101: BLOCKS[100]}
# Both networks' input: (x - 127.5) / 127.5.
_MIDDLE = 127.5
# The slopes that PyTorch's PReLU begins with; Keras' begin at 0.
PRELU_START = 0.25
# The stages halve the image four times: 16 pixels leave a single position.
LEAST_SIDE = 16


@dataclass(frozen=True)
class _Plan:
    """The differences between the two networks. `projects`: whether the first block's shortcut is a
    convolution even if the width does not change; `center`: whether the embedding's batch norm has
    a beta."""

    name: str
    projects: bool
    center: bool
    filters: int
    blocks: tuple[int, ...]
    embedding_size: int
    dropout: float


@Architecture
@in_float32()
def IResNet(
    weights: str | os.PathLike[str] | None = None,
    input_shape: tuple[int, int, int] = (112, 112, 3),
    *,
    depth: int = 50,
    blocks: Sequence[int] | None = None,
    filters: int = 64,
    embedding_size: int = 512,
    dropout: float = 0.0,
    alignment: str = "arcface",
) -> keras.Model:
    """Builds insightface's IResNet, the backbone of ArcFace, CosFace and Partial FC.

    The "improved" ResNet of Duta et al. 2020 as trained by insightface
    (`recognition/arcface_torch`): a stem with stride 1; blocks of batch norm, 3x3, batch norm,
    PReLU, 3x3 (stride 2 in the first block of a stage), batch norm, without an activation after the
    sum; finally batch norm, dropout, a dense layer over the whole feature map and a batch norm
    whose gamma is fixed to 1. Scaling to -1 ... 1 is included. All layers except `FaceAlignment`
    are standard Keras layers, and the first word of a layer's name is its stage (`models.stages`):
    stem, layer1, layer2, layer3, layer4, embedding.

    Args:
        weights: None (random), the name of a preset (`models.PRESETS`: "arcface_ms1mv3_r50" ...), or a
            path, as for `models.load_weights`. insightface's are for non-commercial research.
        input_shape: (height, width, 3) in pixels, ints of at least 16. The dense layer has weights for
            each position of the last feature map, so weights only fit their training size: 112.
        depth: 18, 34, 50, 100 or 200.
        blocks: four ints, residual blocks per stage, instead of those of `depth`.
        filters: int, width of the first stage; less than 64 for small test networks.
        embedding_size: int, the length of an embedding.
        dropout: float in [0, 1), the dropout rate of the feature map; insightface's `train_v2.py`
            uses 0.
        alignment: the alignment of the input faces, a key of `geometry.ALIGNMENTS`; by default that
            of all published weight files of this network.

    Returns:
        A `keras.Model`: RGB images, float or uint8, 0-255, shape (batch, height, width, 3) ->
        float32 embeddings, shape (batch, embedding_size), not normalized, as in insightface:
        compare them by cosine similarity.

    Raises:
        ValueError: if `input_shape` does not have 3 channels, or a side is None or too small, the
            depth is unknown, `blocks` does not have 4 entries, the alignment is unknown, or the
            weights do not fit.

    >>> from maskedface import models
    >>> small = models.IResNet(None, (32, 32, 3), blocks=(1, 1, 1, 1), filters=4, embedding_size=8)
    >>> small.output_shape, models.stages(small)[-1]
    ((None, 8), 'embedding')
    """
    counts = _blocks(depth, blocks, BLOCKS)
    name = _name("iresnet", counts, BLOCKS)
    plan = _Plan(name, True, True, filters, counts, embedding_size, dropout)
    return _build(plan, weights, input_shape, alignment)


@Architecture
@in_float32()
def AdaFaceIR(
    weights: str | os.PathLike[str] | None = None,
    input_shape: tuple[int, int, int] = (112, 112, 3),
    *,
    depth: int = 50,
    blocks: Sequence[int] | None = None,
    filters: int = 64,
    embedding_size: int = 512,
    dropout: float = 0.4,
    alignment: str = "arcface",
) -> keras.Model:
    """Builds AdaFace's IR network (Kim, Jain & Liu 2022, `net.py` of mk-minchul/AdaFace).

    It has the blocks of `IResNet` under other names, with two differences: the first stage's
    shortcut takes every second row and column (a max-pool of size 1), and the last batch norm has
    neither gamma nor beta. AdaFace uses BGR input; this network takes RGB like all networks here,
    since its first kernel is reversed when a file is loaded. Stages are those of `IResNet`.

    Args:
        weights: None (random), the name of a preset (`models.PRESETS`: "adaface_ir50_webface4m" ...), or
            a path, as for `models.load_weights`.
        input_shape: as for `IResNet`.
        depth: 18, 34, 50 or 101.
        blocks: four ints, residual blocks per stage, instead of those of `depth`.
        filters: int, width of the first stage; less than 64 for small test networks.
        embedding_size: int, the length of an embedding.
        dropout: float in [0, 1), the dropout rate of the feature map; AdaFace uses 0.4.
        alignment: as for `IResNet`.

    Returns:
        A `keras.Model`: RGB images, float or uint8, 0-255, shape (batch, height, width, 3) ->
        float32 embeddings, shape (batch, embedding_size), not normalized. AdaFace's own `forward` returns
        the normalized embedding and its norm, which is an indicator of image quality; both can be
        computed from this output.

    Raises:
        ValueError: as `IResNet`.

    >>> from maskedface import models
    >>> small = models.AdaFaceIR(None, (32, 32, 3), blocks=(1, 1, 1, 1), filters=4, embedding_size=8)
    >>> small.output_shape, models.alignment_of(small)
    ((None, 8), 'arcface')
    """
    counts = _blocks(depth, blocks, ADAFACE_BLOCKS)
    name = _name("adaface_ir", counts, ADAFACE_BLOCKS)
    plan = _Plan(name, False, False, filters, counts, embedding_size, dropout)
    return _build(plan, weights, input_shape, alignment)


def _blocks(
    depth: int, blocks: Sequence[int] | None, known: Mapping[int, tuple[int, ...]]
) -> tuple[int, ...]:
    if blocks is None and depth not in known:
        raise ValueError(f"depth must be one of {[*known]}. Received: depth={depth!r}")
    counts = known[depth] if blocks is None else tuple(blocks)
    if len(counts) != 4 or min(counts) < 1:
        raise ValueError(f"blocks must be four counts >= 1. Received: blocks={counts}")
    return counts


def _name(kind: str, counts: tuple[int, ...], known: Mapping[int, tuple[int, ...]]) -> str:
    return kind + next((str(depth) for depth, blocks in known.items() if blocks == counts), "")


def _build(
    plan: _Plan,
    weights: str | os.PathLike[str] | None,
    input_shape: tuple[int, int, int],
    alignment: str,
) -> keras.Model:
    sides = input_shape[:2]
    if (
        len(input_shape) != 3
        or input_shape[2] != 3
        or any(not isinstance(side, int) or side < LEAST_SIDE for side in sides)
    ):
        raise ValueError(
            f"input_shape must be (height, width, 3) with ints of at least {LEAST_SIDE}. "
            f"Received: input_shape={input_shape}"
        )
    image = keras.Input(input_shape, name="image")
    x = FaceAlignment(alignment, name="face_alignment")(image)
    x = layers.Rescaling(1 / _MIDDLE, -1.0, dtype="float32", name="preprocess")(x)
    x = _conv(x, plan.filters, 3, "stem_conv")
    x = _prelu(_norm(x, "stem_bn"), "stem_prelu")
    for stage, count in enumerate(plan.blocks):
        filters = plan.filters * 2**stage
        for block in range(count):
            project = block == 0 and (stage > 0 or plan.projects)
            x = _block(x, filters, f"layer{stage + 1}_{block}", project)
    x = _norm(x, "embedding_map_bn")
    x = layers.Flatten(data_format=LAYOUT, name="embedding_flatten")(x)
    x = layers.Dropout(plan.dropout, name="embedding_dropout")(x)
    x = layers.Dense(plan.embedding_size, name="embedding_dense")(x)
    # insightface keeps this gamma at 1, AdaFace has none.
    x = _norm(x, "embedding_bn", center=plan.center, scale=False)
    model = keras.Model(image, x, name=plan.name)
    load_weights(model, weights)
    return model


def _block(x: keras.KerasTensor, filters: int, name: str, project: bool) -> keras.KerasTensor:
    strides = 2 if name.endswith("_0") else 1
    shortcut = x
    if project:
        shortcut = _conv(x, filters, 1, f"{name}_downsample_conv", strides=strides)
        shortcut = _norm(shortcut, f"{name}_downsample_bn")
    elif strides > 1:
        shortcut = layers.MaxPooling2D(
            1, strides, data_format=LAYOUT, name=f"{name}_downsample_pool"
        )(x)
    x = _conv(_norm(x, f"{name}_bn1"), filters, 3, f"{name}_conv1")
    x = _prelu(_norm(x, f"{name}_bn2"), f"{name}_prelu")
    x = _norm(_conv(x, filters, 3, f"{name}_conv2", strides=strides), f"{name}_bn3")
    return layers.Add(name=f"{name}_add")([x, shortcut])


def _conv(
    x: keras.KerasTensor, filters: int, size: int, name: str, *, strides: int = 1
) -> keras.KerasTensor:
    if strides > 1 and size > 1:
        # PyTorch pads all four sides; "same" would pad the bottom and right alone where a side is even.
        x = layers.ZeroPadding2D(1, data_format=LAYOUT, name=f"{name}_pad")(x)
        return bias_free_conv(x, filters, size, name, strides=strides, padding="valid")
    return bias_free_conv(x, filters, size, name, strides=strides)


def _norm(
    x: keras.KerasTensor, name: str, *, center: bool = True, scale: bool = True
) -> keras.KerasTensor:
    return layers.BatchNormalization(
        momentum=TORCH_MOMENTUM, epsilon=TORCH_EPSILON, center=center, scale=scale, name=name
    )(x)


def _prelu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    start = keras.initializers.Constant(PRELU_START)
    return layers.PReLU(start, shared_axes=[1, 2], name=name)(x)
