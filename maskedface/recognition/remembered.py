"""The photographs that a gallery remembers, so that it can be rebuilt with another network."""

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
# Maximum height and width of a crop in pixels: an upright face is then larger than in VGGFace2's
# 224 px, the largest alignment, and a face rotated by 45 degrees about as large.
_SIDE = 320
_CHIP = 224  # pixels; the corners do not depend on it
_POINTS = 5
_FARTHEST = 1e6  # pixels from a crop's corner; a point may be outside the crop


class Remembered(NamedTuple):
    """A photograph from which somebody was enrolled.

    Attributes:
        path: str, the absolute path of the file; "" if the photograph was an array.
        sha256: str, of the file when it was enrolled, 64 hexadecimal digits; "" without a path.
        source: the location of the face: its five points in the crop, ((x, y), ...) in pixels; or
            the key of `geometry.ALIGNMENTS` to which the photograph is aligned, "whole image" (no
            face was detected, and the whole image was used), or "" (it was detected in the file).
        crop: bytes, a JPEG file of the face and its surroundings; b"" without a crop.
    """

    path: str
    sha256: str
    source: str | Points
    crop: bytes = b""

    def read(self) -> np.ndarray:
        """Reads the crop, or if there is none the photograph, if it has not changed since
        enrollment.

        Returns:
            uint8 array, shape (height, width, 3), RGB, upright.

        Raises:
            ImageError: if the file is no longer an image.
            FileNotFoundError, OSError: if it does not exist or cannot be read.
            ValueError: if the file has changed, the path is not on this machine, or the face's
                points are not in the crop.
        """
        if self.crop:
            image = read_image(self.crop)
            if not isinstance(self.source, str):
                _check_points(np.array(self.source), image.shape)
            return image
        # A gallery may come from anywhere: opening a network path would contact its host.
        if not os.path.isabs(self.path) or self.path.startswith(("\\\\", "//")):
            raise ValueError(
                f"a remembered photograph must be on this machine. Received: {self.path!r}"
            )
        file = read_photo(self.path)
        if file.sha256 != self.sha256:
            raise ValueError(
                "a remembered photograph must not have changed since it was enrolled. "
                f"Received: {self.path!r} with another SHA-256"
            )
        return file.image


def remembered(file: PhotoFile, face: DetectedFace, how: Remember) -> Remembered | None:
    """What a gallery remembers of a photograph.

    Args:
        file: the photograph, after reading.
        face: its face.
        how: "paths", "crops" or "nothing".

    Returns:
        The `Remembered`; None for "nothing", and for "paths" if the photograph has no path.
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
    """Reduces what is remembered about a photograph; a missing crop is not added.

    Args:
        photo: the photograph as a gallery remembers it.
        how: "paths", "crops" or "nothing".
    """
    if how == "crops":
        return photo
    if how == "nothing" or not photo.path:
        return None
    source = photo.source if isinstance(photo.source, str) else ""
    return Remembered(photo.path, photo.sha256, source)


def checked(path: str, sha256: str, source: Any, crop: bytes) -> Remembered:
    """Validates a remembered photograph from a gallery's file.

    Args:
        path, sha256, source, crop: as for `Remembered`, from an untrusted file.

    Raises:
        ValueError, TypeError: if they are not a valid `Remembered`.
    """
    if isinstance(source, str):
        fits = source in (WHOLE, *ALIGNMENTS) or not (source or crop)
    else:
        source = tuple((float(x), float(y)) for x, y in source)
        fits = bool(crop) and len(source) == _POINTS and np.abs(source).max() <= _FARTHEST
    is_file = isinstance(path, str) and re.fullmatch("[0-9a-f]{64}" if path else "", sha256)
    if not fits or not is_file or not (path or crop):
        raise ValueError(
            "a remembered photograph must have a path with its SHA-256 or a crop, and a known "
            f"source. Received: {path!r}, {sha256!r}, {source!r}, {len(crop)} bytes"
        )
    return Remembered(path, sha256, source, crop)


def photos_to_file(
    photos: Iterable[Sequence[Remembered]],
) -> tuple[list[list[list[Any]]], dict[str, np.ndarray]]:
    """Converts remembered photographs for a gallery's file.

    Args:
        photos: those of each person.

    Returns:
        (the fact "photos": per person a list of [path, sha256, source]; the arrays "crops", the
        concatenated JPEG files, and "crop_ends", the end of each, in the order of the photographs).
    """
    people = list(photos)
    crops = [one.crop for of in people for one in of]
    ends = np.cumsum([len(crop) for crop in crops], dtype="int64")
    arrays = {"crops": np.frombuffer(b"".join(crops), "uint8"), "crop_ends": ends}
    return [[[one.path, one.sha256, one.source] for one in of] for of in people], arrays


def photos_from_file(
    facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> list[tuple[Remembered, ...]]:
    """Restores each person's remembered photographs from the result of `photos_to_file`.

    Raises:
        ValueError, TypeError: if they are invalid, or more than the person's "faces".
    """
    photos, crops, ends = facts["photos"], arrays["crops"], arrays["crop_ends"]
    few = all(len(of) <= most for of, most in zip(photos, facts["faces"], strict=True))
    starts = np.concatenate([np.zeros(1, "int64"), ends])
    # Not with differences, which could overflow.
    rise = (starts[1:] >= starts[:-1]).all() and starts[-1] == len(crops)
    if not few or not rise or len(ends) != sum(map(len, photos)):
        raise ValueError(
            "a person must have at least as many faces as photographs, and each photograph a crop "
            f"end. Received: {len(ends)} ends for {sum(map(len, photos))} photographs"
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
    """Refuses points that no valid crop has, as they could warp an image to any size."""
    height, width = shape[:2]
    within = (points >= (-width, -height)).all() and (points <= (2 * width, 2 * height)).all()
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    if not within or np.hypot(*(eyes - mouth)) < 1 or np.hypot(*(points[0] - points[1])) < 1:
        raise ValueError(
            f"a crop's points must be distinct and inside it. Received: {points.tolist()} in "
            f"{width} x {height}"
        )


def _cut(image: np.ndarray, source: Source | None) -> tuple[bytes, Points | None]:
    """A JPEG crop of a face with its surroundings, and the positions of its points in the crop."""
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
    # Pixel centers: an image's edge is at -0.5, and scaling keeps the edge in place.
    ratio = np.array(image.shape[1::-1]) / (width, height)
    moved = (points - (left, top) + 0.5) * ratio - 0.5
    return file.getvalue(), tuple((round(float(x), 2), round(float(y), 2)) for x, y in moved)


def _around(face: FacePoints, height: int, width: int) -> tuple[int, int, int, int]:
    """The part of an image that contains the face in every alignment: left, top, right, bottom."""
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
