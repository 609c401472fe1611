"""The interface of detectors, and their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from maskedface.reprs import short_repr

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Detection:
    """A detected face.

    Attributes:
        box: (left, top, right, bottom) in pixels, inside the image.
        points: float64 array, shape (5, 2), (x, y) in pixels of the image: left eye, right eye, nose
            tip, left and right mouth corner, as seen by the viewer of the upright face. Points may
            be outside the image.
        confidence: float in [0, 1].
        source: str, the detector: "blazeface+aligner", "mtcnn", ...

    >>> from maskedface import geometry, landmarks
    >>> points = geometry.alignment_points("arcface", 112, 112)
    >>> found = landmarks.Detection((10, 20, 102, 112), points, confidence=0.9, source="mine")
    >>> found.points[2].round(1)  # the nose tip
    array([56. , 71.7])
    """

    box: Box
    points: np.ndarray
    confidence: float
    source: str = "detector"

    __repr__ = short_repr


class Detector(Protocol):
    """A face detector: a function from images to the faces in each of them.

    Args:
        images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.

    Returns:
        One tuple of faces per image, from left to right.

    >>> from maskedface import geometry, landmarks
    >>> def whole(images):  # takes each image for an aligned face of 112 px
    ...     points = geometry.alignment_points("arcface", 112, 112)
    ...     return [(landmarks.Detection((0, 0, 112, 112), points, 0.9, "whole"),) for _ in images]
    >>> detector: landmarks.Detector = whole  # as for `align`, `Cascade` and `Recognizer`
    """

    def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]: ...


def detect(detector: Detector, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
    """Calls any detector and validates its results.

    Args:
        detector: the detector.
        images: the detector's input, usually uint8 arrays, shape (height, width, 3), RGB.

    Returns:
        One tuple of faces per image, as from the detector, but without faces whose five points
        coincide, as these cannot be aligned.

    Raises:
        ValueError: if there is not one list of faces per image, or a face lacks a box of four
            finite numbers, five points of two finite numbers each, a confidence in [0, 1] or a
            source; also any error of the detector.

    >>> import numpy as np
    >>> from maskedface import landmarks
    >>> landmarks.detect(lambda images: [() for _ in images], [np.zeros((90, 90, 3), "uint8")])
    [()]
    >>> landmarks.detect(lambda images: [], [np.zeros((90, 90, 3), "uint8")])
    Traceback (most recent call last):
    ValueError: detector must return one list of faces per image. Received: 0 lists of ...
    """
    found = detector(images)
    if not isinstance(found, Sequence) or len(found) != len(images):
        count = f"{len(found)} lists" if isinstance(found, Sequence) else f"{type(found)}"
        raise ValueError(
            "detector must return one list of faces per image. "
            f"Received: {count} of {detector!r} for {len(images)} images"
        )
    for faces in found:
        listed = isinstance(faces, Sequence)
        wrong = [face for face in faces if not _is_sound(face)] if listed else [faces]
        if wrong:
            raise ValueError(
                "detector must return lists of faces with a box of 4 finite numbers, points of "
                "shape (5, 2), finite, a confidence in [0, 1] and a source. "
                f"Received: {wrong[0]!r} of {detector!r}"
            )
    return [tuple(face for face in faces if np.ptp(face.points, axis=0).any()) for faces in found]


def _is_sound(face: Detection) -> bool:
    try:
        box, points = np.asarray(face.box, "float64"), np.asarray(face.points, "float64")
        confidence, source = float(face.confidence), face.source
    except (AttributeError, TypeError, ValueError):
        return False
    return (
        box.shape == (4,)
        and points.shape == (5, 2)
        and bool(np.isfinite(box).all() and np.isfinite(points).all())
        and 0 <= confidence <= 1
        and isinstance(source, str)
    )


def check_image(image: np.ndarray) -> None:
    """Refuses arrays that are not RGB images.

    Raises:
        ValueError: if `image` is not a non-empty uint8 array of shape (height, width, 3).
    """
    is_rgb = (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.shape[2:] == (3,)
        and image.size > 0
    )
    if not is_rgb:
        raise ValueError(
            "image must be a uint8 array of shape (height, width, 3). Received: "
            f"{getattr(image, 'dtype', type(image))} {getattr(image, 'shape', '')}"
        )


def clipped(box: Sequence[float], height: int, width: int) -> Box:
    """Clips a box to its image."""
    within = np.asarray(box, "float64").clip(0, (width, height, width, height))
    left, top, right, bottom = within.tolist()
    return left, top, right, bottom


def without_doubles(faces: Sequence[Detection], most: float = 0.3) -> list[Detection]:
    """Non-maximum suppression: removes faces that overlap with a more confident one.

    Args:
        faces: the faces in one image.
        most: float in [0, 1], the intersection over union from which two boxes are the same face
            (0.3 is MediaPipe's `min_suppression_threshold`).

    Returns:
        The remaining faces, from left to right.
    """
    corners = [face.box for face in faces]
    boxes = [(left, top, right - left, low - top) for left, top, right, low in corners]
    scores = [1 + face.confidence for face in faces]  # as scores of 0 would be dropped
    kept = cv2.dnn.NMSBoxes(boxes, scores, score_threshold=0.0, nms_threshold=most)
    return sorted((faces[number] for number in kept), key=lambda face: face.box)
