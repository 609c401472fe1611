"""What finds faces, and what its points are worth to dlib's network: parts of `measure_alignment.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from mesh import MeshDetector

from maskedface import geometry, landmarks, models
from maskedface.evaluation.scoring import normalized
from maskedface.landmarks.aligner import Aligner
from maskedface.landmarks.blazeface import BlazeFaceDetector
from maskedface.landmarks.finding import main_face

Points = list[np.ndarray | None]

DETECTORS: dict[str, Callable[[], landmarks.Detector | None]] = {
    "whole image": lambda: None,
    "mtcnn": landmarks.MtcnnDetector,
    "BlazeFace and mesh": MeshDetector,
    "BlazeFace alone": BlazeFaceDetector,
    "aligner alone": Aligner,
    "cascade (BlazeFace and aligner)": landmarks.Cascade,
}


def embed(
    images: Sequence[np.ndarray], points: Points, fit: geometry.Fit = "similarity"
) -> np.ndarray:
    """dlib's embeddings of image and mirror, added."""
    network = models.mirror_join(models.DlibResNet29())
    chips = np.stack(
        [
            geometry.warp(
                image,
                geometry.chip_matrix(
                    *image.shape[:2],
                    source="" if five is None else five,
                    target="dlib",
                    size=150,
                    fit=fit,
                ),
                150,
            )
            for image, five in zip(images, points, strict=True)
        ]
    )
    return normalized(models.predict(network, chips))


def points_of(detector: landmarks.Detector | None, images: Sequence[np.ndarray]) -> Points:
    if detector is None:
        return [None] * len(images)
    found: Points = []
    for start in range(0, len(images), 64):
        part = images[start : start + 64]
        for image, faces in zip(part, detector(part), strict=True):
            found.append(main_face(faces, *image.shape[:2]).points if faces else None)
    return found


def distance(points: np.ndarray | None, others: np.ndarray | None) -> float:
    """Mean distance of five points from others, in per cent of the 112-px face that the others have;
    NaN where either is not known."""
    if points is None or others is None:
        return float("nan")
    front = geometry.alignment_points("arcface", 112, 112)
    pixel = np.sqrt(np.linalg.det(geometry.similarity(front, others)[:, :2]))
    return float(100 * np.linalg.norm(points - others, axis=1).mean() / (112 * pixel))


def rank_one(
    probes: np.ndarray, gallery: np.ndarray, people: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Each probe, a row of `gallery` by `rows`, among the means of everybody's photographs, that row
    left out: 1.0 where its person is the nearest."""
    names, labels = np.unique(people, return_inverse=True)
    sums = np.zeros((len(names), gallery.shape[1]))
    np.add.at(sums, labels, gallery)
    own = sums[labels[rows]] - gallery[rows]
    scores = probes @ (sums / np.linalg.norm(sums, axis=1, keepdims=True)).T
    at = np.arange(len(probes)), labels[rows]
    scores[at] = (probes * own).sum(1) / np.linalg.norm(own, axis=1)
    return np.asarray(scores.argmax(axis=1) == labels[rows], float)
