"""Where the faces of a photograph are, and their five points: the `mtcnn` package, made safe for any
image."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from maskedface.extras import from_extra

# Our own choices.
MAX_SIDE = 1024  # longer sides are scaled down first: mtcnn takes 4 s at 1536 px, 1.5 s here
_CROP_SIDE = 320  # up to here the margin below is added
_MARGIN = 0.25  # of the side, edges repeated: a face that fills its image is found more often
_LEAST_SIDE = 24  # mtcnn finds no face below 20 px
# A face that lies on its side can pass for an upright one with wrong points. On an astronaut turned
# in steps of 15 degrees those scored .89 to .987, upright ones .99 and more.
_SURE = 0.99
_OVERLAP = 0.3  # intersection over union from which two boxes are one face


class Detection(NamedTuple):
    """A face that was found.

    Attributes:
        box: (left, top, right, bottom) in pixels of the image, within it.
        points: float64 array, shape (5, 2), (x, y) in pixels of the image: left eye, right eye, nose
            tip, left and right mouth corner, as seen by the viewer of the upright face.
        confidence: float in [0, 1].
    """

    box: tuple[float, float, float, float]
    points: np.ndarray
    confidence: float


# uint8 image, shape (height, width, 3), RGB -> the faces on it. Any detector can be used.
Detector = Callable[[np.ndarray], Sequence[Detection]]


class MtcnnDetector:
    """Finds faces with MTCNN (Zhang et al. 2016), as the PyPI package `mtcnn` has it.

    Images with a side above 1,024 px are scaled down for the search; faces below 20 px there are not
    found. Where no face is found, or one is doubtful, the image is also searched in its three other
    quarter turns: a photograph on its side needs no EXIF. Masked faces are found too; where their
    mouth corners lie is then a guess.

    Args:
        turn: whether quarter turns are tried; they take three times as long again.

    Raises:
        ModuleNotFoundError: if the package is not installed; the message has the pip line.
    """

    def __init__(self, *, turn: bool = True) -> None:
        with from_extra("detect", "mtcnn"):
            import mtcnn
            from mtcnn.stages import StageONet, StagePNet, StageRNet
        # By name alone the package would unpickle a file of that name in the working directory first.
        folder = os.path.join(os.path.dirname(mtcnn.__file__), "assets", "weights")
        stages = (("pnet", StagePNet), ("rnet", StageRNet), ("onet", StageONet))
        self._network: Any = mtcnn.MTCNN(
            [stage(weights=os.path.join(folder, f"{name}.lz4")) for name, stage in stages]
        )
        self._turn = turn

    def __call__(self, image: np.ndarray) -> tuple[Detection, ...]:
        """Finds the faces of an image.

        Args:
            image: uint8 array, shape (height, width, 3), RGB.

        Returns:
            The faces, from left to right.

        Raises:
            ValueError: if the image has another shape or type.
        """
        check_image(image)
        height, width = image.shape[:2]
        if min(height, width) < _LEAST_SIDE:
            return ()
        scale = min(1.0, MAX_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        factors = np.array([width / size[0], height / size[1]])
        found = self._upright_first(small)
        return tuple(
            _scaled(face, factors, width, height) for face in sorted(found, key=lambda f: f.box)
        )

    def _upright_first(self, image: np.ndarray) -> list[Detection]:
        found = self._search(image)
        if not self._turn or (found and all(face.confidence >= _SURE for face in found)):
            return found
        height, width = image.shape[:2]
        for quarters in (1, 2, 3):
            turned = self._search(np.ascontiguousarray(np.rot90(image, quarters)))
            found += [_turned_back(face, quarters, width, height) for face in turned]
        return _without_doubles(found)

    def _search(self, image: np.ndarray) -> list[Detection]:
        margin = int(max(image.shape) * _MARGIN) if max(image.shape) <= _CROP_SIDE else 0
        padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        rows = self._network.detect_faces(padded, output_type="numpy", box_format="xyxy")
        # A row: image number, box, confidence, five x, five y.
        return [
            Detection(
                tuple(float(side) - margin for side in row[1:5]),  # type: ignore[arg-type]
                np.stack([row[6:11], row[11:16]], axis=1).astype("float64") - margin,
                float(row[5]),
            )
            for row in rows
        ]


def check_image(image: np.ndarray) -> None:
    """Refuses what is no RGB image.

    Raises:
        ValueError: if `image` is not a uint8 array of shape (height, width, 3).
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape[2:] != (3,):
        raise ValueError(
            "image must be a uint8 array of shape (height, width, 3). Received: "
            f"{getattr(image, 'dtype', type(image))} {getattr(image, 'shape', '')}"
        )


def _turned_back(face: Detection, quarters: int, width: int, height: int) -> Detection:
    """A face found on `np.rot90(image, quarters)`, in pixels of `image`."""
    left, top, right, bottom = face.box
    corners = np.array([[left, top], [right, bottom]])
    places = [_turn_back(points, quarters, width, height) for points in (corners, face.points)]
    low, high = places[0].min(axis=0), places[0].max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return Detection(box, places[1], face.confidence)


def _turn_back(points: np.ndarray, quarters: int, width: int, height: int) -> np.ndarray:
    x, y = points[:, 0], points[:, 1]
    turned = {
        1: (width - 1 - y, x),
        2: (width - 1 - x, height - 1 - y),
        3: (y, height - 1 - x),
    }[quarters]
    return np.stack(turned, axis=1)


def _without_doubles(faces: list[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        if all(_overlap(face.box, other.box) < _OVERLAP for other in kept):
            kept.append(face)
    return kept


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared) if areas > shared else 0.0


def _scaled(face: Detection, factors: np.ndarray, width: int, height: int) -> Detection:
    points = (face.points + 0.5) * factors - 0.5  # pixel centres stand at whole numbers
    sides = np.array(face.box) * np.tile(factors, 2)
    left, top, right, bottom = sides.clip(0, [width, height, width, height]).tolist()
    return Detection((left, top, right, bottom), points, face.confidence)
