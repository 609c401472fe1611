"""Face detection with MTCNN, using the PyPI package `mtcnn`, made safe for any image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from maskedface.extras import from_extra
from maskedface.landmarks.cascade import in_quarter_turns
from maskedface.landmarks.detection import Detection, check_image, clipped, without_doubles

# Our choices.
MAX_SIDE = 1024  # larger images are scaled down: mtcnn takes 4 s at 1,536 px, 1.5 s at this size
_CROP_SIDE = 320  # images up to this size get the margin below
_MARGIN = 0.25  # relative to the side, with edges repeated: helps with faces that fill their image
_LEAST_SIDE = 24  # mtcnn finds no face below 20 px
# A rotated face can be detected as an upright one with wrong points. On a picture of an astronaut,
# rotated in steps of 15 degrees, such detections scored 0.89 to 0.987, and upright ones at least
# 0.99.
_SURE = 0.99


class MtcnnDetector:
    """Detects faces with MTCNN (Zhang et al. 2016), using the PyPI package `mtcnn`.

    It is provided for comparison; `Cascade` finds more masked faces in less time. Images with a
    side above 1,024 px are scaled down; faces below 20 px are then not found. If no face is found,
    or one is uncertain, the image is also searched in the three other 90-degree rotations. The
    mouth corners of masked faces are inaccurate.

    Args:
        turn: whether to try 90-degree rotations, which take three times as long again.

    Raises:
        ModuleNotFoundError: if the package is not installed; the message has the pip command.

    >>> from maskedface import images, landmarks
    >>> detector = landmarks.MtcnnDetector()  # doctest: +SKIP
    >>> (faces,) = detector([images.read_image("party.jpg")])  # doctest: +SKIP
    """

    def __init__(self, *, turn: bool = True) -> None:
        with from_extra("mtcnn", "mtcnn"):
            import mtcnn
            from mtcnn.stages import StageONet, StagePNet, StageRNet
        # Given only a name, the package would first unpickle a file of that name in the working
        # directory.
        folder = os.path.join(os.path.dirname(mtcnn.__file__), "assets", "weights")
        stages = (("pnet", StagePNet), ("rnet", StageRNet), ("onet", StageONet))
        self._network: Any = mtcnn.MTCNN(
            [stage(weights=os.path.join(folder, f"{name}.lz4")) for name, stage in stages]
        )
        self._turn = turn

    def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        """Detects the faces in images, one image after the other.

        Args:
            images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.

        Returns:
            One tuple of faces per image, from left to right; `source` is "mtcnn".

        Raises:
            ValueError: if an image has another shape or type.
        """
        for image in images:
            check_image(image)
        return [self._faces(image) for image in images]

    def _faces(self, image: np.ndarray) -> tuple[Detection, ...]:
        height, width = image.shape[:2]
        if min(height, width) < _LEAST_SIDE:
            return ()
        scale = min(1.0, MAX_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # small images are unchanged
        factors = np.array([width / size[0], height / size[1]])
        found = sorted(self._upright_first(small), key=lambda face: face.box)
        return tuple(_scaled(face, factors, height, width) for face in found)

    def _upright_first(self, image: np.ndarray) -> list[Detection]:
        found = self._search(image)
        if not self._turn or (found and all(face.confidence >= _SURE for face in found)):
            return found
        (turned,) = in_quarter_turns(lambda images: [*map(self._search, images)], [image])
        return without_doubles(found + turned)

    def _search(self, image: np.ndarray) -> list[Detection]:
        margin = int(max(image.shape) * _MARGIN) if max(image.shape) <= _CROP_SIDE else 0
        padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        rows = self._network.detect_faces(padded, output_type="numpy", box_format="xyxy")
        # A row: image number, box, confidence, five x, five y.
        return [
            Detection(
                tuple(float(side) - margin for side in row[1:5]),  # type: ignore[arg-type]
                np.stack([row[6:11], row[11:16]], axis=1).astype("float64") - margin,
                min(1.0, float(row[5])),
                "mtcnn",
            )
            for row in rows
        ]


def _scaled(face: Detection, factors: np.ndarray, height: int, width: int) -> Detection:
    points = (face.points + 0.5) * factors - 0.5  # pixel centers are at integers
    box = clipped((np.array(face.box) * np.tile(factors, 2)).tolist(), height, width)
    return replace(face, box=box, points=points)
