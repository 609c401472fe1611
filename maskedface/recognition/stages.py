"""The stages of a recognizer for batches of photographs: detection, alignment, embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from maskedface import geometry
from maskedface.audit.file_facts import blankness
from maskedface.evaluation.scoring import normalized
from maskedface.landmarks.detection import Detector, check_image, detect
from maskedface.masking import masked_probability
from maskedface.recognition.faces import DetectedFace, EmbeddedFace
from maskedface.recognition.remembered import WHOLE

if TYPE_CHECKING:
    from maskedface.engines import Embedder


def find_faces(detector: Detector, images: Sequence[np.ndarray]) -> list[tuple[DetectedFace, ...]]:
    """Detects the faces in images.

    Args:
        detector: the detector.
        images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.

    Returns:
        One tuple of faces per image, from left to right.

    Raises:
        ValueError: if an image has another shape or type, or as `landmarks.detect`.
    """
    for image in images:
        check_image(image)
    found = detect(detector, images)
    return [
        tuple(
            DetectedFace(
                *(face.box, face.confidence, face.source, face.points),
                masked_probability(image, face.points),
            )
            for face in faces
        )
        for image, faces in zip(images, found, strict=True)
    ]


def whole_face(image: np.ndarray, source: geometry.Source) -> tuple[DetectedFace, ...]:
    """Uses the whole image as a face; a nearly black or uniform image has none.

    Args:
        image: uint8 array, shape (height, width, 3).
        source: the location of the face: an alignment, five points, or "" if it is unknown.
    """
    if blankness(image):
        return ()
    height, width = image.shape[:2]
    box = (0.0, 0.0, float(width), float(height))
    by = "crop" if not isinstance(source, str) else "alignment" if source else WHOLE
    return (DetectedFace(box, None, by, source, masked_probability(image, source)),)


def cut_face(embedder: Embedder, image: np.ndarray, face: DetectedFace) -> np.ndarray:
    """Aligns a face to an embedder's input: uint8 array, shape (size, size, 3), RGB.

    Args:
        embedder: the embedder.
        image: uint8 array, shape (height, width, 3), RGB.
        face: a face in it.

    Raises:
        ValueError: as `geometry.chip_matrix`.
    """
    matrix = geometry.chip_matrix(
        *image.shape[:2], source=face.source, target=embedder.alignment, size=embedder.size
    )
    return geometry.warp(image, matrix, embedder.size)


def embed_faces(
    embedder: Embedder, images: Sequence[np.ndarray], faces: Sequence[Sequence[DetectedFace]]
) -> list[tuple[EmbeddedFace, ...]]:
    """Embeds the faces in images as one batch.

    Args:
        embedder: the embedder.
        images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.
        faces: the faces in each image.

    Returns:
        One tuple of faces per image, in order.

    Raises:
        ValueError: as `geometry.chip_matrix` or the embedder.
    """
    chips = [
        cut_face(embedder, image, face)
        for image, some in zip(images, faces, strict=True)
        for face in some
    ]
    if not chips:
        return [() for _ in images]
    rows = iter(normalized(embedder(np.stack(chips))))
    return [
        tuple(
            EmbeddedFace(
                face.box, face.confidence, face.aligned_by, face.source, face.masked, next(rows)
            )
            for face in some
        )
        for some in faces
    ]
