"""Face alignments: the positions of eyes, nose and mouth, and the warp between alignments.

Coordinates are (x, y) in pixels with the center of the first pixel at (0, 0), as in OpenCV, dlib
and ArcFace's own code.
"""

from __future__ import annotations

import functools
import math
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np

from maskedface.names import did_you_mean

# The public names; the rest of the library uses more.
__all__ = ["ALIGNMENTS", "FacePoints", "alignment_points", "chip_matrix", "warp"]

Fit = Literal["similarity", "affine"]


class Alignment(NamedTuple):
    """The positions of five landmarks of an upright face in a square image.

    Attributes:
        size: int, the image's height and width in pixels.
        points: ((x, y), ...) in pixels: left eye, right eye, nose tip, left and right mouth
            corner, as seen by the viewer.
    """

    size: int
    points: tuple[tuple[float, float], ...]


# arcface: the 112-px alignment of SphereFace, CosFace and ArcFace (insightface, `arcface_dst`,
#   two decimals).
# dlib: the 150-px chip of dlib's ResNet (`get_face_chip_details(shape, 150, 0.25)`). dlib aligns by
#   eye corners and nose; these are ArcFace's points seen through the one fixed warp from the ArcFace
#   crop to dlib's chip, source = (55.96, 71.22) + .6648 (chip - 75), which was fitted on real faces.
# vggface2: the 224-px crop of VGGFace2's networks (face box extended by .3, shorter side 256, center
#   224; Cao et al. 2018, section 4.1). No alignment is published: see `docs/decisions.md` for how
#   these points were measured. The paper's 180 px are this crop, scaled.
# wide: ArcFace's crop at 1.5 times its scale with 8 of its pixels more on the left and right, 4 above and
#   12 below, so that the other alignments lie inside and none is enlarged: what networks of several
#   alignments are given together (`engines.Ensemble`).
ALIGNMENTS: dict[str, Alignment] = {
    "arcface": Alignment(
        112, ((38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20))
    ),
    "dlib": Alignment(
        150,
        (
            (48.421, 45.638),
            (101.429, 45.337),
            (75.105, 75.782),
            (53.324, 106.814),
            (97.217, 106.558),
        ),
    ),
    "vggface2": Alignment(
        224, ((77.0, 90.0), (147.0, 90.0), (112.0, 128.0), (82.0, 163.0), (142.0, 163.0))
    ),
    "wide": Alignment(
        192,
        (
            (69.685, 83.800),
            (122.545, 83.500),
            (96.295, 113.860),
            (74.575, 144.805),
            (118.345, 144.550),
        ),
    ),
}
"""{name: `Alignment`}: "arcface", "dlib", "vggface2", and "wide", which contains all others.

A value has `size`, int, the square image's side in pixels, and `points`, five (x, y) in its pixels: left
eye, right eye, nose tip, left and right mouth corner, as seen by the viewer. `alignment_points` scales
them.
"""


def alignment_points(name: str, height: int, width: int) -> np.ndarray:
    """An alignment's five landmarks, scaled to an image of any size.

    >>> from maskedface import geometry
    >>> geometry.alignment_points("arcface", 112, 112)[0].round(2).tolist()  # the left eye
    [38.29, 51.7]

    Args:
        name: a key of `ALIGNMENTS`.
        height, width: int >= 1, the image's size in pixels.

    Returns:
        float64 array, shape (5, 2), (x, y) in pixels of that image.

    Raises:
        ValueError: if the alignment is unknown.
    """
    if name not in ALIGNMENTS:
        raise ValueError(
            f"alignment must be one of {sorted(ALIGNMENTS)}. Received: alignment={name!r}"
            f"{did_you_mean(name, ALIGNMENTS)}"
        )
    size, points = ALIGNMENTS[name]
    # Pixel centers: the image's edge is at -.5, so that is what stays in place.
    return (np.array(points) + 0.5) * (np.array([width, height]) / size) - 0.5


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The similarity transform that best maps `source` points to `target` points.

    Args:
        source, target: float arrays, shape (points, 2), (x, y) in pixels; at least two points.

    Returns:
        float64 array, shape (2, 3): target = matrix @ (x, y, 1), least squares, no reflection.

    Raises:
        ValueError: if the shapes differ, or the source points coincide.
    """
    source, target = _pairs(source, target)
    if np.ptp(source, axis=0).max() == 0:
        raise ValueError(f"source must have two different points. Received: source={source[0]}")
    x, y = source.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    # u = a x - b y + c and v = b x + a y + d are linear in (a, b, c, d).
    rows = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, c, d = np.linalg.lstsq(rows, np.concatenate(target.T), rcond=None)[0]
    return np.array([[a, -b, c], [b, a, d]])


def similarities(source: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Vectorized `similarity` for one source and many targets.

    Args:
        source: float array, shape (points, 2), not all coincident.
        targets: float array, shape (n, points, 2).

    Returns:
        float64 array, shape (n, 2, 3).
    """
    middle, middles = source.mean(axis=0), targets.mean(axis=1)
    moved, aims = source - middle, targets - middles[:, None]
    size = (moved**2).sum()
    a = (aims * moved).sum(axis=(1, 2)) / size
    b = (moved[:, 0] * aims[:, :, 1] - moved[:, 1] * aims[:, :, 0]).sum(axis=1) / size
    turns = np.stack([np.stack([a, -b], 1), np.stack([b, a], 1)], 1)
    return np.concatenate([turns, (middles - turns @ middle)[:, :, None]], axis=2)


def affine(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The affine transform that best maps `source` to `target` points.

    In contrast to `similarity`, it can also squash and shear, as in an image with a changed aspect
    ratio.

    Args:
        source, target: float arrays, shape (points, 2), (x, y) in pixels; at least three points.

    Returns:
        float64 array, shape (2, 3): target = matrix @ (x, y, 1), least squares.

    Raises:
        ValueError: if the shapes differ, there are fewer than three points, or the source or target
            points are collinear.
    """
    source, target = _pairs(source, target)
    for name, points in (("source", source), ("target", target)):
        spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
        if len(points) < 3 or spread[1] <= 1e-9 * spread[0]:
            raise ValueError(
                f"{name} must have three points that are not collinear. "
                f"Received: {name}={points.tolist()}"
            )
    rows = np.concatenate([source, np.ones((len(source), 1))], 1)
    return np.ascontiguousarray(np.linalg.lstsq(rows, target, rcond=None)[0].T)


def _pairs(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    source, target = np.asarray(source, "float64"), np.asarray(target, "float64")
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise ValueError(
            "source and target must both have shape (points, 2). "
            f"Received: source.shape={source.shape}, target.shape={target.shape}"
        )
    return source, target


class FacePoints(NamedTuple):
    """The landmarks of a face in an image with possibly non-square pixels.

    >>> from maskedface import geometry
    >>> points = geometry.alignment_points("arcface", 112, 157)  # somebody made it 1.4 times as wide
    >>> face = geometry.FacePoints(points, pixel_aspect=112 / 157)
    >>> matrix = geometry.chip_matrix(112, 157, source=face, target="arcface", size=112)
    >>> matrix.diagonal().round(2).tolist()  # pixels of the image, across and down, a pixel of the face
    [1.4, 1.0]

    Attributes:
        points: float array, shape (5, 2), (x, y) in pixels of the image.
        pixel_aspect: float > 0, the width of a pixel relative to its height: 0.7 if an image was
            resized to 1.4 times its width.
    """

    points: np.ndarray
    pixel_aspect: float = 1.0


Source = str | np.ndarray | FacePoints
"""A face's position: the name of an alignment, five landmarks, or these with the pixel aspect."""


def pixel_aspect(points: np.ndarray) -> float:
    """The pixel aspect with which five landmarks are most similar to a frontal face.

    The estimate from a single face is unreliable, since a turned head is narrow and a raised one
    short; use the median over many images that were resized in the same way
    (`landmarks.squash.with_pixel_aspects`).

    Args:
        points: float array, shape (5, 2), (x, y) in pixels of the image.

    Returns:
        float in [0.37, 2.7]: among 109 values in steps of 1.9 %, the one with the least distance,
        relative to the face size, to the ArcFace alignment.
    """
    front = alignment_points("arcface", 112, 112)
    front = front - front.mean(axis=0)
    x, y = (np.asarray(points, "float64") - np.mean(points, axis=0)).T
    logs = np.linspace(-1, 1, 109)
    wide = np.exp(logs)[:, None] * x
    # The best turn and scale of the front is its product with the face, as complex numbers: it leaves the
    # least where it carries most of the face.
    real, imaginary = wide @ front[:, 0] + y @ front[:, 1], front[:, 0] @ y - wide @ front[:, 1]
    carried = (real**2 + imaginary**2) / ((wide**2).sum(axis=1) + (y**2).sum())
    return float(np.exp(logs[carried.argmax()]))


def chip_matrix(
    height: int,
    width: int,
    *,
    source: Source,
    target: str,
    size: int,
    fit: Fit = "similarity",
) -> np.ndarray:
    """The matrix with which `warp` produces a model's input from an image.

    >>> from maskedface import geometry
    >>> matrix = geometry.chip_matrix(224, 224, source="vggface2", target="vggface2", size=112)
    >>> matrix.tolist()  # every second pixel
    [[2.0, 0.0, 0.5], [0.0, 2.0, 0.5]]

    Args:
        height, width: int, the image's size in pixels.
        source: the image's alignment, a key of `ALIGNMENTS`; or the five landmarks of this image,
            shape (5, 2), with or without a pixel aspect; or "" if unknown: the whole image then
            fills the chip.
        target: the model's alignment, a key of `ALIGNMENTS`.
        size: int, height and width of the chip in pixels.
        fit: how five landmarks are fitted: "similarity" (`similarity`), or "affine" (`affine`) for
            an image with a changed aspect ratio. It has no effect if `source` is a name.

    Returns:
        float64 array, shape (2, 3): image pixel = matrix @ (chip x, chip y, 1).

    Raises:
        ValueError: for an unknown alignment or fit, or points that cannot be fitted.
    """
    if fit not in get_args(Fit):
        raise ValueError(
            f"fit must be one of {get_args(Fit)}. "
            f"Received: fit={fit!r}{did_you_mean(fit, get_args(Fit))}"
        )
    if isinstance(source, str):
        return _alignment_matrix(height, width, source, target, size).copy()
    found = source if isinstance(source, FacePoints) else FacePoints(source)
    if not (found.pixel_aspect > 0 and math.isfinite(found.pixel_aspect)):
        raise ValueError(
            f"pixel_aspect must be above 0. Received: pixel_aspect={found.pixel_aspect!r}"
        )
    square = np.array([found.pixel_aspect, 1.0])
    points = alignment_points(target, size, size)
    fitted = (affine if fit == "affine" else similarity)(points, np.asarray(found.points) * square)
    return np.asarray(fitted / square[:, None])


@functools.lru_cache(1024)  # most files of a folder have one size
def _alignment_matrix(height: int, width: int, source: str, target: str, size: int) -> np.ndarray:
    if source in ("", target):
        return _whole(height, width, size)
    return similarity(alignment_points(target, size, size), alignment_points(source, height, width))


@functools.lru_cache(1024)
def _whole(height: int, width: int, size: int) -> np.ndarray:
    """The matrix of a chip that shows the whole image."""
    across, down = width / size, height / size
    return np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5]])


def warp(
    image: np.ndarray, matrix: np.ndarray, size: int, *, out: np.ndarray | None = None
) -> np.ndarray:
    """Warps an image to a square chip; beyond the image, its edge is repeated.

    >>> from maskedface import geometry, synthetic
    >>> photo = synthetic.draw_face(0, 0, masked=False)  # 112 px, aligned as ArcFace's faces
    >>> matrix = geometry.chip_matrix(112, 112, source="arcface", target="dlib", size=150)
    >>> geometry.warp(photo, matrix, 150).shape
    (150, 150, 3)

    Args:
        image: uint8 array, shape (height, width, 3), or with 4 channels, of which the last is
            ignored.
        matrix: float array, shape (2, 3): image pixel = matrix @ (chip x, chip y, 1).
        size: int, height and width of the chip in pixels.
        out: uint8 array, shape (size, size, 3), contiguous, filled and returned; None allocates a
            new one.

    Returns:
        uint8 array, shape (size, size, 3), with bilinear interpolation; an image with more than
        twice the chip's resolution is first downsampled by averaging.
    """
    matrix = np.array(matrix, dtype="float64")
    (a, b, _), (c, d, _) = matrix.tolist()
    step = int(math.sqrt(abs(a * d - b * c)) + 1e-6)  # image pixels a chip pixel, one way
    if step >= 2:
        height, width = (-(-side // step) for side in image.shape[:2])
        lower, right = height * step - image.shape[0], width * step - image.shape[1]
        if lower or right:
            image = cv2.copyMakeBorder(image, 0, lower, 0, right, cv2.BORDER_REPLICATE)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        matrix[:, 2] = (matrix[:, 2] + 0.5) / step - 0.5  # pixel centers are at integers
        matrix[:, :2] /= step
    image = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    if abs(matrix - _whole(height, width, size)).max() < 1e-9:
        # The same function but for its rounding, in half the time.
        chip = cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)
        return _three_channels(chip, out)
    if image.shape[2] == 3 and image.shape[0] * image.shape[1] > 4 * size * size:
        return _three_channels(
            _warp(image, matrix, size), out
        )  # a small face in a large photograph
    # The same values in less than half of OpenCV 5's time: it is quicker with four channels than with
    # three, and where it need not look for the right and lower edge.
    beyond = [
        x + (max(along, 0) + max(across, 0)) * (size - 1) + 2 - side
        for (along, across, x), side in zip(matrix.tolist(), image.shape[1::-1], strict=True)
    ]
    right, lower = (int(min(max(pixels, 0), size)) for pixels in beyond)
    if image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
    image = cv2.copyMakeBorder(image, 0, lower, 0, right, cv2.BORDER_REPLICATE)
    return _three_channels(_warp(image, matrix, size), out)


def _three_channels(chip: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    if chip.shape[2] == 4:
        return cv2.cvtColor(chip, cv2.COLOR_RGBA2RGB, dst=out)
    if out is None:
        return chip
    out[:] = chip
    return out


def _warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    return cv2.warpAffine(
        image,
        matrix,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
