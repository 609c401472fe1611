"""Hariri's masked face embedding: a histogram of codewords over the upper half of a feature map."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from maskedface.layers import BagOfFeatures
from maskedface.models.freezing import stages
from maskedface.models.predicting import predict
from maskedface.models.settings import in_float32
from maskedface.names import did_you_mean


@in_float32()
def bag_of_features(
    backbone: keras.Model,
    stage: str,
    *,
    codewords: int = 64,
    upper: float = 0.5,
    softness: float = 1.0,
    faces: np.ndarray | None = None,
    seed: int = 0,
) -> keras.Model:
    """Cuts a backbone after a stage and adds a bag of features of the map's upper half.

    After Hariri, "Efficient Masked Face Recognition Method during the COVID-19 Pandemic", Signal, Image
    and Video Processing 16 (2022), arXiv 2105.03026: the masked half of the face is discarded, the last
    convolution's map is quantized by a codebook of radial basis functions (`layers.BagOfFeatures`), and a
    multilayer perceptron names the person: `models.classifier(model, people,
    head=models.LinearHead(hidden=[128]))`. **A difference from the paper**: Hariri crops the image
    (the first 50 of 10 x 10 blocks of 24 px) before the network; here the feature map is cropped
    after the stage, so that any backbone can be used unchanged. The receptive field of a feature
    vector then includes some of the mask.

    >>> import numpy as np
    >>> from maskedface import models
    >>> backbone = models.ResNet50(None, (64, 64, 3), filters=4, blocks=(1, 1, 1, 1))
    >>> faces = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), "uint8")
    >>> bag = models.bag_of_features(backbone, "layer2", codewords=4, faces=faces)
    >>> bag.output_shape, np.allclose(models.predict(bag, faces).sum(axis=1), 4)
    ((None, 4), True)

    Args:
        backbone: images of a fixed size -> anything; it is not modified.
        stage: the stage whose last feature map is used, one of `stages(backbone)`. The last map of
            a network may have too few positions: 2 x 2 in DlibResNet29.
        codewords: int >= 2.
        upper: float in (0, 1], the share of the map's rows that is kept, from the top; at least one row.
        softness: float > 0, as for `layers.BagOfFeatures`.
        faces: uint8 or float array, shape (rows, height, width, 3), to which the codebook is
            adapted; None leaves it random.
        seed: int, the random seed of the codebook's k-means.

    Returns:
        A new model: images -> float32 histograms times `codewords` (which gives a mean value of 1,
        as in the code of the codebook's authors), shape (batch, codewords). Its layers are copies
        of the backbone's up to the stage, and "bag_upper", "bag_codebook", "bag_scale". These form
        the stage "bag", which stays trainable after `freeze(model, through=stage)`.

    Raises:
        ValueError: if there is no such stage, its output is not a feature map, or an argument is
            out of range.
    """
    if not 0 < upper <= 1:
        raise ValueError(f"upper must be in (0, 1]. Received: upper={upper}")
    x = _last_map(backbone, stage)
    kept = max(1, round(x.shape[1] * upper))
    crop = ((0, x.shape[1] - kept), (0, 0))
    x = layers.Cropping2D(crop, data_format="channels_last", name="bag_upper")(x)
    front = keras.models.clone_model(keras.Model(backbone.inputs[0], x))
    names = {layer.name for layer in backbone.layers} & {layer.name for layer in front.layers}
    for name in names:
        front.get_layer(name).set_weights(backbone.get_layer(name).get_weights())
    codebook = BagOfFeatures(codewords, softness, seed, name="bag_codebook")
    if faces is not None:
        codebook.adapt(predict(front, faces))
    scale = layers.Rescaling(float(codewords), dtype="float32", name="bag_scale")
    return keras.Model(
        front.inputs[0], scale(codebook(front.outputs[0])), name=f"{backbone.name}_bag"
    )


def _last_map(backbone: keras.Model, stage: str) -> keras.KerasTensor:
    names = stages(backbone)
    if stage not in names:
        raise ValueError(
            f"stage must be one of {names}. Received: stage={stage!r}{did_you_mean(stage, names)}"
        )
    last = [layer for layer in backbone.layers if layer.name.split("_")[0] == stage][-1]
    found = last.output
    if len(found.shape) != 4 or None in found.shape[1:3]:
        raise ValueError(
            "stage must output a feature map of known height and width. "
            f"Received: stage={stage!r}, shape {found.shape}"
        )
    return found
