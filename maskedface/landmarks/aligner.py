"""The aligner: five landmarks and a confidence from a crop of a face, masked or not."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from maskedface import geometry
from maskedface.images.in_threads import in_threads
from maskedface.landmarks.detection import Box, Detection, check_image, clipped
from maskedface.landmarks.litert import LiteRTModel

if TYPE_CHECKING:
    import keras

SIZE = 112  # height and width of the network's input, in pixels

# The confidence from which a crop counts as a face: it rejects 99 % of images without one
# (docs/alignment.md; `tools/measure_alignment.py no_faces`).
SURE = 0.5

SECOND = 150  # size of the second crop, in pixels of the 112-px ArcFace alignment
_WEIGHTS, LITERT = (
    os.path.join(os.path.dirname(__file__), f"aligner.{ending}") for ending in ("npz", "tflite")
)
_BATCH = 64  # crops per batch with Keras
# Maximum crops of one call to run with LiteRT: it takes a third of Keras' time for a single crop,
# but 1.3 times as long for many (oneDNN, AVX-512), and does not need to import TensorFlow.
_FEW = 48
_MIRRORED = [1, 0, 2, 4, 3]
# Candidate positions of a face that fills its image, as (center x, center y, side) relative to the
# longer side: the whole image with a small margin, tighter, and the parts for cut-off heads.
_WHOLE = ((0.5, 0.5, 1.1), (0.5, 0.5, 0.8), (0.5, 0.42, 0.95))
# A logistic regression on the evidence (`look_thrice`), fitted by
# `tools/fit_aligner_confidence.py`.
_INTERCEPT, _SLOPES = -1.884, (0.392, 0.3, 0.36, -0.689, -0.216)
_FRONT = geometry.alignment_points("arcface", 112, 112)


@functools.cache
def load_aligner() -> keras.Model:
    """Loads the trained network that is shipped with the package.

    Returns:
        `build_aligner()`'s network with its batch norms folded into its convolutions; it is cached.
        `aligner.json` beside the weights documents its training data, training and accuracy.
    """
    import keras

    from maskedface.landmarks.aligner_network import build_aligner
    from maskedface.models import fold_batch_norm

    with keras.device("cpu:0"):
        model = fold_batch_norm(build_aligner())
        model.set_weights(read_weights(_WEIGHTS))
    return model


@functools.cache
def _in_litert() -> LiteRTModel | None:
    """The same network as a LiteRT file (`tools/convert_aligner.py`); None without LiteRT."""
    try:
        return LiteRTModel(LITERT)
    except ModuleNotFoundError:
        return None


def read_weights(path: str) -> list[np.ndarray]:
    """Reads weights as written by `tools/train_aligner.py`.

    Args:
        path: the file.

    Returns:
        float32 arrays, in the order of `keras.Model.set_weights`.
    """
    with np.load(path) as stored:
        return [stored[name].astype("float32") for name in sorted(stored.files)]


@functools.cache
def weights_name() -> str:
    """An identifier of the shipped weights, by which results of other weights are not reused.

    Returns:
        16 hexadecimal digits (BLAKE2b of the file).
    """
    with open(_WEIGHTS, "rb") as file:
        return hashlib.blake2b(file.read(), digest_size=8).hexdigest()


class Aligner:
    """Finds the five landmarks of faces in crops, in one or two passes of a small network.

    As a detector it treats each image as the crop of one face; `refine` starts from given points.
    Few crops are processed by LiteRT, if it is installed, without importing TensorFlow, and many by
    Keras; the points differ by float32 rounding, at most hundredths of a pixel.

    Args:
        model: a network as from `build_aligner`, run by Keras; default: the shipped one.
        least: float in [0, 1], the confidence from which an image counts as a face.
        without_keras: whether LiteRT, if it is installed, also processes many crops, for cases
            where importing TensorFlow would take longer.

    Raises:
        ValueError: if `least` is out of range.
    """

    def __init__(
        self,
        model: keras.Model | None = None,
        *,
        least: float = SURE,
        without_keras: bool = False,
    ) -> None:
        if not 0 <= least <= 1:
            raise ValueError(f"least must be in [0, 1]. Received: least={least}")
        self._litert = _in_litert() if model is None else None
        self._model, self.least = model, least
        self._few = sys.maxsize if without_keras else _FEW

    def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        """Finds the face that each image is a crop of.

        Args:
            images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.

        Returns:
            One tuple per image, with its face, or empty if the confidence is below `least`.

        Raises:
            ValueError: if an image has another shape or type.
        """
        found = self.best(images)
        return [(face,) if face.confidence >= self.least else () for face in found]

    def best(self, images: Sequence[np.ndarray]) -> list[Detection]:
        """As the call, but with any confidence.

        Args:
            images: as for the call.

        Returns:
            One `Detection` per image.

        Raises:
            ValueError: as the call.
        """
        for image in images:
            check_image(image)
        count = len(_WHOLE)
        starts = np.array([_square(image, *place) for image in images for place in _WHOLE])
        (outputs,) = self._look([image for image in images for _ in range(count)], starts)
        if not len(images):
            return []
        sure = outputs[:, 10].reshape(-1, count)
        chosen = sure.argmax(axis=1) + np.arange(len(images)) * count
        points = _placed(outputs[chosen], starts[chosen])
        return self.refine(images, points, source="aligner")

    def refine(
        self, images: Sequence[np.ndarray], points: np.ndarray, *, source: str = "aligner"
    ) -> list[Detection]:
        """Refines points in two passes: on the crop given by the rough points, then on the crop
        given by the first pass and its mirror image.

        The result is the mean of the last two. The confidence is computed from the network's face
        probabilities and the agreement of its three answers, which differ if there is no face.

        Args:
            images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.
            points: float array, shape (images, 5, 2), in pixels of each image.
            source: str, the `source` of the detections.

        Returns:
            One `Detection` per image, with any confidence.
        """
        refined, evidence = self.look_thrice(images, points)
        confidence = 1 / (1 + np.exp(-(_INTERCEPT + evidence @ np.array(_SLOPES))))
        boxes = _boxes_of(refined, [image.shape for image in images])
        return [
            Detection(box, one, float(sure), source)
            for box, one, sure in zip(boxes, refined, confidence, strict=True)
        ]

    def look_thrice(
        self, images: Sequence[np.ndarray], points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `refine`, but returns the evidence for the confidence.

        Args:
            images, points: as for `refine`.

        Returns:
            (points, float64, shape (images, 5, 2); evidence, float64, shape (images, 5): the logits of the
            face probability for the first crop, the second and its mirror image; and the log
            distances of the points of the first crop and of the mirror image from those of the
            second, in face sizes).
        """
        starts = _by_points(np.asarray(points, "float64").reshape(-1, 5, 2))
        (outputs,) = self._look(images, starts)
        first, rough = _placed(outputs, starts), outputs[:, 10]
        matrices = _by_points(first)
        outputs, turned = self._look(images, matrices, mirror=True)
        second, sure, also = _placed(outputs, matrices), outputs[:, 10], turned[:, 10]
        mirrored = _placed(turned, matrices, mirror=True)
        evidence = [_logit(share) for share in (rough, sure, also)]
        evidence += [_apart(first, second), _apart(mirrored, second)]
        return (second + mirrored) / 2, np.stack(evidence, axis=1)

    def _look(
        self, images: Sequence[np.ndarray], matrices: np.ndarray, *, mirror: bool = False
    ) -> list[np.ndarray]:
        """The network's outputs for the crop by each matrix, and for its mirror image: float64
        arrays, shape (images, 11)."""
        network = self._litert
        if network is None or len(images) > self._few:
            return self._look_by_keras(images, matrices, mirror)

        def look(row: int) -> list[np.ndarray]:
            crop = geometry.warp(images[row], matrices[row], SIZE).astype("float32")
            return [network(view)[0] for view in ((crop, crop[:, ::-1]) if mirror else (crop,))]

        seen = np.array(in_threads(look, range(len(images))), "float64")
        return list(seen.reshape(len(images), 1 + mirror, 11).swapaxes(0, 1))

    def _look_by_keras(
        self, images: Sequence[np.ndarray], matrices: np.ndarray, mirror: bool
    ) -> list[np.ndarray]:
        from maskedface.models import predict

        model = load_aligner() if self._model is None else self._model
        seen = np.empty((1 + mirror, len(images), 11))
        for start in range(0, len(images), _BATCH):
            part = range(start, min(start + _BATCH, len(images)))
            crops = np.empty((len(part), SIZE, SIZE, 3), "uint8")
            for crop, row in zip(crops, part, strict=True):
                geometry.warp(images[row], matrices[row], SIZE, out=crop)
            for view, turned in enumerate((crops, crops[:, :, ::-1])[: 1 + mirror]):
                seen[view, part] = predict(model, turned, _BATCH)
        return list(seen)


def _placed(outputs: np.ndarray, matrices: np.ndarray, *, mirror: bool = False) -> np.ndarray:
    """The points in the network's outputs, in pixels of the original images: (n, 5, 2)."""
    places = outputs[:, :10].reshape(-1, 5, 2)
    if mirror:
        places = places[:, _MIRRORED] * (-1, 1) + (1, 0)
    places = places * SIZE - 0.5
    return np.asarray(places @ matrices[:, :, :2].swapaxes(1, 2) + matrices[:, None, :, 2])


def _logit(share: np.ndarray) -> np.ndarray:
    share = share.clip(1e-7, 1 - 1e-7)
    return np.asarray(np.log(share / (1 - share)))


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Log mean distance of the points, in face sizes of `other`: shape (faces,)."""
    eyes, mouth = other[:, :2].mean(axis=1), other[:, 3:].mean(axis=1)
    across = np.linalg.norm(other[:, 1] - other[:, 0], axis=1)
    size = (across + np.linalg.norm(mouth - eyes, axis=1)) / 2
    distance = np.linalg.norm(one - other, axis=2).mean(axis=1)
    return np.asarray(np.log(distance / np.maximum(size, 1e-6) + 0.005))


def _square(image: np.ndarray, x: float, y: float, side: float) -> np.ndarray:
    height, width = image.shape[:2]
    longer = max(height, width)
    middle = np.array([width / 2 + (x - 0.5) * longer, height / 2 + (y - 0.5) * longer]) - 0.5
    zoom = side * longer / SIZE
    return np.column_stack([np.eye(2) * zoom, middle - zoom * (SIZE - 1) / 2])


def _by_points(points: np.ndarray) -> np.ndarray:
    """Matrices, shape (n, 2, 3), of crops in which faces with these points, shape (n, 5, 2), are
    upright and centered."""
    middle = _FRONT.mean(axis=0)
    front = (_FRONT - middle) * (SIZE / SECOND) + (SIZE - 1) / 2
    nothing = ~(np.ptp(points, axis=1).max(axis=1, initial=0) > 1e-3)  # all five coincide
    return geometry.similarities(front, points + nothing[:, None, None] * (_FRONT - middle) * 1e-3)


def _boxes_of(points: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[Box]:
    """The boxes of the inner faces, from brows to chin, around the points, as in the ArcFace
    crop."""
    matrices = geometry.similarities(_FRONT, points)
    corners = np.array([(12.0, 22.0), (100.0, 22.0), (12.0, 112.0), (100.0, 112.0)])
    placed = corners @ matrices[:, :, :2].swapaxes(1, 2) + matrices[:, None, :, 2] + 0.5
    sides = np.concatenate([placed.min(axis=1), placed.max(axis=1)], axis=1)
    return [clipped(box, *shape[:2]) for box, shape in zip(sides, shapes, strict=True)]
