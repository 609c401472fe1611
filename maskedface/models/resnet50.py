"""The ResNet-50 of VGGFace2, in the exact variant of its pretrained weights."""

from __future__ import annotations

import os
from collections.abc import Sequence

import keras

from maskedface.models import caffe_resnet
from maskedface.models.architecture import Architecture
from maskedface.models.settings import in_float32
from maskedface.models.weights import load_weights


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

    He et al.'s ResNet-50 in Caffe's variant: the stride of 2 is in the first 1x1 convolution of the
    first block of layer2-4, convolutions have no bias, and the 3x3/2 max-pool rounds its output
    size up. Neither `keras.applications` nor torchvision has this variant, and the weights give
    worse features in theirs. Preprocessing (mean subtraction) is included. All layers except
    `FaceAlignment` are standard Keras layers, and the first word of a layer's name is its stage
    (`models.stages`): stem, layer1, layer2, layer3, layer4, pool.

    Args:
        weights: None (random), the name of a preset (`models.PRESETS`), or a path, as for
            `models.load_weights`.
        input_shape: (height, width, 3) in pixels; height and width at least 32, or None for any.
        filters: int, width of the first stage; 64 for ResNet-50, less for small test networks.
        blocks: four ints, residual blocks per stage; (3, 4, 6, 3) for ResNet-50.
        name: str, the model's name.
        alignment: the alignment of the input faces, a key of `geometry.ALIGNMENTS`; by default that
            of all published weight files of this network.

    Returns:
        A `keras.Model`: RGB images, float or uint8, 0-255, shape (batch, height, width, 3) ->
        float32 embeddings, shape (batch, 32 * filters): 2048 for ResNet-50.

    Raises:
        ValueError: if `input_shape` does not have 3 channels or is too small, `blocks` does not
            have 4 entries, the alignment is unknown, or the weights do not fit.

    >>> from maskedface import models
    >>> models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1)).output_shape
    (None, 64)
    """
    model = caffe_resnet.build(name, input_shape, alignment, filters=filters, blocks=blocks)
    load_weights(model, weights)
    return model
