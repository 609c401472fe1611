"""Where the faces of a photograph are: MTCNN, by the PyPI package `mtcnn`, made safe for any image."""

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

# Our own choices.
MAX_SIDE = 1024  # longer sides are scaled down first: mtcnn takes 4 s at 1536 px, 1.5 s here
_CROP_SIDE = 320  # up to here the margin below is added
_MARGIN = 0.25  # of the side, edges repeated: a face that fills its image is found more often
_LEAST_SIDE = 24  # mtcnn finds no face below 20 px
# A face that lies on its side can pass for an upright one with wrong points. On an astronaut turned
# in steps of 15 degrees those scored .89 to .987, upright ones .99 and more.
_SURE = 0.99


class MtcnnDetector:
    """Finds faces with MTCNN (Zhang et al. 2016), as the PyPI package `mtcnn` has it.

    `Cascade` finds more masked faces in less time; this one is here to compare with. Images with a side
    above 1,024 px are scaled down for the search; faces below 20 px there are not found. Where no face
    is found, or one is doubtful, the image is also searched in its three other quarter turns. Where the
    mouth corners of a masked face lie is a guess.

    Args:
        turn: whether quarter turns are tried; they take three times as long again.

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
        # By name alone the package would unpickle a file of that name in the working directory first.
        folder = os.path.join(os.path.dirname(mtcnn.__file__), "assets", "weights")
        stages = (("pnet", StagePNet), ("rnet", StageRNet), ("onet", StageONet))
        self._network: Any = mtcnn.MTCNN(
            [stage(weights=os.path.join(folder, f"{name}.lz4")) for name, stage in stages]
        )
        self._turn = turn

    def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        """Finds the faces of images, one image after the other.

        Args:
            images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.

        Returns:
            One tuple an image: its faces, from left to right; `source` is "mtcnn".

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
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # the same where it is small
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
    points = (face.points + 0.5) * factors - 0.5  # pixel centres stand at whole numbers
    box = clipped((np.array(face.box) * np.tile(factors, 2)).tolist(), height, width)
    return replace(face, box=box, points=points)
