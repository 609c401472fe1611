"""The photographs that a gallery remembers, so that it can be made again with another network."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import cv2
import numpy as np
from PIL import Image

from maskedface import geometry
from maskedface.geometry import ALIGNMENTS, FacePoints, Source
from maskedface.images import read_image
from maskedface.recognition.photo import PhotoFile, read_photo

if TYPE_CHECKING:
    from maskedface.recognition.faces import DetectedFace

Remember = Literal["paths", "crops", "nothing"]
Points = tuple[tuple[float, float], ...]

WHOLE = "whole image"
# Pixels a crop's side at most: an upright face is then larger than in VGGFace2's 224 px, the largest
# alignment, and one turned by 45 degrees about as large.
_SIDE = 320
_CHIP = 224  # pixels: any size gives the same corners
_POINTS = 5
_FARTHEST = 1e6  # pixels from a crop's corner: a point may lie outside


class Remembered(NamedTuple):
    """A photograph that somebody was enrolled by.

    Attributes:
        path: str, the file, absolute; "" where the photograph came as an array.
        sha256: str, of the file as it was then, 64 hexadecimal digits; "" without a path.
        source: where the face lies: its five points in the crop, ((x, y), ...) in pixels; or a key of
            `geometry.ALIGNMENTS` that the photograph is aligned to, "whole image" (nobody found it, and
            the whole was taken), or "" (it was searched for in the file).
        crop: bytes, the face and what is around it, a JPEG file; b"" where none was kept.
    """

    path: str
    sha256: str
    source: str | Points
    crop: bytes = b""

    def read(self) -> np.ndarray:
        """The crop, or without one the photograph, if it is still the one that was enrolled.

        Returns:
            uint8 array, shape (height, width, 3), RGB, upright.

        Raises:
            ImageError: if the file is no image now.
            FileNotFoundError, OSError: if it is not there, or cannot be read.
            ValueError: if another file lies there now, the path is none of this machine's, or the face's
                points do not lie in the crop.
        """
        if self.crop:
            image = read_image(self.crop)
            if not isinstance(self.source, str):
                _check_points(np.array(self.source), image.shape)
            return image
        # A gallery may come from anywhere: a path of a share would call its host.
        if not os.path.isabs(self.path) or self.path.startswith(("\\\\", "//")):
            raise ValueError(
                f"a remembered photograph must lie on this machine. Received: {self.path!r}"
            )
        file = read_photo(self.path)
        if file.sha256 != self.sha256:
            raise ValueError(
                "a remembered photograph must be as it was when it was enrolled. "
                f"Received: {self.path!r}, another file by its SHA-256"
            )
        return file.image


def remembered(file: PhotoFile, face: DetectedFace, how: Remember) -> Remembered | None:
    """What a gallery remembers of a photograph.

    Args:
        file: as it was read.
        face: its face.
        how: "paths", "crops" or "nothing".

    Returns:
        It; None for "nothing", and for "paths" where there is none.
    """
    if how == "nothing" or (how == "paths" and not file.path):
        return None
    by, source = face.aligned_by, face.source
    said: str | Points = by if by == WHOLE else source if isinstance(source, str) else ""
    if how == "paths":
        return Remembered(file.path, file.sha256, said)
    crop, points = _cut(file.image, None if isinstance(source, str) else source)
    return Remembered(file.path, file.sha256, said if points is None else points, crop)


def thinned(photo: Remembered, how: Remember) -> Remembered | None:
    """What is left of a remembered photograph where less is to be remembered; a crop that there is not is
    not made.

    Args:
        photo: as a gallery remembers it.
        how: "paths", "crops" or "nothing".
    """
    if how == "crops":
        return photo
    if how == "nothing" or not photo.path:
        return None
    source = photo.source if isinstance(photo.source, str) else ""
    return Remembered(photo.path, photo.sha256, source)


def checked(path: str, sha256: str, source: Any, crop: bytes) -> Remembered:
    """A photograph as a gallery's file may hold it.

    Args:
        path, sha256, source, crop: as for `Remembered`, from anywhere.

    Raises:
        ValueError, TypeError: if they are nothing that a gallery could have remembered.
    """
    if isinstance(source, str):
        fits = source in (WHOLE, *ALIGNMENTS) or not (source or crop)
    else:
        source = tuple((float(x), float(y)) for x, y in source)
        fits = bool(crop) and len(source) == _POINTS and np.abs(source).max() <= _FARTHEST
    is_file = isinstance(path, str) and re.fullmatch("[0-9a-f]{64}" if path else "", sha256)
    if not fits or not is_file or not (path or crop):
        raise ValueError(
            "a remembered photograph must have a path with its SHA-256 or a crop, and a known place. "
            f"Received: {path!r}, {sha256!r}, {source!r}, {len(crop)} bytes"
        )
    return Remembered(path, sha256, source, crop)


def photos_to_file(
    photos: Iterable[Sequence[Remembered]],
) -> tuple[list[list[list[Any]]], dict[str, np.ndarray]]:
    """What a gallery's file holds of remembered photographs.

    Args:
        photos: each person's.

    Returns:
        (the fact "photos": per person a list of [path, sha256, source]; the arrays "crops", their files
        one behind the other, and "crop_ends", where each ends, in the photographs' order).
    """
    people = list(photos)
    crops = [one.crop for of in people for one in of]
    ends = np.cumsum([len(crop) for crop in crops], dtype="int64")
    arrays = {"crops": np.frombuffer(b"".join(crops), "uint8"), "crop_ends": ends}
    return [[[one.path, one.sha256, one.source] for one in of] for of in people], arrays


def photos_from_file(
    facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> list[tuple[Remembered, ...]]:
    """Remembered photographs, as `photos_to_file` gave them: each person's.

    Raises:
        ValueError, TypeError: if they are none, or more than the person's "faces".
    """
    photos, crops, ends = facts["photos"], arrays["crops"], arrays["crop_ends"]
    few = all(len(of) <= most for of, most in zip(photos, facts["faces"], strict=True))
    starts = np.concatenate([np.zeros(1, "int64"), ends])
    # Not by differences, which could overflow.
    rise = (starts[1:] >= starts[:-1]).all() and starts[-1] == len(crops)
    if not few or not rise or len(ends) != sum(map(len, photos)):
        raise ValueError(
            "a person must have as many faces as photographs at least, and each of these its crop's end. "
            f"Received: {len(ends)} ends for {sum(map(len, photos))} photographs"
        )
    spans = map(slice, starts, ends)
    return [
        tuple(
            checked(path, sha256, source, crops[next(spans)].tobytes())
            for path, sha256, source in of
        )
        for of in photos
    ]


def _check_points(points: np.ndarray, shape: tuple[int, ...]) -> None:
    """Refuses points that no crop of ours has: an image would be warped to any size by them."""
    height, width = shape[:2]
    within = (points >= (-width, -height)).all() and (points <= (2 * width, 2 * height)).all()
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    if not within or np.hypot(*(eyes - mouth)) < 1 or np.hypot(*(points[0] - points[1])) < 1:
        raise ValueError(
            f"a crop's points must lie in it, apart. Received: {points.tolist()} in {width} x {height}"
        )


def _cut(image: np.ndarray, source: Source | None) -> tuple[bytes, Points | None]:
    """A face with what is around it as a JPEG file of square pixels, and where its points lie in that."""
    left, top, aspect, points = 0, 0, 1.0, None
    if source is not None:
        assert not isinstance(source, str)
        face = source if isinstance(source, FacePoints) else FacePoints(source)
        points, aspect = np.asarray(face.points, "float64"), face.pixel_aspect
        left, top, right, bottom = _around(face, *image.shape[:2])
        image = image[top:bottom, left:right]
    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(height, width * aspect))
    if scale < 1 or aspect != 1:
        size = max(1, round(width * aspect * scale)), max(1, round(height * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95, subsampling=0)
    if points is None:
        return file.getvalue(), None
    # Pixel centres: an image's edge is at -.5, and it is the edge that scaling leaves in place.
    ratio = np.array(image.shape[1::-1]) / (width, height)
    moved = (points - (left, top) + 0.5) * ratio - 0.5
    return file.getvalue(), tuple((round(float(x), 2), round(float(y), 2)) for x, y in moved)


def _around(face: FacePoints, height: int, width: int) -> tuple[int, int, int, int]:
    """The part of an image that every alignment of the face lies in: left, top, right, bottom."""
    corners = np.array([(0, 0, 1), (_CHIP, 0, 1), (0, _CHIP, 1), (_CHIP, _CHIP, 1)])
    matrices = [
        geometry.chip_matrix(height, width, source=face, target=target, size=_CHIP)
        for target in geometry.ALIGNMENTS
    ]
    places = np.concatenate([corners @ matrix.T for matrix in matrices])
    edges = np.array([width, height])
    first = np.floor(places.min(0)).clip(0, edges - 1).astype(int)
    last = np.ceil(places.max(0)).clip(first + 1, edges).astype(int)
    return (*first.tolist(), *last.tolist())
