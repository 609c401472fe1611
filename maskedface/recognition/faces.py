"""Faces detected in photographs, and the results of identification and verification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from maskedface import geometry
from maskedface.recognition.default_rates import Likelihood
from maskedface.recognition.gallery import Candidate
from maskedface.recognition.judging import ThresholdFrom, is_unlike
from maskedface.recognition.words import identity_words, verification_words
from maskedface.reprs import short_repr

if TYPE_CHECKING:
    from maskedface.recognition.remembered import Remembered


class FaceError(ValueError):
    """A photograph without a single main face: a `ValueError`.

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
    """A face in a photograph, and its location.

    Attributes:
        box: (left, top, right, bottom) in pixels of the upright photograph.
        confidence: float in [0, 1], of the detector; None if no detector was used or it found
            nothing.
        aligned_by: the source of its landmarks ("blazeface+aligner", "aligner", "mtcnn": the
            detector), "alignment" (the photograph is aligned), "whole image" (no face was detected,
            and the whole image is used), or "crop" (stored in a gallery).
        source: its location, as for `geometry.chip_matrix`: five points, an alignment, or "".
        masked: float in [0, 1], the probability that mouth and chin are covered.

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

    __repr__ = short_repr

    @property
    def area(self) -> float:
        """The area of the box, in square pixels."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-serializable dict with rounded values: "box", "confidence", "aligned_by",
        "masked"."""
        return {
            "box": [round(float(side), 1) for side in self.box],
            "confidence": self.confidence,
            "aligned_by": self.aligned_by,
            "masked": round(self.masked, 4),
        }


@dataclass(frozen=True, eq=False)
class EmbeddedFace(DetectedFace):
    """A face in a photograph, with its embedding.

    Attributes:
        embedding: float32 array, shape (features,), of length 1.
        template: likewise, the template of the face with and without drawn masks, for enrollment in
            a gallery that uses drawn masks; else None.
        covered: likewise, the face under one drawn mask, for calibration; else None.
        photo: the `Remembered` photograph, for enrollment; else None.
        hashes: image hashes that identify copies (`datasets.photo_groups`), for calibration; else
            None.
    """

    embedding: np.ndarray
    template: np.ndarray | None = None
    covered: np.ndarray | None = None
    photo: Remembered | None = None
    hashes: np.ndarray | None = None

    __repr__ = short_repr

    @property
    def to_enroll(self) -> np.ndarray:
        """The vector to enroll: the template if there is one, else the embedding."""
        return self.embedding if self.template is None else self.template


@dataclass(frozen=True, eq=False)
class Identity:
    """Result of identifying a face.

    Attributes:
        face: the `EmbeddedFace`: a `DetectedFace` with its `embedding`, float32 array, shape (features,),
            of length 1.
        person: str, the most similar person, or "" for "unknown": below the threshold.
        candidates: the most similar people, best first; each with `person`, str, and `score`,
            float: the cosine similarity in [-1, 1], or with a cohort the normalized score in [-2,
                2].
        threshold: float, the lowest score for a name; None if there is none, and then nobody is
            named.
        threshold_from: its source: "given", "gallery" (calibrated), "default" (measured on other
            people, not calibrated on yours), or "" without a threshold.
        likelihood: error rates at the similarity of the face and the most similar person
            (`recognition.default_rates.Likelihood`); None if they were not measured.
        false_positive_rate: float in (0, 1], upper bound of the share of strangers who look this
            much like somebody enrolled; None if it was not measured.

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
    threshold_from: ThresholdFrom = ""
    likelihood: Likelihood | None = None
    false_positive_rate: float | None = None

    @property
    def verdict(self) -> Literal["named", "cannot tell", "unknown"]:
        """The decision: "unknown" if the score is too low or there is no threshold; "cannot tell"
        if it is too low, but many genuine pairs are no more similar, and half of all strangers are
        less similar."""
        if self.person:
            return "named"
        rate = self.false_positive_rate
        is_open = rate is not None and rate <= 0.5 and not is_unlike(self.likelihood)
        return "cannot tell" if is_open else "unknown"

    def __str__(self) -> str:
        """The result as text, such as "probably Ada (1 in 1,200 strangers looks this much like
        somebody enrolled)"."""
        return identity_words(self)

    def __repr__(self) -> str:
        return f"<Identity: {self}>"

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-serializable dict: "person" (None for "unknown"), "verdict", "threshold",
        "threshold_from", "likelihood" (or None), "false_positive_rate", "candidates", and the
        keys of the face."""
        return {
            "person": self.person or None,
            "verdict": self.verdict,
            "threshold": self.threshold,
            "threshold_from": self.threshold_from,
            "likelihood": self.likelihood and self.likelihood.to_dict(),
            "false_positive_rate": self.false_positive_rate,
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            **self.face.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Verification:
    """Result of comparing the faces of two photographs.

    Attributes:
        score: float in [-1, 1], the cosine similarity.
        same: bool, whether the score reaches the threshold; None without a threshold, and if the
            score is below a default threshold but as high as that of many genuine pairs.
        threshold: float in [-1, 1], or None.
        faces: the two `EmbeddedFace`s compared.
        threshold_from: the source of the threshold: "given", "gallery" (calibrated), "default"
            (measured on other people, not calibrated on yours), or "" without one.
        likelihood: error rates at this similarity (`recognition.default_rates.Likelihood`); None if
            they were not measured.

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
    threshold_from: ThresholdFrom = ""
    likelihood: Likelihood | None = None

    @property
    def verdict(self) -> Literal["same", "different", "cannot tell"]:
        """`same` as text; "cannot tell" for None."""
        return "cannot tell" if self.same is None else "same" if self.same else "different"

    def __str__(self) -> str:
        """The result as text, such as "probably the same person (1 in 1,200 pairs of strangers look
        this alike)"."""
        return verification_words(self)

    def __repr__(self) -> str:
        return f"<Verification: {self}>"

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-serializable dict: "same", "verdict", "score", "threshold",
        "threshold_from", "likelihood" (or None), "faces"."""
        return {
            "same": self.same,
            "verdict": self.verdict,
            "score": self.score,
            "threshold": self.threshold,
            "threshold_from": self.threshold_from,
            "likelihood": self.likelihood and self.likelihood.to_dict(),
            "faces": [face.to_dict() for face in self.faces],
        }
