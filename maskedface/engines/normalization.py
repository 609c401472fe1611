"""Whether a network gets its faces as it was trained on them, seen in its likenesses."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from maskedface.engines.face_input import STANDARDIZED, FaceInput, InputRange
from maskedface.engines.onnx_embedder import OnnxEmbedder
from maskedface.evaluation.scoring import normalized

# What published face networks take.
_RANGES: tuple[InputRange, ...] = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), STANDARDIZED)
# A range must tell faces apart so many times better before it is named: on dlib's network .98 and 1.04
# were found beside a right one, 1.9 and 2.1 beside 0 to 255.
_CLEARLY = 1.5


@dataclass(frozen=True)
class Likenesses:
    """How a network that gets faces in one way tells them apart.

    Attributes:
        face_input: the way.
        same: float in [-1, 1], the mean cosine of a face to itself under small changes.
        different: float in [-1, 1], the mean cosine of different faces.
        separation: float, their distance in standard deviations of the two kinds' cosines.
    """

    face_input: FaceInput
    same: float
    different: float
    separation: float


@dataclass(frozen=True)
class NormalizationCheck:
    """What `check_normalization` found.

    Attributes:
        stated: `Likenesses` with the words that were said.
        best: `Likenesses` in the range that tells the faces apart best; `stated` where no other does
            clearly better.

    >>> from maskedface import engines
    >>> engines.NormalizationCheck(stated="as said", best="as said").seems_right
    True
    """

    stated: Likenesses
    best: Likenesses

    @property
    def seems_right(self) -> bool:
        """Whether no other range does clearly better."""
        return self.best == self.stated


def check_normalization(embedder: OnnxEmbedder, faces: np.ndarray) -> NormalizationCheck:
    """Compares what a network makes of faces in the range said and in others that are in use.

    A network that gets other values than it was trained on finds all faces alike, or a face unlike
    itself when it is a little brighter, blurred or moved. What it shrugs off is not seen: dlib's network
    separates faces by 4.66 as trained and by 4.63 with red and blue exchanged, by 4.43 in -1 to 1 in
    place of its own -0.48 to 0.52, but by 2.19 in 0 to 255 (24 unmasked faces of MLFW).

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
        faces: uint8 array, shape (faces, size, size, 3), at least three different people's faces, one
            each, as for a call of the embedder.

    Returns:
        A `NormalizationCheck`.

    Raises:
        ValueError: if there are fewer than three faces.
    """
    if len(faces) < 3:
        raise ValueError(f"faces must be of at least 3 people. Received: {len(faces)} faces")
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
