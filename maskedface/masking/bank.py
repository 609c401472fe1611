"""A bank of masks that are drawn once and applied to many images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from maskedface.masking.light import FaceLight, gains
from maskedface.masking.patches import draw_patches
from maskedface.masking.sheet import face_matrix
from maskedface.masking.styles import STYLES, Style

_BLOCK = 8  # images per block, which fits the processor's cache: twice as fast as 64


class MaskBank:
    """Mask patches for images of one alignment and size.

    A patch is lit like the face: image * (1 - alpha) + RGB * light (`masking.light`). Only rows
    that some patch covers are computed.

    >>> import numpy as np
    >>> from maskedface import masking, synthetic
    >>> faces = np.stack([synthetic.draw_face(person, 0, False, size=64) for person in (0, 1)])
    >>> bank = masking.MaskBank.draw(masking.STYLES[:2], alignment="arcface", size=64, variants=1)
    >>> masked = bank.lay(faces, np.array([1, -1]))  # the second style on the first face alone
    >>> (masked != faces).any(axis=(1, 2, 3)).tolist()
    [True, False]

    Args:
        patches: uint8 array, shape (N, height, width, 4): RGB premultiplied by alpha, and alpha
            (`patches.draw_patches`).
        matrix: float array, shape (2, 3): image pixel = matrix @ (alignment x, alignment y, 1), from
            the 112-px ArcFace alignment (`sheet.face_matrix`).

    Attributes:
        shape: (height, width) of the images.
        rows: slice, the rows that some patch covers.
        light: the `FaceLight` of these images.
    """

    def __init__(self, patches: np.ndarray, matrix: np.ndarray) -> None:
        self.patches, self.matrix = patches, np.asarray(matrix, "float64")
        self.shape: tuple[int, int] = patches.shape[1:3]
        reached = np.flatnonzero(patches[..., 3].any(axis=(0, 2)))
        self.rows = slice(*(reached[[0, -1]] + (0, 1)) if len(reached) else (0, 1))
        self.light = FaceLight(self.matrix, *self.shape)

    @classmethod
    def draw(
        cls,
        styles: Sequence[Style] = STYLES,
        *,
        alignment: str,
        size: int,
        variants: int = 24,
        seed: int = 0,
    ) -> MaskBank:
        """Draws every style several times, for faces of one alignment and size.

        Takes about 12 ms per mask at 150 px. The last two banks are cached.

        >>> bank = MaskBank.draw(STYLES[:2], alignment="arcface", size=64, variants=1)
        >>> bank.lay(np.full((2, 64, 64, 3), 128, "uint8"), np.array([1, -1])).shape
        (2, 64, 64, 3)

        Args:
            styles: the styles to draw, with different names.
            alignment: the faces' alignment, a key of `geometry.ALIGNMENTS`.
            size: int >= 32, the faces' height and width in pixels.
            variants: int >= 1, number of masks per style.
            seed: int >= 0, random seed.

        Returns:
            A bank of styles * variants patches, grouped by style.

        Raises:
            ValueError: if a number is out of range, there are no styles, two have the same name, or
                the alignment is unknown.
        """
        words = (tuple(styles), alignment, size, variants, seed)
        try:
            return _drawn(*words)
        except TypeError:  # a custom style that is not hashable
            return _drawn.__wrapped__(*words)

    def __len__(self) -> int:
        return len(self.patches)

    def lay(
        self, images: np.ndarray, choice: np.ndarray, points: np.ndarray | None = None
    ) -> np.ndarray:
        """Draws a patch on each image.

        Args:
            images: uint8 or float array, shape (batch, height, width, 3), RGB, 0-255.
            choice: int array, shape (batch,): the index of the patch, or -1 for none.
            points: None if the images have the bank's alignment; else the five points of each
                image, float array, shape (batch, 5, 2), to which the patches are warped (about 3 ms
                per face at 150 px).

        Returns:
            A new array of the images' shape and type; images without a mask are unchanged.

        Raises:
            ValueError: if a shape does not match, an index is out of range, or floats are not
                0-255: if some are out of this range, or none in the batch is above 1, as in images
                of 0-1.
        """
        choice = np.asarray(choice)
        self._check(images, choice)
        laid = images.copy()
        chosen = np.flatnonzero(choice >= 0)
        if points is not None:
            for row in chosen:
                one = self._at(int(choice[row]), np.asarray(points[row]))
                laid[row, one.rows] = one._blend(images[row : row + 1], np.zeros(1, int))[0]
            return laid
        for start in range(0, len(chosen), _BLOCK):
            rows = chosen[start : start + _BLOCK]
            laid[rows, self.rows] = self._blend(images[rows], choice[rows])
        return laid

    def _blend(self, images: np.ndarray, choice: np.ndarray) -> np.ndarray:
        """The covered rows of images, blended with their patches."""
        seen = images.reshape(len(images), -1, 3)[:, self.light.pixels]
        read = seen.reshape(len(images), -1).astype("float32") @ self.light.reading
        light = np.tensordot(gains(read), self.light.field[:, self.rows], 1)
        patch = self.patches[choice, self.rows].astype("float32")
        keep = (255 - patch[..., 3]) * np.float32(1 / 255)
        face = images[:, self.rows].astype("float32")
        for channel in range(3):  # one at a time: half the time of all three together
            face[..., channel] *= keep
            face[..., channel] += patch[..., channel] * light
        face = np.minimum(face, 255)
        if np.issubdtype(images.dtype, np.integer):
            face = face.round()
        laid: np.ndarray = face.astype(images.dtype)
        return laid

    def _at(self, number: int, points: np.ndarray) -> MaskBank:
        """A bank of one patch, warped to a face with these points."""
        height, width = self.shape
        matrix = face_matrix(points, height, width)
        linear = self.matrix[:, :2] @ np.linalg.inv(matrix[:, :2])
        way = np.column_stack([linear, self.matrix[:, 2] - linear @ matrix[:, 2]])
        patch = cv2.warpAffine(
            self.patches[number],
            way,  # from the image's pixels to the patch's
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )
        return MaskBank(patch[None], matrix)

    def _check(self, images: np.ndarray, choice: np.ndarray) -> None:
        if images.ndim != 4 or images.shape[1:] != (*self.shape, 3):
            raise ValueError(
                f"images must have shape (batch, {self.shape[0]}, {self.shape[1]}, 3). "
                f"Received: shape={images.shape}"
            )
        if choice.shape != images.shape[:1]:
            raise ValueError(
                f"choice must have one index per image. Received: shape={choice.shape}"
            )
        if choice.size and not -1 <= choice.min() <= choice.max() < len(self):
            raise ValueError(
                f"choice must be in [-1, {len(self)}). Received: {choice.min()} to {choice.max()}"
            )
        low, high = images.min(initial=0), images.max(initial=0)
        if images.dtype != np.uint8 and (
            not 0 <= low <= high <= 255 or 0 < high <= 1
        ):  # black images are valid
            raise ValueError(
                f"images must be 0-255. Received: {images.dtype} from {low:g} to {high:g}"
            )


@lru_cache(maxsize=2)  # about 40 MB each; copies of a layer use the same
def _drawn(
    styles: tuple[Style, ...], alignment: str, size: int, variants: int, seed: int
) -> MaskBank:
    matrix = face_matrix(alignment, size, size)
    return MaskBank(draw_patches(styles, matrix, size, variants=variants, seed=seed), matrix)


def mask_area(
    alignment: str,
    size: int,
    *,
    styles: Sequence[Style] = STYLES,
    variants: int = 8,
    seed: int = 0,
) -> np.ndarray:
    """The mean coverage of each pixel of an aligned face by masks, over styles and random fits.

    >>> from maskedface import masking
    >>> area = masking.mask_area("arcface", 64, styles=masking.STYLES[:1], variants=2)
    >>> float(area[50, 32]), float(area[20, 32])  # the mouth, between the brows
    (1.0, 0.0)

    Args:
        alignment: the faces' alignment, a key of `geometry.ALIGNMENTS`.
        size: int >= 32, the faces' height and width in pixels.
        styles: the styles to draw, with equal weights.
        variants: int >= 1, number of masks per style.
        seed: int >= 0, random seed.

    Returns:
        float64 array, shape (size, size), in [0, 1]: the mean of the masks' alpha.

    Raises:
        ValueError: as `MaskBank.draw`.
    """
    bank = MaskBank.draw(styles, alignment=alignment, size=size, variants=variants, seed=seed)
    area: np.ndarray = bank.patches[..., 3].mean(axis=0) / 255
    return area
