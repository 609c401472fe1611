"""The photographs that a gallery remembers, so that it can be made again with another network."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from PIL import Image

from maskedface.datasets import read_image
from maskedface.datasets.images import read_file
from maskedface.geometry import ALIGNMENTS, FacePoints, Source

Remember = Literal["paths", "crops", "nothing"]
Points = tuple[tuple[float, float], ...]

WHOLE = "whole image"
# Half a crop's side, in distances from between the eyes to between the mouth's corners: every alignment of
# `geometry.ALIGNMENTS` lies in it, upright and turned.
_REACH = 2.0
# Pixels a side at most: eyes and mouth are then as far apart as in VGGFace2's 224 px, the largest.
_SIDE = 320
_POINTS = 5
_FARTHEST = 1e6  # pixels from a crop's corner: a point may lie outside
_DIGEST = re.compile("[0-9a-f]{64}")


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
            ValueError: if another file lies there now.
        """
        if self.crop:
            return read_image(self.crop)
        data = read_file(self.path)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ValueError(
                "a remembered photograph must be as it was when it was enrolled. "
                f"Received: {self.path!r}, another file by its SHA-256"
            )
        return read_image(data)


def remembered(
    image: np.ndarray,
    place: tuple[Any, Any, str, Source],
    how: Remember,
    *,
    path: str | os.PathLike[str] = "",
) -> Remembered | None:
    """What a gallery remembers of a photograph.

    Args:
        image: uint8 array, shape (height, width, 3), RGB, upright.
        place: of its face, a `Place`.
        how: "paths", "crops" or "nothing".
        path: the file that the image was read from.

    Returns:
        It; None for "nothing", and for "paths" where there is none.

    Raises:
        OSError: if the file cannot be read.
    """
    if how == "nothing" or (how == "paths" and not path):
        return None
    _, _, by, source = place
    said: str | Points = by if by == WHOLE else source if isinstance(source, str) else ""
    name, digest = "", ""
    if path:
        name, digest = os.path.abspath(path), hashlib.sha256(read_file(path)).hexdigest()
    if how == "paths":
        return Remembered(name, digest, said)
    if isinstance(source, FacePoints):
        source = source.points
    crop, points = _cut(image, None if isinstance(source, str) else np.asarray(source, "float64"))
    return Remembered(name, digest, said if points is None else points, crop)


def as_kept(photo: Remembered, made: Remembered | None, how: Remember) -> Remembered | None:
    """What another gallery remembers of a photograph.

    Args:
        photo: as the gallery before remembers it.
        made: as `remembered` gives it for the image that `photo.read` gave, without a path.
        how: "paths", "crops" or "nothing", of the other gallery.
    """
    if how == "paths" and photo.path:
        source = photo.source if isinstance(photo.source, str) else ""
        return Remembered(photo.path, photo.sha256, source)
    if how == "crops":
        if photo.crop:
            return photo  # a copy of a copy would be worse
        assert made is not None
        return made._replace(path=photo.path, sha256=photo.sha256)
    return None


def photos_to_file(
    photos: Sequence[Sequence[Remembered]],
) -> tuple[list[list[list[Any]]], dict[str, np.ndarray]]:
    """What a gallery's file holds of remembered photographs.

    Args:
        photos: each person's.

    Returns:
        (the fact "photos": per person a list of [path, sha256, source]; the arrays "crops", their files
        one behind the other, and "crop_ends", where each ends, in the photographs' order).
    """
    facts = [[[one.path, one.sha256, _plain(one.source)] for one in of] for of in photos]
    crops = [one.crop for of in photos for one in of]
    ends = np.cumsum([len(crop) for crop in crops], dtype="int64")
    return facts, {"crops": np.frombuffer(b"".join(crops), "uint8"), "crop_ends": ends}


def photos_from_file(
    facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> tuple[tuple[Remembered, ...], ...]:
    """Remembered photographs, as `photos_to_file` gave them and `are_photos` found them good."""
    ends = arrays["crop_ends"].tolist()
    spans = zip([0, *ends], ends, strict=False)
    return tuple(
        tuple(
            Remembered(path, digest, _source(source), arrays["crops"][slice(*next(spans))].tobytes())
            for path, digest, source in of
        )
        for of in facts["photos"]
    )


def are_photos(value: object, faces: Sequence[int], ends: np.ndarray, size: int) -> bool:
    """Whether a file's fact "photos" is as `photos_to_file` makes it.

    Args:
        value: the fact.
        faces: how many faces of each person were enrolled.
        ends: the array "crop_ends", int64.
        size: how many bytes "crops" has.
    """
    if not isinstance(value, list) or not all(isinstance(of, list) for of in value):
        return False
    if len(value) != len(faces) or any(len(of) > most for of, most in zip(value, faces, strict=True)):
        return False
    photos = [one for of in value for one in of]
    if not all(isinstance(one, list) and len(one) == 3 for one in photos):
        return False
    sizes = np.diff(ends, prepend=np.int64(0))
    if len(ends) != len(photos) or (sizes < 0).any() or size != (ends[-1] if len(ends) else 0):
        return False
    return all(_is_photo(one, bool(crop)) for one, crop in zip(photos, sizes, strict=True))


def _is_photo(photo: list[object], has_crop: bool) -> bool:
    path, digest, source = photo
    if not isinstance(path, str) or not isinstance(digest, str):
        return False
    known = _DIGEST.fullmatch(digest) is not None if path else not digest
    if not known or not (path or has_crop):
        return False
    if isinstance(source, str):
        return source in (WHOLE, *ALIGNMENTS) or not (source or has_crop)
    return has_crop and _are_points(source)


def _are_points(value: object) -> bool:
    if not isinstance(value, list) or len(value) != _POINTS:
        return False
    pairs = [point for point in value if isinstance(point, list) and len(point) == 2]
    return len(pairs) == _POINTS and all(
        type(number) in (int, float) and abs(number) <= _FARTHEST for pair in pairs for number in pair
    )


def _plain(source: str | Points) -> str | list[list[float]]:
    return source if isinstance(source, str) else [[*point] for point in source]


def _source(value: Any) -> str | Points:
    return value if isinstance(value, str) else tuple((float(x), float(y)) for x, y in value)


def _cut(image: np.ndarray, points: np.ndarray | None) -> tuple[bytes, Points | None]:
    """A face with what is around it as a JPEG file, and where its points lie in that."""
    left, top = 0, 0
    if points is not None:
        eyes, mouth = points[:2].mean(0), points[3:].mean(0)
        reach = max(_REACH * float(np.hypot(*(eyes - mouth))), 1.0)
        middle = (eyes + mouth) / 2
        edges = image.shape[1::-1]
        left, top = np.floor(middle - reach).clip(0, np.array(edges) - 1).astype(int)
        right, bottom = np.ceil(middle + reach).clip((left + 1, top + 1), edges).astype(int)
        image = image[top:bottom, left:right]
    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95, subsampling=0)
    if points is None:
        return file.getvalue(), None
    # Pixel centres: an image's edge is at -.5, and it is the edge that scaling leaves in place.
    ratio = np.array(image.shape[1::-1]) / (width, height)
    moved = (points - (left, top) + 0.5) * ratio - 0.5
    return file.getvalue(), tuple((round(float(x), 2), round(float(y), 2)) for x, y in moved)
