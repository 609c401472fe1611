"""Masks drawn at random, yet the same for the same seed, epoch and image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from maskedface.masking.bank import MaskBank
from maskedface.masking.patches import draw_bank
from maskedface.masking.sheet import face_matrix
from maskedface.masking.styles import STYLES, Style

# Streams of one (seed, epoch, element); those of `masks_of` follow, one a style.
_WHETHER, _VIEW, _STYLE, _VARIANT, _ORDER = range(5)


class RandomMask:
    """Puts masks on faces, each with a chance, as a function of (seed, epoch, element) alone.

    No generator's history enters, so parallel maps, resumed runs and cached ones see the same
    masks. An element is any whole number that names an image: a row of a `FaceIndex`, say.

    In `tf.data`, after batching, with the numbers of the images in their data set beside them:

    >>> mask = RandomMask(0.5, template="dlib", size=150)  # doctest: +SKIP
    >>> batches = batches.map(lambda images, rows: mask(images, rows, epoch))  # doctest: +SKIP

    With frozen features, draw from K fixed masks an image instead: embed each image with each mask
    of `masks_of(elements, K)` once, and take the columns that `views(elements, epoch, K)` says.

    Args:
        probability: float in [0, 1], the chance that an image gets a mask.
        styles: what to draw from, each as often; of different names.
        seed: int >= 0, of the masks' drawing and of the choice.
        template: the images' alignment, a key of `geometry.TEMPLATES`.
        size: int >= 32, the images' height and width in pixels.
        variants: int >= 1, how many masks of each style are drawn (some 12 ms each at 150 px).

    Attributes:
        bank: the `MaskBank`; number `style * variants + variant`.
        styles: the styles, in order.

    Raises:
        ValueError: if a number is out of range, no template has that name, or styles share a name.
    """

    def __init__(
        self,
        probability: float = 0.5,
        styles: Sequence[Style] = STYLES,
        seed: int = 0,
        *,
        template: str = "arcface",
        size: int = 112,
        variants: int = 24,
    ) -> None:
        if not 0 <= probability <= 1:
            raise ValueError(f"probability must be in [0, 1]. Received: {probability}")
        self.probability, self.styles, self.seed = probability, tuple(styles), seed
        patches = draw_bank(
            self.styles, template=template, size=size, variants=variants, seed=seed
        )
        self.bank = MaskBank(patches, face_matrix(template, size, size))
        self._variants = variants

    def choices(self, elements: np.ndarray, epoch: int) -> np.ndarray:
        """Which mask each image gets in an epoch.

        Args:
            elements: int array, shape (batch,), each >= 0.
            epoch: int >= 0.

        Returns:
            int64 array, shape (batch,): a patch's number in the bank, or -1 for no mask.
        """
        style = self._pick(len(self.styles), elements, epoch, _STYLE)
        variant = self._pick(self._variants, elements, epoch, _VARIANT)
        return np.where(self._masked(elements, epoch), style * self._variants + variant, -1)

    def masks_of(self, elements: np.ndarray, k: int) -> np.ndarray:
        """The fixed masks of each image: of different styles, as far as there are so many.

        Args:
            elements: int array, shape (batch,), each >= 0.
            k: int in 1 .. len(bank), how many.

        Returns:
            int64 array, shape (batch, k): different numbers of the bank in each row; the first are
            the same for any larger `k`.

        Raises:
            ValueError: if `k` is out of range.
        """
        if not 1 <= k <= len(self.bank):
            raise ValueError(f"k must be in [1, {len(self.bank)}]. Received: k={k}")
        count = len(self.styles)
        keys = [_uniform(self.seed, 0, elements, _ORDER + n) for n in range(count)]
        style = np.argsort(np.stack(keys, 1), axis=1)[:, np.arange(k) % count]
        first = self._pick(self._variants, elements, 0, _VARIANT)[:, None]
        variant = (first + np.arange(k) // count) % self._variants
        return style * self._variants + variant

    def views(self, elements: np.ndarray, epoch: int, k: int) -> np.ndarray:
        """Which of its `k` fixed masks each image wears in an epoch.

        Args:
            elements: int array, shape (batch,), each >= 0.
            epoch: int >= 0.
            k: int >= 1.

        Returns:
            int64 array, shape (batch,): a column of `masks_of(elements, k)`, or -1 for no mask.
        """
        return np.where(self._masked(elements, epoch), self._pick(k, elements, epoch, _VIEW), -1)

    def lay(self, images: Any, choice: Any, points: np.ndarray | None = None) -> Any:
        """Lays the chosen masks on images, whichever library they are of.

        Args:
            images: uint8 or float array or TensorFlow tensor, shape (batch, size, size, 3), RGB,
                0-255, in the alignment of the bank.
            choice: int, shape (batch,), as `choices` gives it.
            points: five points of each image, float array, shape (batch, 5, 2), where the images
                have no common alignment; NumPy only (`MaskBank.lay`).

        Returns:
            Images of the same type and shape.
        """
        if isinstance(images, np.ndarray):
            return self.bank.lay(images, choice, points)
        if points is not None:
            raise ValueError("points must be None for tensors: align the images, or use NumPy")
        return self.bank.lay_tf(images, choice)

    def __call__(self, images: Any, elements: Any, epoch: Any) -> Any:
        """Masks a batch.

        Args:
            images: as for `lay`.
            elements: int array or tensor, shape (batch,), each >= 0: the images' numbers.
            epoch: int, or int tensor of shape ().

        Returns:
            Images of the same type and shape.
        """
        if isinstance(images, np.ndarray):
            return self.lay(images, self.choices(elements, epoch))
        import tensorflow as tf

        choice = tf.numpy_function(self.choices, [elements, epoch], tf.int64, stateful=False)
        return self.lay(images, tf.ensure_shape(choice, [None]))

    def _masked(self, elements: np.ndarray, epoch: int) -> np.ndarray:
        return _uniform(self.seed, epoch, elements, _WHETHER) < self.probability

    def _pick(self, among: int, elements: np.ndarray, epoch: int, stream: int) -> np.ndarray:
        return (_uniform(self.seed, epoch, elements, stream) * among).astype("int64")


def _uniform(seed: int, epoch: int, elements: np.ndarray, stream: int) -> np.ndarray:
    """A number in [0, 1) for each element, from a hash of all four."""
    state = np.zeros(np.shape(elements), "uint64")
    for part in (seed, epoch, stream, elements):
        # The mixing step of SplitMix64 (Steele, Lea and Flood 2014, figure 16).
        state = state ^ np.asarray(part, "uint64")
        state = state + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    top: np.ndarray = (state >> np.uint64(11)) * 2.0**-53
    return top
