"""The SENet-50 of VGGFace2, in the exact variant of its pretrained weights."""

from __future__ import annotations

import os
from collections.abc import Sequence

import keras
from keras import layers

from maskedface.models import caffe_resnet
from maskedface.models.architecture import Architecture
from maskedface.models.convolution import LAYOUT
from maskedface.models.settings import in_float32
from maskedface.models.weights import load_weights


@Architecture
@in_float32()
def SENet50(
    weights: str | os.PathLike[str] | None = None,
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    *,
    filters: int = 64,
    blocks: Sequence[int] = (3, 4, 6, 3),
    reduction: int = 16,
    name: str = "senet50_vggface2",
    alignment: str = "vggface2",
) -> keras.Model:
    """Builds VGGFace2's SE-ResNet-50 (Cao et al. 2018; squeeze and excitation: Hu et al. 2018).

    It is `models.ResNet50` (Caffe's stride and max-pool, preprocessing included) with reweighted
    channels: the channel means of each block's branch pass through two 1x1 convolutions with
    biases, with a ReLU between them and a final sigmoid. All layers except `FaceAlignment` are
    standard Keras layers, and the first word of a layer's name is its stage (`models.stages`):
    stem, layer1, layer2, layer3, layer4, pool.

    Batch norms have an epsilon of 1e-5, as in the PyTorch files (VGGFace2-pytorch, and Albanie's
    dag files, which state it). keras-vggface uses 1e-4, like Caffe's SENet: if a variance is small,
    its embeddings differ from those here.

    Args:
        weights: None (random), the name of a preset (`models.PRESETS`), or a path, as for
            `models.load_weights`.
        input_shape: (height, width, 3) in pixels; height and width at least 32, or None for any.
        filters: int, width of the first stage; 64 for SENet-50, less for small test networks.
        blocks: four ints, residual blocks per stage; (3, 4, 6, 3) for SENet-50.
        reduction: int, the factor by which the first of the two 1x1 convolutions reduces the
            channels; a divisor of `4 * filters`. 16 for SENet-50.
        name: str, the model's name.
        alignment: the alignment of the input faces, a key of `geometry.ALIGNMENTS`; by default that
            of all published weight files of this network.

    Returns:
        A `keras.Model`: RGB images, float or uint8, 0-255, shape (batch, height, width, 3) ->
        float32 embeddings, shape (batch, 32 * filters): 2048 for SENet-50. They are not normalized.

    Raises:
        ValueError: if `input_shape` does not have 3 channels or is too small, `blocks` does not
            have 4 entries, `reduction` is not a divisor, the alignment is unknown, or the weights
            do not fit.

    >>> from maskedface import models
    >>> models.SENet50(None, (64, 64, 3), filters=4, blocks=(1, 1, 1, 1)).output_shape
    (None, 128)
    """
    if reduction < 1 or 4 * filters % reduction:
        raise ValueError(
            f"reduction must divide 4 * filters = {4 * filters}. Received: reduction={reduction}"
        )

    def excite(x: keras.KerasTensor, block: str) -> keras.KerasTensor:
        return _excite(x, reduction, block)

    model = caffe_resnet.build(
        name, input_shape, alignment, filters=filters, blocks=blocks, excite=excite
    )
    load_weights(model, weights)
    return model


def _excite(x: keras.KerasTensor, reduction: int, name: str) -> keras.KerasTensor:
    channels = x.shape[-1]
    weight = layers.GlobalAveragePooling2D(
        data_format=LAYOUT, keepdims=True, name=f"{name}_se_pool"
    )(x)
    for part, filters, activation in (
        ("down", channels // reduction, "relu"),
        ("up", channels, "sigmoid"),
    ):
        weight = layers.Conv2D(
            filters, 1, data_format=LAYOUT, activation=activation, name=f"{name}_se_{part}"
        )(weight)
    return layers.Multiply(name=f"{name}_se_scale")([x, weight])
