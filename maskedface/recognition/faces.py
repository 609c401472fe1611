"""What is found on a photograph, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from maskedface import geometry
from maskedface.recognition.gallery import Candidate

if TYPE_CHECKING:
    from maskedface.recognition.remembered import Remembered


class FaceError(ValueError):
    """A photograph in which not exactly one face can be meant: a `ValueError`.

    >>> import keras
    >>> import numpy as np
    >>> from maskedface import recognition
    >>> image = keras.Input((32, 32, 3))
    >>> network = keras.Model(image, keras.layers.Flatten()(image))  # a stand-in
    >>> recognizer = recognition.Recognizer(network, aligned_to="arcface", alignment="arcface")
    >>> try:
    ...     recognizer.enroll("Ada", [np.zeros((112, 112, 3), "uint8")])
    ... except recognition.FaceError as error:
    ...     print(error)
    a photograph must show one face, ... Received: no faces in an array of (112, 112, 3)
    """


@dataclass(frozen=True, eq=False)
class DetectedFace:
    """A face of a photograph, and where it is.

    Attributes:
        box: (left, top, right, bottom) in pixels of the upright photograph.
        confidence: float in [0, 1], the detector's; None where none was asked or it found nothing.
        aligned_by: what found its points ("blazeface+aligner", "aligner", "mtcnn": the detection's source),
            "alignment" (the photograph is aligned), "whole image" (no face was found, and the whole of
            it taken as one), or "crop" (a gallery kept it).
        source: where it is, as for `geometry.chip_matrix`: five points, an alignment, or "".
        masked: float in [0, 1], how probable it is that mouth and chin are covered.

    >>> import keras
    >>> from maskedface import recognition, synthetic
    >>> image = keras.Input((32, 32, 3))
    >>> network = keras.Model(image, keras.layers.Flatten()(image))  # a stand-in
    >>> recognizer = recognition.Recognizer(network, aligned_to="arcface", alignment="arcface")
    >>> (face,) = recognizer.detect(synthetic.draw_face(0, 0, True))
    >>> face.box, face.aligned_by, face.masked > 0.5
    ((0.0, 0.0, 112.0, 112.0), 'alignment', True)
    """

    box: tuple[float, float, float, float]
    confidence: float | None
    aligned_by: str
    source: geometry.Source
    masked: float

    @property
    def area(self) -> float:
        """Of the box, in pixels."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, rounded: "box", "confidence", "aligned_by", "masked"."""
        return {
            "box": [round(float(side), 1) for side in self.box],
            "confidence": self.confidence,
            "aligned_by": self.aligned_by,
            "masked": round(self.masked, 4),
        }


@dataclass(frozen=True, eq=False)
class EmbeddedFace(DetectedFace):
    """A face of a photograph, ready to be compared.

    Attributes:
        embedding: float32 array, shape (features,), of length 1.
        template, covered: likewise, of the face with and without drawn masks, and of the face under
            one, where it is to be enrolled in a gallery that wants them; else None.
        photo: what the gallery is to remember of the photograph, where it is to be enrolled; else None.
        hashes: what says which photographs are copies (`datasets.photo_groups`), where thresholds may be
            chosen on it; else None.
    """

    embedding: np.ndarray
    template: np.ndarray | None = None
    covered: np.ndarray | None = None
    photo: Remembered | None = None
    hashes: np.ndarray | None = None

    @classmethod
    def of(cls, face: DetectedFace, embedding: np.ndarray) -> EmbeddedFace:
        """A face with its embedding.

        Args:
            face: as it was detected.
            embedding: float32 array, shape (features,), of length 1.
        """
        return cls(face.box, face.confidence, face.aligned_by, face.source, face.masked, embedding)

    @property
    def to_enroll(self) -> np.ndarray:
        """What a gallery keeps of it: the template, or else the embedding."""
        return self.embedding if self.template is None else self.template


@dataclass(frozen=True, eq=False)
class Identity:
    """Who a face is.

    Attributes:
        face: the `EmbeddedFace`: a `DetectedFace` with its `embedding`, float32 array, shape (features,),
            of length 1.
        person: str, the most alike person, or "" for "unknown": below the threshold.
        candidates: the most alike people, the first first; each with `person`, str, and `score`, float in
            [-1, 1], the cosine, in a gallery with a cohort less what the cohort takes off it.
        threshold: float, the score from which a face is named, or None; without one nobody is.

    >>> import keras
    >>> from maskedface import recognition, synthetic
    >>> image = keras.Input((32, 32, 3))
    >>> network = keras.Model(image, keras.layers.Flatten()(image))  # a stand-in
    >>> recognizer = recognition.Recognizer(network, aligned_to="arcface", alignment="arcface")
    >>> ada = synthetic.draw_face(0, 0, False)
    >>> _ = recognizer.enroll("Ada", [ada])
    >>> (identity,) = recognizer.identify(ada, threshold=0.9)
    >>> identity.person, identity.candidates[0].person
    ('Ada', 'Ada')
    """

    face: EmbeddedFace
    person: str
    candidates: tuple[Candidate, ...]
    threshold: float | None

    def to_dict(self) -> dict[str, Any]:
        """As plain values: "person" (None for "unknown"), "threshold", "candidates", and the face's."""
        return {
            "person": self.person or None,
            "threshold": self.threshold,
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            **self.face.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Verification:
    """Whether two photographs show one person.

    Attributes:
        score: float in [-1, 1], the cosine.
        same: bool, whether it reaches the threshold; None without one.
        threshold: float in [-1, 1], or None.
        faces: the two `EmbeddedFace`s compared.

    >>> import keras
    >>> from maskedface import recognition, synthetic
    >>> image = keras.Input((32, 32, 3))
    >>> network = keras.Model(image, keras.layers.Flatten()(image))  # a stand-in
    >>> recognizer = recognition.Recognizer(network, aligned_to="arcface", alignment="arcface")
    >>> ada = synthetic.draw_face(0, 0, False)
    >>> recognizer.verify(ada, ada, threshold=0.9).same
    True
    """

    score: float
    same: bool | None
    threshold: float | None
    faces: tuple[EmbeddedFace, EmbeddedFace]

    def to_dict(self) -> dict[str, Any]:
        """As plain values: "same", "score", "threshold", "faces"."""
        return {
            "same": self.same,
            "score": self.score,
            "threshold": self.threshold,
            "faces": [face.to_dict() for face in self.faces],
        }
