"""A mask style from a picture of a mask."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from PIL import Image

from maskedface.masking.sheet import Sheet

# The positions of a mask's six points on a face, in face coordinates (`masking.sheet`).
_PLACES = {
    "nose": (0.0, 58.5),
    "chin": (0.0, 112.5),
    "left_top": (-38.5, 66.5),
    "right_top": (38.5, 66.5),
    "left_bottom": (-31.0, 101.0),
    "right_bottom": (31.0, 101.0),
}


@dataclass(frozen=True, eq=False)  # == of arrays is not a single bool
class PictureStyle:
    """A style whose masks are one picture with random fits, made by `style_from_picture`.

    Attributes:
        name: str.
        picture: uint8 array, shape (height, width, 4): RGB premultiplied by alpha, and alpha.
        matrix: float64 array, shape (3, 3): picture pixel ~ matrix @ (face x, face y, 1).
    """

    name: str
    picture: np.ndarray = field(repr=False)
    matrix: np.ndarray = field(repr=False)

    def paint(
        self, sheet: Sheet, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `Style.paint`; brightness varies by 10 %, and every second mask is mirrored. It has
        only the straps in the picture."""
        mirror = rng.choice((-1, 1))
        face = np.stack([mirror * sheet.x, sheet.y, np.ones_like(sheet.x)], -1)
        at = face @ self.matrix.T
        depth = np.where(np.abs(at[..., 2]) < 1e-6, 1e-6, at[..., 2])
        # The picture is not repeated on the face's far side.
        seen = (np.abs(sheet.x) < 55) & (at[..., 2] > 0)
        x, y = (at[..., :2] / depth[..., None]).clip(-1e4, 1e4).astype("float32").transpose(2, 0, 1)
        pixels = cv2.remap(self.picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        pixels = pixels * seen[..., None]
        cover = pixels[..., 3] / 255
        color = pixels[..., :3] / np.maximum(cover, 1e-3)[..., None] * rng.uniform(0.9, 1.1)
        return color, cover, np.zeros_like(cover)

    def get_config(self) -> dict[str, Any]:
        """The Keras config, with the picture as a base64-encoded PNG."""
        _, png = cv2.imencode(".png", self.picture)
        return {
            "name": self.name,
            "picture": base64.b64encode(png.tobytes()).decode(),
            "matrix": np.asarray(self.matrix).tolist(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PictureStyle:
        """Restores a style from its config."""
        png = np.frombuffer(base64.b64decode(config["picture"]), "uint8")
        picture = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
        return cls(config["name"], np.asarray(picture), np.array(config["matrix"]))


def style_from_picture(
    path: str | os.PathLike[str],
    points: Mapping[str, tuple[float, float]],
    *,
    name: str | None = None,
) -> PictureStyle:
    """Makes a style from a picture of a mask, seen from the front, with a transparent background.

    >>> from PIL import Image
    >>> from maskedface import masking
    >>> Image.new("RGBA", (500, 350), (90, 120, 200, 255)).save("mask.png")  # yours
    >>> upper = {"nose": (250, 20), "left_top": (30, 70), "right_top": (470, 70)}
    >>> lower = {"chin": (250, 330), "left_bottom": (80, 260), "right_bottom": (420, 260)}
    >>> masking.style_from_picture("mask.png", upper | lower).name
    'mask'

    Args:
        path: a PNG file, or another format with transparency that Pillow reads.
        points: the mask's six points in the picture, (x, y) in pixels, with the center of the first
            pixel at (0, 0), left and right as seen by the viewer: "nose", the middle of the upper
            edge; "chin", the middle of the lower edge; "left_top" and "right_top", the upper
            corners, where the upper straps begin; "left_bottom" and "right_bottom", the lower
            corners. A perspective transform is fitted to them by least squares, so the mask may be
            slightly tilted.
        name: the style's name; default: the file's name without extension.

    Returns:
        A style to use together with `STYLES`: `layers.RandomMask(styles=(*STYLES, mine))`.

    Raises:
        ValueError: if a point is missing, unknown or not a pair of numbers, the points are
            collinear, or the picture is fully transparent.
        OSError: if the file is not a picture.
    """
    if set(points) != set(_PLACES):
        raise ValueError(f"points must be {sorted(_PLACES)}. Received: {sorted(points)}")
    seen = np.array([points[place] for place in _PLACES], "float64")
    if seen.shape != (6, 2) or not np.isfinite(seen).all():
        raise ValueError(f"points must be pairs of numbers. Received: {dict(points)}")
    with Image.open(path) as file:
        picture = file.convert("RGBA").convert("RGBa")  # premultiplied alpha
    # Twice the resolution of a 224 px chip is enough, and avoids aliasing.
    step = int(np.ptp(seen[:, 0]) // 320)
    if step >= 2:
        picture, seen = picture.reduce(step), (seen + 0.5) / step - 0.5
    pixels = np.asarray(picture)
    if not pixels[..., 3].any():
        raise ValueError(
            f"the picture must not be fully transparent. Received: {os.fspath(path)!r}"
        )
    stem = os.path.splitext(os.path.basename(os.fspath(path)))[0]
    if np.linalg.matrix_rank(seen - seen.mean(axis=0), tol=1) < 2:
        raise ValueError(f"points must not be collinear. Received: {seen.tolist()}")
    matrix, _ = cv2.findHomography(np.array(list(_PLACES.values())), seen)
    return PictureStyle(name or stem, pixels, matrix)
