"""The default detector: BlazeFace proposes faces, and the aligner refines and scores them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from maskedface.landmarks.aligner import SURE, Aligner
from maskedface.landmarks.detection import Detection, Detector, check_image, detect, without_doubles

# Measured on the people of RMFRD with fewer than 8 masked images (docs/alignment.md).
_LEAST = 0.2  # minimum BlazeFace score for the aligner
CROP_SIDE, CROP_RATIO = 320, 1.6  # maximum side and side ratio of an image that may be a face crop
_LEAST_CROP = 24
# Minimum confidence of rotated faces: three more searches cause more false detections.
_TURNED = 0.9
# Confidence below which a face is also looked for upside down, and the ratio of odds from which that
# counts: the aligner takes an upside-down face for an upright one, its mouth for the eyes, at a
# confidence of 0.93 in the median; turned upright, it has 0.999. On RMFRD's people with fewer than 8 masked
# images nothing changes by it (docs/alignment.md; `tools/measure_alignment.py hard`).
_UNSURE, _SURER = 0.99, 20.0
_FILLS = 0.4  # minimum size of a face in a crop, relative to the image's shorter side


class Cascade:
    """Detects faces, masked or unmasked, also if they are rotated, small, occluded or fill the
    image.

    1. An image that may be a crop of one face (no side above 320 px, side ratio below 1.6) is
    processed by the aligner alone, if its confidence is high and the face has 0.4 of the shorter
    side. 2. In all other images BlazeFace proposes faces, with a low minimum score, and the aligner
    refines each one's points and determines its confidence. 3. Images without a face are searched
    again in 90-degree rotations, and images with an unsure one upside down.

    Args:
        detector: the detector that proposes faces. None means `BlazeFaceDetector`; if LiteRT or its
            models are not installed, only images that may be crops are searched, and others raise
            an error.
        aligner: the aligner; None means `Aligner()`.
        least: float in [0, 1], minimum confidence of a face.
        turn: whether to try 90-degree rotations (3).

    Raises:
        ValueError: if `least` is out of range.

    >>> from maskedface import landmarks, synthetic
    >>> cascade = landmarks.Cascade()
    >>> ((face,),) = cascade([synthetic.draw_face(0, 0, True)])
    >>> face.source, face.points.shape, face.confidence > 0.5
    ('aligner', (5, 2), True)
    """

    def __init__(
        self,
        detector: Detector | None = None,
        aligner: Aligner | None = None,
        *,
        least: float = SURE,
        turn: bool = True,
    ) -> None:
        self._aligner = Aligner() if aligner is None else aligner
        self._missing: ModuleNotFoundError | None = None
        if not 0 <= least <= 1:
            raise ValueError(f"least must be in [0, 1]. Received: least={least}")
        if detector is None:
            from maskedface.landmarks.blazeface import BlazeFaceDetector

            try:
                detector = BlazeFaceDetector(_LEAST)
            except ModuleNotFoundError as error:
                self._missing = error
        self._detector, self._least, self._turn = detector, least, turn

    def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        """Detects the faces in images.

        Args:
            images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.

        Returns:
            One tuple of faces per image, from left to right; `source` is "blazeface+aligner" or
            "aligner".

        Raises:
            ValueError: if an image has another shape or type.
            ModuleNotFoundError: if an image cannot be a crop and BlazeFace is not installed.
        """
        for image in images:
            check_image(image)
            if self._missing is not None and not may_be_crop(image):
                raise self._missing
        found = self._upright(images)
        if self._turn:
            lacking = [row for row, faces in enumerate(found) if not faces]
            turned = in_quarter_turns(self._sideways, [images[row] for row in lacking])
            for row, faces in zip(lacking, turned, strict=True):
                found[row] = faces
            self._upside_down(images, found, sorted({*range(len(images))} - {*lacking}))
        return [tuple(without_doubles(faces)) for faces in found]

    def _upright(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        found: list[list[Detection]] = [[] for _ in images]
        crops = [row for row, image in enumerate(images) if may_be_crop(image)]
        whole = dict(zip(crops, self._aligner.best([images[row] for row in crops]), strict=True))
        sure = {row: face for row, face in whole.items() if face.confidence >= self._least}
        for row, face in sure.items():
            if _fills(face, images[row]):
                found[row].append(face)
        lacking = [row for row, faces in enumerate(found) if not faces]
        for row, faces in zip(lacking, self._detected([images[r] for r in lacking]), strict=True):
            found[row] = faces if faces or row not in sure else [sure[row]]
        return found

    def _detected(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        found: list[list[Detection]] = [[] for _ in images]
        rough = [() for _ in images] if self._detector is None else detect(self._detector, images)
        rows = [row for row, faces in enumerate(rough) for _ in faces]
        if rows:
            points = np.stack([face.points for faces in rough for face in faces])
            source = f"{next(f for faces in rough for f in faces).source}+aligner"
            seen = self._aligner.refine([images[row] for row in rows], points, source=source)
            for row, face in zip(rows, seen, strict=True):
                if face.confidence >= self._least:
                    found[row].append(face)
        return found

    def _upside_down(
        self, images: Sequence[np.ndarray], found: list[list[Detection]], rows: Sequence[int]
    ) -> None:
        """Replaces unsure faces of these rows by much surer ones that are upside down."""
        unsure = [row for row in rows if any(face.confidence < _UNSURE for face in found[row])]
        turned = in_quarter_turns(self._sideways, [images[row] for row in unsure], quarters=(2,))
        for row, others in zip(unsure, turned, strict=True):
            wrong = [face for face in found[row] if any(_is_surer(o, face) for o in others)]
            kept = [face for face in found[row] if face not in wrong]
            if wrong and kept:  # the others may be false: only those in place of a wrong one
                others = [o for o in others if any(_overlap(o, face) for face in wrong)]
            if wrong:
                found[row] = kept + others

    def _sideways(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        least = max(self._least, _TURNED)
        return [[f for f in faces if f.confidence >= least] for faces in self._upright(images)]


def in_quarter_turns(
    search: Callable[[Sequence[np.ndarray]], Sequence[Sequence[Detection]]],
    images: Sequence[np.ndarray],
    *,
    quarters: Sequence[int] = (1, 2, 3),
) -> list[list[Detection]]:
    """Searches images rotated by quarters of a full turn.

    Args:
        search: a function from images to their faces.
        images: uint8 arrays, shape (height, width, 3).
        quarters: the rotations, each 1, 2 or 3 quarters (90, 180, 270 degrees).

    Returns:
        One list of faces per image, in pixels of the original image.
    """
    found: list[list[Detection]] = [[] for _ in images]
    for number in quarters:
        turned = [np.ascontiguousarray(np.rot90(image, number)) for image in images]
        for row, faces in enumerate(search(turned)):
            size = images[row].shape[:2]
            found[row] += [turned_back(face, number, *size) for face in faces]
    return found


def _is_surer(other: Detection, face: Detection) -> bool:
    """Whether another face at the same place has much higher odds."""
    odds, others = (one.confidence / max(1 - one.confidence, 1e-9) for one in (face, other))
    return others > _SURER * odds and _overlap(other, face)


def _overlap(one: Detection, other: Detection) -> bool:
    return len(without_doubles([one, other])) == 1


def _fills(face: Detection, image: np.ndarray) -> bool:
    """Whether a face fills its image, so that any other faces would be small."""
    left, top, right, bottom = face.box
    return bool(min(right - left, bottom - top) >= _FILLS * min(image.shape[:2]))


def may_be_crop(image: np.ndarray) -> bool:
    """Whether an image is small and square enough to be a face crop.

    Args:
        image: uint8 array, shape (height, width, 3).
    """
    shorter, longer = sorted(map(int, image.shape[:2]))
    return shorter >= _LEAST_CROP and longer <= min(CROP_SIDE, CROP_RATIO * shorter)


def turned_back(face: Detection, quarters: int, height: int, width: int) -> Detection:
    """Converts a face in `np.rot90(image, quarters)` to pixels of `image`.

    Args:
        face: the face.
        quarters: 1, 2 or 3.
        height, width: int, the size of `image`.
    """
    corners = np.array(face.box).reshape(2, 2)
    # Boxes are relative to pixel edges, points to pixel centers.
    places = _turn_back(corners - 0.5, quarters, height, width) + 0.5
    low, high = places.min(axis=0), places.max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    points = _turn_back(face.points, quarters, height, width)
    return Detection(box, points, face.confidence, face.source)


def _turn_back(points: np.ndarray, quarters: int, height: int, width: int) -> np.ndarray:
    x, y = points[:, 0], points[:, 1]
    turned = {
        1: (width - 1 - y, x),
        2: (width - 1 - x, height - 1 - y),
        3: (y, height - 1 - x),
    }[quarters]
    return np.stack(turned, axis=1)
