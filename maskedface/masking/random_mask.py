"""Masks drawn at random, yet the same for the same seed, epoch and image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from maskedface.masking.bank import MaskBank
from maskedface.masking.chance import uniform
from maskedface.masking.numpy_calls import numpy_call
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

    >>> mask = RandomMask(0.5, alignment="dlib", size=150)  # doctest: +SKIP
    >>> batches = batches.map(lambda images, rows: mask(images, rows, epoch))  # doctest: +SKIP

    With `fixed=K`, an image wears one of K masks of its own: embed it with each of
    `masks_of(elements)` once, and take the columns that `views(elements, epoch)` says.

    Args:
        probability: float in [0, 1], the chance that an image gets a mask.
        styles: what to draw from, each as often; of different names.
        seed: int >= 0, of the masks' drawing and of the choice.
        alignment: the images' alignment, a key of `geometry.ALIGNMENTS`.
        size: int >= 32, the images' height and width in pixels.
        variants: int >= 1, how many masks of each style are drawn (some 12 ms each at 150 px).
        fixed: int, how many masks an image draws from; 0 = any of the bank.

    Attributes:
        bank: the `MaskBank`; number `style * variants + variant`.
        styles: the styles, in order.

    Raises:
        ValueError: if a number is out of range, no alignment has that name, or styles share a name.
    """

    def __init__(
        self,
        probability: float = 0.5,
        styles: Sequence[Style] = STYLES,
        seed: int = 0,
        *,
        alignment: str = "arcface",
        size: int = 112,
        variants: int = 24,
        fixed: int = 0,
    ) -> None:
        if not 0 <= probability <= 1:
            raise ValueError(f"probability must be in [0, 1]. Received: {probability}")
        self.probability, self.styles, self.seed = probability, tuple(styles), seed
        patches = draw_bank(
            self.styles, alignment=alignment, size=size, variants=variants, seed=seed
        )
        self.bank = MaskBank(patches, face_matrix(alignment, size, size))
        self._variants = variants
        if not 0 <= fixed <= len(self.bank):
            raise ValueError(f"fixed must be in [0, {len(self.bank)}]. Received: fixed={fixed}")
        self.fixed = fixed

    def choices(
        self, elements: np.ndarray, epoch: int, rows: np.ndarray | None = None
    ) -> np.ndarray:
        """Which mask each image gets in an epoch.

        Args:
            elements: int array, shape (batch,), each >= 0.
            epoch: int >= 0.
            rows: int array, shape (batch,), whose fixed masks each element draws from, where an image
                has several elements; by default its own.

        Returns:
            int64 array, shape (batch,): a patch's number in the bank, or -1 for no mask.
        """
        if self.fixed:
            views = self.views(elements, epoch)
            known = self.masks_of(elements if rows is None else rows)
            own = np.take_along_axis(known, np.maximum(views, 0)[:, None], 1)
            return np.where(views >= 0, own[:, 0], -1)
        style = self._pick(len(self.styles), elements, epoch, _STYLE)
        variant = self._pick(self._variants, elements, epoch, _VARIANT)
        return np.where(self._masked(elements, epoch), style * self._variants + variant, -1)

    def masks_of(self, elements: np.ndarray) -> np.ndarray:
        """The fixed masks of each image: of different styles, as far as there are so many.

        Args:
            elements: int array, shape (batch,), each >= 0.

        Returns:
            int64 array, shape (batch, fixed): different numbers of the bank in each row; the first
            are the same for any larger `fixed`.
        """
        count, k = len(self.styles), np.arange(self.fixed)
        keys = [uniform(self.seed, 0, elements, _ORDER + n) for n in range(count)]
        style = np.argsort(np.stack(keys, 1), axis=1)[:, k % count]
        first = self._pick(self._variants, elements, 0, _VARIANT)[:, None]
        variant = (first + k // count) % self._variants
        return style * self._variants + variant

    def views(self, elements: np.ndarray, epoch: int) -> np.ndarray:
        """Which of its fixed masks each image wears in an epoch.

        Args:
            elements: int array, shape (batch,), each >= 0.
            epoch: int >= 0.

        Returns:
            int64 array, shape (batch,): a column of `masks_of(elements)`, or -1 for no mask.
        """
        picked = self._pick(self.fixed, elements, epoch, _VIEW)
        return np.where(self._masked(elements, epoch), picked, -1)

    def lay(
        self, images: np.ndarray, choice: np.ndarray, points: np.ndarray | None = None
    ) -> np.ndarray:
        """Lays the chosen masks on images; as `MaskBank.lay`.

        Args:
            images: uint8 or float array, shape (batch, size, size, 3), RGB, 0-255, in the alignment
                of the bank.
            choice: int array, shape (batch,), as `choices` gives it.
            points: five points of each image, float array, shape (batch, 5, 2), where the images
                have no common alignment.

        Returns:
            New array of the same type and shape.

        Raises:
            ValueError: as `MaskBank.lay`; of images of 0-1, for one.
        """
        return self.bank.lay(images, choice, points)

    def __call__(self, images: Any, elements: Any, epoch: Any, points: Any = None) -> Any:
        """Masks a batch, of NumPy or inside `tf.data`.

        Args:
            images: array or tensor, as for `lay`.
            elements: int array or tensor, shape (batch,), each >= 0: the images' numbers.
            epoch: int, or int tensor of shape ().
            points: None, or array or tensor, as for `lay`.

        Returns:
            Images of the same type and shape.

        Raises:
            ValueError: as `MaskBank.lay`; inside `tf.data` an error of TensorFlow's that names it.
        """
        if isinstance(images, np.ndarray):
            return self.lay(images, self.choices(elements, epoch), points)
        import tensorflow as tf

        def laid(images: np.ndarray, elements: np.ndarray, epoch: np.ndarray, *points: Any) -> Any:
            return self.lay(images, self.choices(elements, int(epoch)), *points)

        given = [images, elements, epoch, *([] if points is None else [points])]
        masked = numpy_call(laid, given, images.dtype, is_stateful=False)
        return tf.ensure_shape(masked, images.shape)

    def _masked(self, elements: np.ndarray, epoch: int) -> np.ndarray:
        return uniform(self.seed, epoch, elements, _WHETHER) < self.probability

    def _pick(self, among: int, elements: np.ndarray, epoch: int, stream: int) -> np.ndarray:
        return (uniform(self.seed, epoch, elements, stream) * among).astype("int64")
