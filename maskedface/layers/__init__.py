"""Keras layers for faces: drawn masks, small random changes, the upper face, parts and mirrors, codebooks.

The random layers change images in training alone, and the same way everywhere: in a model, in
`keras.Sequential`, in `tf.data` under any Keras backend (there as graph operations). Called, they draw
from their own seed; `transform(images, draws)` takes draws made elsewhere, so that a pipeline's masks may
be functions of (seed, epoch, element).
"""

from __future__ import annotations

from maskedface.layers.bag_of_features import BagOfFeatures
from maskedface.layers.random_face_jitter import RandomFaceJitter
from maskedface.layers.random_mask import RandomMask
from maskedface.layers.upper_face_crop import UpperFaceCrop
from maskedface.layers.view import View

__all__ = ["BagOfFeatures", "RandomFaceJitter", "RandomMask", "UpperFaceCrop", "View"]
