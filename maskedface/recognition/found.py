"""What is found on a photograph, and what is said of it."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from maskedface import geometry
from maskedface.recognition.gallery import Candidate
from maskedface.recognition.remembered import Remembered

Photo = str | os.PathLike[str] | np.ndarray

# Box, confidence, how the face was aligned, and where it is: an alignment, five points or "".
Place = tuple[tuple[float, float, float, float], float | None, str, geometry.Source]


class FoundFace(NamedTuple):
    """A face of a photograph, ready to be compared.

    Attributes:
        box: (left, top, right, bottom) in pixels of the upright photograph.
        confidence: float in [0, 1], the detector's; None where none was asked or it found nothing.
        aligned_by: what found its points ("blazeface+aligner", "aligner", "mtcnn": the detection's source),
            "alignment" (the photograph is aligned), "whole image" (no face was found, and the whole of
            it taken as one), or "crop" (a gallery kept it).
        masked: float in [0, 1], how probable it is that mouth and chin are covered.
        embedding: float32 array, shape (features,).
        template, covered: likewise, of the face with and without drawn masks, and of the face under
            one, where it is to be enrolled in a gallery that wants them; else None.
        photo: what the gallery is to remember of the photograph, where it is to be enrolled; else None.
    """

    box: tuple[float, float, float, float]
    confidence: float | None
    aligned_by: str
    masked: float
    embedding: np.ndarray
    template: np.ndarray | None = None
    covered: np.ndarray | None = None
    photo: Remembered | None = None

    @property
    def to_enroll(self) -> np.ndarray:
        """What a gallery keeps of it: the template, or else the embedding."""
        return self.embedding if self.template is None else self.template


class Identity(NamedTuple):
    """Who a face is.

    Attributes:
        face: the `FoundFace`.
        person: str, the most alike person, or "" for "unknown": below the threshold.
        candidates: the most alike people, the first first.
        threshold: float or None; without one nobody is named.
    """

    face: FoundFace
    person: str
    candidates: tuple[Candidate, ...]
    threshold: float | None


class Verification(NamedTuple):
    """Whether two photographs show one person.

    Attributes:
        score: float in [-1, 1], the cosine.
        same: bool, whether it reaches the threshold; None without one.
        threshold: float or None.
        faces: the two faces compared.
    """

    score: float
    same: bool | None
    threshold: float | None
    faces: tuple[FoundFace, FoundFace]


class FaceError(ValueError):
    """A photograph in which not exactly one face can be meant."""
