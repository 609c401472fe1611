"""Augmentation with randomly drawn masks."""

from __future__ import annotations

import keras
import numpy as np

from maskedface.layers._patches import RandomPatchLayer
from maskedface.masking import LOOSE_STYLES, STYLES


@keras.saving.register_keras_serializable(package="maskedface")
class RandomMask(RandomPatchLayer):
    """Draws masks on random faces, adapted to the face's lighting.

    When the layer is built, each style is drawn several times as transparent patches, placed for
    the images' alignment (`masking.MaskBank`); a batch then only needs a lookup and a blend. The
    patches are not weights: they are redrawn from the configuration. The layer works in a model, in
    a `keras.Sequential` and in `tf.data`, where it is one compiled graph operation; in inference it
    returns images unchanged.

    >>> mask = RandomMask(1.0, ["surgical"], alignment="arcface", variants=1, seed=1)
    >>> mask(np.full((2, 64, 64, 3), 128.0, "float32"), training=True).shape == (2, 64, 64, 3)
    True

    Args:
        probability: float in [0, 1], the probability that a mask is drawn on an image.
        styles: names of `masking.STYLES` or `masking.LOOSE_STYLES`, or styles (`masking.MaskStyle`,
            `masking.style_from_picture`, or a custom class registered with Keras) with different
            names; all are equally likely. None = all of `masking.STYLES`.
        alignment: the images' alignment, a key of `geometry.ALIGNMENTS`. None = "vggface2", the
            default of `datasets.as_tf_dataset`; `training.train` uses the backbone's.
        value_range: (low, high) of the images' values.
        variants: int >= 1, the number of masks drawn per style (about 12 ms each at 150 px).
        seed: int >= 0, the random seed of the masks and of their choice; None = the masks of seed
            0, chosen differently in each process.
        kwargs: arguments of `keras.layers.Layer`.

    Input shape:
        (batch, size, size, 3) or (size, size, 3), RGB; size is at least 32.

    Output shape:
        Same as the input, float32. `transform` keeps the dtype.

    Attributes:
        bank: the `masking.MaskBank`, once the layer is built; a mask's index is
            `style * variants + variant`.
        styles: the styles, in order.

    Raises:
        ValueError: if a number is out of range, an alignment or style is unknown, or styles have
            the same name; when the layer is built, if the images are not square or of unknown size.
    """

    drawn_by_default = STYLES
    named = (*STYLES, *LOOSE_STYLES)

    def lays(self, draws: np.ndarray) -> np.ndarray:
        """As `draws_on`. Layers with this method draw masks: on unmasked faces alone, which then count
        as masked (`datasets.augmentation`)."""
        return self.draws_on(draws)
