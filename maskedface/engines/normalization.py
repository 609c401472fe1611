"""Checks a network's input scaling by how well its embeddings separate faces."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from maskedface.engines.face_input import STANDARDIZED, FaceInput, InputRange
from maskedface.engines.onnx_embedder import OnnxEmbedder
from maskedface.evaluation.scoring import normalized

# What published face networks take.
_RANGES: tuple[InputRange, ...] = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), STANDARDIZED)
# A range is suggested only if it separates faces this many times better than the stated one. Found on
# dlib's network: 0.98 and 1.04 if the right range was stated, 1.9 and 2.1 if 0 to 255 was.
_CLEARLY = 1.5


@dataclass(frozen=True)
class Likenesses:
    """How well a network separates faces with a given input format.

    Attributes:
        face_input: the input format.
        same: float in [-1, 1], the mean cosine between a face and slightly perturbed versions of
            it.
        different: float in [-1, 1], the mean cosine between different faces.
        separation: float, their difference in standard deviations of the two groups of cosines.
    """

    face_input: FaceInput
    same: float
    different: float
    separation: float


@dataclass(frozen=True)
class NormalizationCheck:
    """The result of `check_normalization`.

    Attributes:
        stated: `Likenesses` with the stated input format.
        best: `Likenesses` in the range with the best separation; `stated` unless another is clearly
            better.

    >>> from maskedface import engines
    >>> engines.NormalizationCheck(stated="as said", best="as said").seems_right
    True
    """

    stated: Likenesses
    best: Likenesses

    @property
    def seems_right(self) -> bool:
        """Whether no other range is clearly better."""
        return self.best == self.stated


def check_normalization(embedder: OnnxEmbedder, faces: np.ndarray) -> NormalizationCheck:
    """Compares a network's embeddings with the stated input range and with other common ranges.

    With a different range than in training, a network's embeddings of different faces become
    similar, or they are no longer robust to slightly other brightness, blur or position. Errors
    to which the network is insensitive are not detected: the separation of dlib's network is 4.66
    with its own format, 4.63 with red and blue swapped, 4.43 with a range of -1 to 1 instead of its
    own -0.48 to 0.52, but 2.19 with 0 to 255 (24 unmasked faces of MLFW).

    >>> import keras
    >>> from maskedface import engines, exporting, models, synthetic
    >>> net = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten()])
    >>> faces = np.stack([synthetic.draw_face(one, 0, False, size=32) for one in range(4)])
    >>> _ = exporting.export(models.with_alignment(net, "arcface"), "net.onnx", faces, format="onnx")
    >>> found = engines.check_normalization(engines.OnnxEmbedder("net.onnx"), faces)
    >>> found.stated.same > found.stated.different
    True

    Args:
        embedder: the network.
        faces: uint8 array, shape (faces, size, size, 3), one face each of at least three people, as
            for a call of the embedder.

    Returns:
        A `NormalizationCheck`.

    Raises:
        ValueError: if there are fewer than three faces.
    """
    if len(faces) < 3:
        raise ValueError(f"faces must show at least 3 people. Received: {len(faces)} faces")
    given = embedder.face_input
    ways = [replace(given, input_range=values) for values in _RANGES]
    changed = [change(faces) for change in (np.asarray, _brighter, _blurred, _moved)]
    found = {way: _likenesses(embedder, changed, way) for way in dict.fromkeys([given, *ways])}
    stated = found[given]
    best = max(found.values(), key=lambda one: one.separation)
    if best.separation <= max(stated.separation, 0) * _CLEARLY:
        best = stated
    return NormalizationCheck(stated, best)


def _likenesses(embedder: OnnxEmbedder, changed: list[np.ndarray], way: FaceInput) -> Likenesses:
    unit = [normalized(embedder.embed_as(faces, way)) for faces in changed]
    same = np.concatenate([(unit[0] * other).sum(1) for other in unit[1:]])
    cosines = unit[0] @ unit[0].T
    different = cosines[np.triu_indices(len(cosines), 1)]
    spread = float(np.sqrt(same.var() + different.var())) or 1e-6
    means = float(same.mean()), float(different.mean())
    return Likenesses(way, *means, (means[0] - means[1]) / spread)


def _brighter(faces: np.ndarray) -> np.ndarray:
    return np.clip(faces.astype("float32") * 1.15 + 8, 0, 255).astype("uint8")


def _blurred(faces: np.ndarray) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(face, (0, 0), faces.shape[1] / 112) for face in faces])


def _moved(faces: np.ndarray) -> np.ndarray:
    step = max(1, round(faces.shape[1] / 56))  # 2 px at 112
    return np.roll(faces, (step, -step), (1, 2))
