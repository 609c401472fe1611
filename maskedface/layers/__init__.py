"""Keras layers for faces: drawn masks and occlusions, jitter, upper-face crops, views and codebooks.

The random layers change images only in training, and work the same way everywhere: in a model, in
`keras.Sequential`, and in `tf.data` under any Keras backend (there as graph operations). When
called, they use their own seed; `transform(images, draws)` accepts external random numbers, so that
a pipeline's masks can be functions of (seed, epoch, element).
"""

from __future__ import annotations

from maskedface.layers.bag_of_features import BagOfFeatures
from maskedface.layers.random_face_jitter import RandomFaceJitter
from maskedface.layers.random_mask import RandomMask
from maskedface.layers.random_occlusion import RandomOcclusion
from maskedface.layers.upper_face_crop import UpperFaceCrop
from maskedface.layers.view import View

__all__ = [
    "BagOfFeatures",
    "RandomFaceJitter",
    "RandomMask",
    "RandomOcclusion",
    "UpperFaceCrop",
    "View",
]
