"""Exact points of a face that is seen whole: MediaPipe's face mesh. The aligner's teacher."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from maskedface import geometry
from maskedface.landmarks.blazeface import BlazeFaceDetector
from maskedface.landmarks.detection import Detection
from maskedface.landmarks.litert import LiteRTModel

_SIDE = 192  # pixels of the model's input
_REACH = 1.5  # of the box that it sees (mediapipe/modules/face_landmark)
_ACCEPTED = 0.5  # its score of a face (mediapipe: `min_detection_confidence`)
# Corners and lids of the eyes, the nose's tip, the mouth's corners, by the mesh's numbering.
_POINTS = ((33, 133, 159, 145), (362, 263, 386, 374), (1,), (61,), (291,))
_MIRRORED = [1, 0, 2, 4, 3]


class MeshDetector:
    """Finds faces with `BlazeFaceDetector` and their five points with a mesh (Kartynnik et al. 2019).

    Made for faces that are seen whole: a mask costs it a third of the faces of RMFRD, and the points of
    a hidden mouth are a guess.

    Args:
        mirror: whether the mirrored face is looked at too and the mean taken.
        least: as for `BlazeFaceDetector`.

    Raises:
        ModuleNotFoundError, ValueError: as `BlazeFaceDetector`.
    """

    def __init__(self, *, mirror: bool = False, least: float = 0.5) -> None:
        self._detector, self._model = BlazeFaceDetector(least), LiteRTModel("face_landmark")
        self._mirror = mirror

    def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        """Finds the faces that the mesh accepts, in threads.

        Args:
            images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.

        Returns:
            One tuple an image: its faces, from left to right; `confidence` is the mesh's.

        Raises:
            ValueError: if an image has another shape or type.
        """
        found = self._detector(images)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(self._refined, images, found))

    def _refined(self, image: np.ndarray, faces: tuple[Detection, ...]) -> tuple[Detection, ...]:
        refined = []
        for face in faces:
            points, score = self._mesh(image, face)
            if self._mirror:
                width = image.shape[1]
                flipped = np.ascontiguousarray(image[:, ::-1])
                other, second = self._mesh(flipped, _flipped(face, width))
                points = (points + _flipped_points(other, width)) / 2
                score = min(score, second)
            if score > _ACCEPTED:
                source = "blazeface+mesh"
                refined.append(replace(face, points=points, confidence=score, source=source))
        return tuple(refined)

    def _mesh(self, image: np.ndarray, face: Detection) -> tuple[np.ndarray, float]:
        left, top, right, bottom = face.box
        across = face.points[1] - face.points[0]
        side = _REACH * max(right - left, bottom - top) / _SIDE
        angle = np.arctan2(across[1], across[0])
        turn = side * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = np.array([left + right, top + bottom]) / 2 - 0.5
        matrix = np.column_stack([turn, middle - turn @ np.full(2, (_SIDE - 1) / 2)])
        mesh, score = self._model(geometry.warp(image, matrix, _SIDE).astype("float32") / 255)
        places = mesh.reshape(-1, 3)[:, :2].astype("float64") - 0.5
        points = np.stack([places[list(rows)].mean(axis=0) for rows in _POINTS])
        return points @ turn.T + matrix[:, 2], float(1 / (1 + np.exp(-float(score.ravel()[0]))))


def _flipped(face: Detection, width: int) -> Detection:
    left, top, right, bottom = face.box
    box = (width - right, top, width - left, bottom)
    return replace(face, box=box, points=_flipped_points(face.points, width))


def _flipped_points(points: np.ndarray, width: int) -> np.ndarray:
    return np.asarray(points[_MIRRORED] * (-1, 1) + (width - 1, 0))
