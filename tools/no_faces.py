"""A written set of images without a face: noise, textures, scenery, what lies beside faces and below them.

`tools/fit_aligner_confidence.py` draws it with one seed and from people the aligner was trained on,
`tools/measure_alignment.py no_faces` with another and from people held out.
"""

from __future__ import annotations

import cv2
import numpy as np

from maskedface.landmarks.blazeface import BlazeFaceDetector

SIDE = 112


def no_faces(
    photographs: list[np.ndarray], *, seed: int, count: int = 200
) -> dict[str, list[np.ndarray]]:
    """Draws the set.

    Args:
        photographs: uint8 arrays, shape (height, width, 3): faces in the middle, 2 * count at least.
        seed: int.
        count: int, images a kind.

    Returns:
        {kind: uint8 images, shape (112, 112, 3)}; fewer than `count` where one shows a face.
    """
    rng = np.random.default_rng(seed)
    drawn = {
        "noise": [noise(rng) for _ in range(count)],
        "textures": [texture(rng) for _ in range(count)],
        "scenery": scenery(rng, count),
        "backgrounds": [corner(image, rng) for image in photographs[:count]],
        "bodies": [shoulders(image, rng) for image in photographs[count : 2 * count]],
    }
    for kind in ("backgrounds", "bodies"):
        drawn[kind] = without_bystanders(drawn[kind])
    return drawn


def without_bystanders(images: list[np.ndarray]) -> list[np.ndarray]:
    """Beside and below a face may be others': BlazeFace, which has no part in judging crops, sees them."""
    faces = BlazeFaceDetector(0.5)(images)
    return [image for image, found in zip(images, faces, strict=True) if not found]


def noise(rng: np.random.Generator) -> np.ndarray:
    cells = int(rng.integers(2, SIDE))
    image = rng.uniform(0, 255, (cells, cells, 3)).astype("uint8")
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def texture(rng: np.random.Generator) -> np.ndarray:
    """Clouds of several scales, folded into stripes or not: not the training's own textures."""
    image = np.zeros((SIDE, SIDE, 3))
    for octave in range(1, 7):
        cells = rng.uniform(-1, 1, (2**octave, 2**octave, 3)) / octave
        image += cv2.resize(cells, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.5:
        image = np.sin(image * rng.uniform(2, 12))
    image = (image - image.min()) / np.ptp(image)
    return np.asarray(image * rng.uniform(60, 255), "uint8")


def scenery(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    from sklearn.datasets import load_sample_images

    images = load_sample_images().images
    found = []
    for n in range(count):
        image = images[n % 2]
        side = int(rng.integers(40, min(image.shape[:2])))
        top, left = (int(rng.integers(0, length - side + 1)) for length in image.shape[:2])
        found.append(sized(image[top : top + side, left : left + side]))
    return found


def corner(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The upper corners of a photograph whose face is in the middle."""
    side = int(rng.integers(24, 42))
    left = int(rng.choice((0, image.shape[1] - side)))
    return sized(image[:side, left : left + side])


def shoulders(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The lower corners: neck, collar, shoulders, what is behind them."""
    side = int(rng.integers(28, 44))
    left = int(rng.choice((0, image.shape[1] - side)))
    return sized(image[-side:, left : left + side])


def sized(image: np.ndarray) -> np.ndarray:
    return cv2.resize(np.ascontiguousarray(image), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
