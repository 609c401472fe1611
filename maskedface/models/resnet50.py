"""The ResNet-50 of VGGFace2, in the geometry its weights were trained in."""

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
    model = caffe_resnet.build(name, input_shape, alignment, filters=filters, blocks=blocks)
    load_weights(model, weights)
    return model
