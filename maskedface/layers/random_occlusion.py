"""Augmentation with sunglasses, hats and hands."""

from __future__ import annotations

import keras

from maskedface.layers._patches import RandomPatchLayer
from maskedface.masking import OCCLUSIONS


@keras.saving.register_keras_serializable(package="maskedface")
class RandomOcclusion(RandomPatchLayer):
    """Draws sunglasses, hats or a hand on random faces, masked and unmasked ones.

    Works as `RandomMask`, but what it draws is no mask: a face keeps its domain, and masked faces
    get occlusions too. In a list of layers it may stand before or after `RandomMask`; the later one
    is drawn on top. In a model of one's own the two need different seeds, or they choose the same
    faces.

    The light is read off the lower face, so on a masked face it is that of the mask. What reaches
    beyond the image is cut off: of hats little is seen, and on images of the alignments "arcface"
    and "dlib" sometimes nothing.

    >>> import numpy as np
    >>> occlusion = RandomOcclusion(1.0, ["sunglasses"], alignment="arcface", variants=1, seed=1)
    >>> occlusion(np.full((2, 64, 64, 3), 128.0, "float32"), training=True).shape == (2, 64, 64, 3)
    True

    Args:
        probability: float in [0, 1], the probability that something is drawn on an image.
        styles: names of `masking.OCCLUSIONS`, or styles of one's own, as for `RandomMask`, with
            different names; all are equally likely. None = all of `masking.OCCLUSIONS`.
        alignment: the images' alignment, a key of `geometry.ALIGNMENTS`. None = "vggface2", the
            default of `datasets.as_tf_dataset`; `training.train` uses the backbone's.
        value_range: (low, high) of the images' values.
        variants: int >= 1, the number of patches drawn per style (about 12 ms each at 150 px).
        seed: int >= 0, the random seed of the patches and of their choice; None = the patches of
            seed 0, chosen differently in each process.
        kwargs: arguments of `keras.layers.Layer`.

    Input shape:
        (batch, size, size, 3) or (size, size, 3), RGB; size is at least 32.

    Output shape:
        Same as the input, float32. `transform` keeps the dtype.

    Attributes:
        bank: the `masking.MaskBank` of the patches, once the layer is built.
        styles: the styles, in order.

    Raises:
        ValueError: as `RandomMask`.
    """

    drawn_by_default = named = OCCLUSIONS
