"""Face detection with BlazeFace, using MediaPipe's back camera model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maskedface.geometry import warp
from maskedface.images.in_threads import in_threads
from maskedface.landmarks.detection import Detection, check_image, clipped, without_doubles
from maskedface.landmarks.litert import LiteRTModel

_SIDE = 256  # pixels of the model's input
# mediapipe/modules/face_detection, `face_detection_back_desktop_live.pbtxt`: anchor strides, and
# the number of anchors per position, two for each occurrence of a stride there (16, 32, 32, 32).
_ANCHORS = ((16, 2), (32, 6))
# Measured on the people of RMFRD with fewer than 8 masked images (docs/alignment.md).
# Margin relative to the longer side, with edges repeated: helps with faces that fill their image.
_MARGIN = 0.25
_TILE = 640  # pixels; larger photographs are also searched in tiles, to find smaller faces
_LEAST_SIDE = 24  # pixels; nobody can be recognized in smaller images


class BlazeFaceDetector:
    """Detects faces with five landmarks with BlazeFace (Bazarevsky et al. 2019).

    The whole image is searched with a margin around it; images with a side above 640 px are also
    searched in overlapping tiles. The model returns six points: eyes, nose, mouth center and ears.
    The mouth corners are placed on both sides of the mouth center, so the points are rough;
    `Cascade` refines them with the aligner.

    Args:
        least: float in (0, 1), minimum score of a face (0.5 in MediaPipe; use a lower one if the
            aligner's confidence decides, as masks lower the score).

    Raises:
        ModuleNotFoundError: if LiteRT or the models are not installed; the message has the pip
            command.
        ValueError: if `least` is out of range, or the model file is of another version.
    """

    def __init__(self, least: float = 0.5) -> None:
        if not 0 < least < 1:
            raise ValueError(f"least must be between 0 and 1. Received: least={least}")
        self._least, self._anchors = least, _anchors()
        self._model = LiteRTModel("face_detection_back")

    def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        """Detects the faces in images, in threads.

        Args:
            images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.

        Returns:
            One tuple of faces per image, from left to right.

        Raises:
            ValueError: if an image has another shape or type.
        """
        for image in images:
            check_image(image)
        large = [min(image.shape[:2]) >= _LEAST_SIDE for image in images]
        windows = [
            (row, window)
            for row, image in enumerate(images)
            if large[row]
            for window in _windows(*image.shape[:2])
        ]
        found: list[list[Detection]] = [[] for _ in images]
        searched = in_threads(lambda at: self._search(images[at[0]], *at[1]), windows)
        for (row, _), faces in zip(windows, searched, strict=True):
            found[row] += faces
        return [tuple(without_doubles(faces)) for faces in found]

    def _search(self, image: np.ndarray, left: float, top: float, side: float) -> list[Detection]:
        zoom = side / _SIDE
        matrix = np.array([[zoom, 0, left + zoom / 2 - 0.5], [0, zoom, top + zoom / 2 - 0.5]])
        seen = warp(image, matrix, _SIDE)
        first, second = self._model(seen.astype("float32") / 127.5 - 1)
        places, scores = (first, second) if first.shape[-1] == 16 else (second, first)
        shares = 1 / (1 + np.exp(-scores[:, 0].astype("float64").clip(-80, 80)))
        height, width = image.shape[:2]
        found = []
        for row in np.flatnonzero(shares >= self._least):
            anchor, values = self._anchors[row], places[row].astype("float64")
            middle, reach = values[:2] + anchor, values[2:4] / 2
            corners = (np.stack([middle - reach, middle + reach]) - 0.5) * zoom + matrix[:, 2]
            points = (values[4:].reshape(6, 2) + anchor - 0.5) * zoom + matrix[:, 2]
            box = clipped(corners.ravel().tolist(), height, width)
            if box[2] > box[0] and box[3] > box[1]:
                score = float(shares[row])
                found.append(Detection(box, _five(points), score, "blazeface"))
        return without_doubles(found)


def _five(points: np.ndarray) -> np.ndarray:
    """Converts BlazeFace's six points to five: the mouth's width is 0.9 of the eye distance
    (ArcFace's points: 29.2 to 35.2), and less for rotated heads."""
    left, right, nose, mouth = points[:4]
    half = (right - left) * (29.18 / 35.24) / 2
    return np.stack([left, right, nose, mouth - half, mouth + half])


def _anchors() -> np.ndarray:
    """(x, y) of the model's anchors in pixels of its input, in its order."""
    found = []
    for stride, count in _ANCHORS:
        cells = (np.arange(_SIDE // stride) + 0.5) * stride
        y, x = np.meshgrid(cells, cells, indexing="ij")
        found.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), count, axis=0))
    return np.concatenate(found)


def _windows(height: int, width: int) -> list[tuple[float, float, float]]:
    """(left, top, side) of the squares to search, in pixels."""
    longer, shorter = max(height, width), min(height, width)
    side = longer * (1 + 2 * _MARGIN) if longer <= _TILE else float(longer)
    windows = [((width - side) / 2, (height - side) / 2, side)]
    if longer > _TILE:
        part = max(_TILE, shorter * 2 / 3)
        for top in _starts(height, part):
            windows += [(left, top, part) for left in _starts(width, part)]
    return windows


def _starts(length: float, part: float) -> list[float]:
    """Start positions of parts that cover a length and overlap by at least a quarter."""
    if length <= part:
        return [(length - part) / 2]
    count = int(np.ceil((length - part) / (0.75 * part))) + 1
    return np.linspace(0, length - part, count).tolist()  # type: ignore[no-any-return]
