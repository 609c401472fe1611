"""Crops the part of a face above a mask."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from maskedface import geometry
from maskedface.layers.view import View

_FRONT = geometry.alignment_points("arcface", 112, 112)
_MIDDLE = float(_FRONT[:, 0].mean())  # x of the face's middle in the alignment


@keras.saving.register_keras_serializable(package="maskedface")
class UpperFaceCrop(View):
    """Crops the region above the mask and resizes it to the images' size.

    The region is a rectangle in the 112-px ArcFace alignment, so for aligned images its lower edge
    follows the mask and does not cut through an eye. A **hat** can hide everything above the brows,
    and a fringe changes from photo to photo, so the rectangle is narrow: at the default width of
    72, eyes and brows fill its lower half, and the share of forehead and hat is as small as a
    square allows. `top` removes the forehead completely and stretches the rest to a square. Beyond
    the image, its edge is repeated.

    >>> crop = UpperFaceCrop(alignment="arcface")
    >>> crop(np.zeros((2, 112, 112, 3), "uint8")).shape == (2, 112, 112, 3)
    True
    >>> [round(edge, 1) for edge in crop.box]
    [20.5, -9.5, 92.5, 62.5]

    Args:
        line: float, y of the lower edge in the alignment; 62 is the upper edge of most masks (the
            eyes are at 51.6, the nose tip at 71.7).
        width: float, width of the region in the alignment's pixels; the distance of the outer
            corners of the eyes is about 55, of the cheekbones 78.
        top: float, y of the upper edge, or None for the height that keeps the face's proportions.
        alignment: the images' alignment, a key of `geometry.ALIGNMENTS`. None = "vggface2", the
            default of `datasets.as_tf_dataset`.
        kwargs: arguments of `keras.layers.Layer`.

    Input shape:
        (batch, height, width, channels), any numeric type.

    Output shape:
        Same as the input, float32, in the input's range.

    Attributes:
        box: (left, top, right, bottom) of the region in the images, as for `View`, once the layer
            is built.

    Raises:
        ValueError: if the region is empty, or the alignment is unknown.
    """

    def __init__(
        self,
        line: float = 62.0,
        width: float = 72.0,
        top: float | None = None,
        *,
        alignment: str | None = None,
        **kwargs: Any,
    ) -> None:
        if width <= 0 or (top is not None and top >= line):
            raise ValueError(
                "width must be above 0 and top less than line. "
                f"Received: width={width}, top={top}, line={line}"
            )
        if alignment is not None:
            geometry.alignment_points(alignment, 1, 1)  # refuses an unknown one
        # The region is known when the layer is built.
        super().__init__((0, 0, 1, 1), (1, 1), **kwargs)
        self.line, self.width, self.top, self.alignment = line, width, top, alignment

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        height, width = input_shape[1:3]
        if height is not None and width is not None:
            self.size, self.box = (height, width), self.box_in(height, width)
        super().build(input_shape)

    def box_in(self, height: int, width: int) -> tuple[float, float, float, float]:
        """The region's position in images of the layer's alignment.

        Args:
            height, width: int, the images' size in pixels.

        Returns:
            (left, top, right, bottom) in pixels, for `View`.
        """
        source = self.alignment or "vggface2"
        # The alignments are upright, so the region is, to a fraction of a degree.
        matrix = self.matrix(height, width, source=source, size=1)
        sides = matrix.diagonal()
        first = matrix[:, 2] + 0.5 - sides / 2
        return (*map(float, first), *map(float, first + sides))  # type: ignore[return-value]

    def matrix(self, height: int, width: int, *, source: str | np.ndarray, size: int) -> np.ndarray:
        """The matrix with which `geometry.warp` produces the view from one image.

        With the five landmarks of an unaligned image, it also corrects the rotation of a **tilted**
        head.

        Args:
            height, width: int, the image's size in pixels.
            source: the image's alignment: a key of `geometry.ALIGNMENTS`, or the five landmarks of
                this image, float array, shape (5, 2). For an image of unknown alignment, pass the
                alignment that is assumed elsewhere for the whole image.
            size: int, the view's height and width in pixels.

        Returns:
            float64 array, shape (2, 3): image pixel = matrix @ (view x, view y, 1).

        Raises:
            ValueError: if the alignment is unknown, or there are not five distinct points.
        """
        left = _MIDDLE - self.width / 2
        top = self.line - self.width if self.top is None else self.top
        across, down = self.width / size, (self.line - top) / size
        # A pixel's center lies half a step from the region's edge.
        view = np.array([[across, 0, left + across / 2], [0, down, top + down / 2]])
        face = (
            geometry.alignment_points(source, height, width) if isinstance(source, str) else source
        )
        found: np.ndarray = geometry.similarity(_FRONT, face) @ np.vstack([view, (0, 0, 1)])
        return found

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "line": self.line,
            "width": self.width,
            "top": self.top,
            "alignment": self.alignment,
        }
        del config["box"], config["size"]
        return config
