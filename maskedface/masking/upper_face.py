"""The part of a face that a mask leaves free, as a view of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskedface import geometry

_FRONT = geometry.alignment_points("arcface", 112, 112)
_MIDDLE = float(_FRONT[:, 0].mean())  # x of the face's middle in the alignment


@dataclass(frozen=True)
class UpperFaceCrop:
    """The region above the mask line, upright, resampled to a network's input.

    The region is a rectangle in the 112-px ArcFace alignment, and the crop a similarity (with `top`
    an affine map) from it: five points turn a **tilted** head upright, so the lower edge runs along
    the mask and not across an eye. A **hat** hides what lies above the brows, and a fringe changes
    from photo to photo. So the rectangle is narrow: at the default width of 72, the eyes and brows
    fill its lower half, and the share of forehead and hat is no larger than a square allows. `top`
    cuts the forehead off altogether and stretches the rest upwards to the square. Beyond the
    image's edge its last pixels are repeated, as `geometry.warp` does.

    Args:
        line: float, y of the lower edge in the alignment; 62 runs along the upper edge of most masks
            (the eyes lie at 51.6, the nose's tip at 71.7).
        width: float, width of the region in the alignment's pixels; the outer corners of the eyes
            are some 55 apart, the cheekbones 78.
        top: float, y of the upper edge, or None for the height that keeps the face's proportions.

    Raises:
        ValueError: if the region is empty.
    """

    line: float = 62.0
    width: float = 72.0
    top: float | None = None

    def __post_init__(self) -> None:
        if self.width <= 0 or (self.top is not None and self.top >= self.line):
            raise ValueError(
                "width must be above 0 and top less than line. "
                f"Received: width={self.width}, top={self.top}, line={self.line}"
            )

    def matrix(
        self,
        height: int,
        width: int,
        *,
        source: str | np.ndarray,
        size: int,
    ) -> np.ndarray:
        """The matrix with which `geometry.warp` makes the view out of an image.

        Args:
            height, width: int, the image's size in pixels.
            source: the image's alignment: a key of `geometry.ALIGNMENTS`, or five points of this
                very image, float array, shape (5, 2). For an image of unknown alignment, give the
                alignment that its whole is taken for elsewhere.
            size: int, the view's height and width in pixels.

        Returns:
            float64 array, shape (2, 3): image pixel = matrix @ (view x, view y, 1).

        Raises:
            ValueError: if no alignment has that name, or the points are not five different ones.
        """
        left = _MIDDLE - self.width / 2
        top = self.line - self.width if self.top is None else self.top
        across, down = self.width / size, (self.line - top) / size
        # A pixel's centre lies half a step from the region's edge.
        view = np.array([[across, 0, left + across / 2], [0, down, top + down / 2]])
        face = (
            geometry.alignment_points(source, height, width) if isinstance(source, str) else source
        )
        found: np.ndarray = geometry.similarity(_FRONT, face) @ np.vstack([view, (0, 0, 1)])
        return found
