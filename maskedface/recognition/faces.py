"""What is found on a photograph, and what is said of it."""

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

    __repr__ = short_repr

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

    __repr__ = short_repr

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
        threshold_from: where it comes from: "given", "gallery" (calibrated), "default" (measured on other
            people, not calibrated on yours), or "" without one.
        likelihood: how often pairs of strangers, and of one person, are as alike as the face and the most
            alike person (`recognition.default_rates.Likelihood`); None where that was never measured.
        false_positive_rate: float in (0, 1]: at most this share of strangers looks as much like somebody
            enrolled; None likewise.

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
        """What is said: "unknown" where the score is too low or there is no threshold; "cannot tell" where
        it is too low, but many photographs of one person are no more alike, and half of all strangers
        are less so."""
        if self.person:
            return "named"
        rate = self.false_positive_rate
        is_open = rate is not None and rate <= 0.5 and not is_unlike(self.likelihood)
        return "cannot tell" if is_open else "unknown"

    def __str__(self) -> str:
        """In words, as "probably Ada (1 in 1,200 strangers looks this much like somebody enrolled)"."""
        return identity_words(self)

    def __repr__(self) -> str:
        return f"<Identity: {self}>"

    def to_dict(self) -> dict[str, Any]:
        """As plain values: "person" (None for "unknown"), "verdict", "threshold", "threshold_from",
        "likelihood" (None where there is none), "false_positive_rate", "candidates", and the face's."""
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
    """Whether two photographs show one person.

    Attributes:
        score: float in [-1, 1], the cosine.
        same: bool, whether it reaches the threshold; None without one, and where a default threshold is not
            reached by faces that are as alike as many photographs of one person.
        threshold: float in [-1, 1], or None.
        faces: the two `EmbeddedFace`s compared.
        threshold_from: where the threshold comes from: "given", "gallery" (calibrated), "default" (measured
            on other people, not calibrated on yours), or "" without one.
        likelihood: how often pairs of strangers, and of one person, are as alike
            (`recognition.default_rates.Likelihood`); None where that was never measured.

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
        """`same` in a word; "cannot tell" for None."""
        return "cannot tell" if self.same is None else "same" if self.same else "different"

    def __str__(self) -> str:
        """In words, as "probably the same person (1 in 1,200 pairs of strangers look this alike)"."""
        return verification_words(self)

    def __repr__(self) -> str:
        return f"<Verification: {self}>"

    def to_dict(self) -> dict[str, Any]:
        """As plain values: "same", "verdict", "score", "threshold", "threshold_from", "likelihood" (None
        where there is none), "faces"."""
        return {
            "same": self.same,
            "verdict": self.verdict,
            "score": self.score,
            "threshold": self.threshold,
            "threshold_from": self.threshold_from,
            "likelihood": self.likelihood and self.likelihood.to_dict(),
            "faces": [face.to_dict() for face in self.faces],
        }
