"""Crops that the aligner is trained with: masked, squashed, turned, cut tightly, covered, blurred."""

from __future__ import annotations

import cv2
import numpy as np
from aligner_negatives import CANVAS, developed, no_face

from maskedface.landmarks.aligner import SECOND, SIZE
from maskedface.masking import STYLES
from maskedface.masking.bank import MaskBank
from maskedface.masking.patches import draw_patches

ZOOM = 1.2  # canvas pixels a pixel of the 112-px ArcFace alignment
PLACE = np.array(
    [[ZOOM, 0, 96 - 56 * ZOOM], [0, ZOOM, 96 - 62 * ZOOM]]
)  # canvas = PLACE @ (x, y, 1)
VARIANTS = 24  # masks drawn of each style
MASKED = 4  # of them on each photograph


class Samples:
    """Endless batches of crops: functions of (seed, step) alone."""

    def __init__(
        self,
        images: np.ndarray,
        points: np.ndarray,
        worn: np.ndarray,
        seed: int,
        no_faces: float = 0.1,
    ) -> None:
        self.images, self.points, self.worn, self.seed = images, points, worn, seed
        self.no_faces = no_faces
        bank = MaskBank(draw_patches(STYLES, PLACE, CANVAS, variants=VARIANTS, seed=seed), PLACE)
        rng = np.random.default_rng([seed, 0, 0])
        self.masked = np.empty((MASKED, *images.shape), "uint8")
        for view in self.masked:
            choice = rng.integers(len(bank), size=len(images))
            for start in range(0, len(images), 256):
                part = slice(start, start + 256)
                view[part] = bank.lay(images[part], choice[part])

    def batch(self, step: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Crops, shape (size, 112, 112, 3), and targets, shape (size, 12): the points as shares, whether it
        is a face, and the weight of its points: 0 for worn masks, whose points no teacher knows."""
        rng = np.random.default_rng([self.seed, step])
        rows = rng.integers(len(self.images), size=size)
        if self.worn.any():  # a tenth of the faces
            some = rng.random(size) < 0.1
            rows[some] = rng.choice(np.flatnonzero(self.worn), some.sum())
        views = np.where(rng.random(size) < 0.6, rng.integers(MASKED, size=size), -1)
        views[self.worn[rows]] = -1
        crops = np.empty((size, SIZE, SIZE, 3), "uint8")
        targets = np.zeros((size, 12), "float32")
        for n, (row, view) in enumerate(zip(rows, views, strict=True)):
            canvas = self.images[row] if view < 0 else self.masked[view, row]
            if n < size * self.no_faces:
                crops[n] = no_face(canvas, self.points[row], rng)
                targets[n, :10] = 0.5
                continue
            crops[n], points, side = one_crop(canvas, self.points[row], rng, n % 2 == 0)
            targets[n, :10] = points.ravel()
            targets[n, 10] = 1
            targets[n, 11] = 0 if self.worn[row] else side
        return crops, targets


def one_crop(
    canvas: np.ndarray, points: np.ndarray, rng: np.random.Generator, coarse: bool
) -> tuple[np.ndarray, np.ndarray, float]:
    """A crop as the first pass sees it, or as the second does; points as shares of its side; the weight
    that makes small faces count as large ones."""
    middle = points.mean(0)
    squash = np.exp(rng.uniform(-0.4, 0.4) * (rng.random() < 0.6) * np.array([0.5, -0.5]))
    if coarse:
        lean = rng.normal(0, 0.3) if rng.random() < 0.8 else rng.uniform(-1.2, 1.2)
        turn = rng.normal(0, 0.12)
        span = 112 * ZOOM * np.exp(rng.uniform(-0.25, 0.85))  # canvas pixels across the crop
        shift = rng.uniform(-0.16, 0.16, 2) * span
    else:
        lean, turn = rng.normal(0, 0.12), rng.normal(0, 0.07)
        span = SECOND * ZOOM * np.exp(rng.normal(0, 0.1))
        shift = rng.normal(0, 0.03, 2) * span
    left, top, right, bottom = 0, 0, CANVAS, CANVAS
    if rng.random() < 0.5:  # an image that was cut tightly
        low, high = points.min(0), points.max(0)
        reach = high - low
        left, top = (low - reach * rng.uniform((-0.05, 0.1), (0.9, 1.1))).clip(0).astype(int)
        right, bottom = (
            (high + reach * rng.uniform((-0.05, -0.1), (0.9, 0.8))).clip(0, CANVAS).astype(int)
        )
        if coarse:  # and is looked at whole
            span = max(right - left, bottom - top) * np.exp(rng.uniform(-0.15, 0.5))
            middle, shift = np.array([left + right, top + bottom]) / 2, shift * 0.3
    # canvas -> lean, squash, turn -> crop
    a = rotation(turn) @ np.diag(squash) @ rotation(lean) * (SIZE / span)
    offset = np.array([SIZE / 2, SIZE / 2]) - a @ (middle + shift)
    cut = np.ascontiguousarray(canvas[top:bottom, left:right])
    if rng.random() < 0.2:
        cut = covered(cut, points - (left, top), rng)
    offset = offset + a @ np.array([left, top])
    crop = cv2.warpAffine(
        cut, np.column_stack([a, offset]), (SIZE, SIZE), flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    placed = (points - (left, top)) @ a.T + offset
    if rng.random() < 0.5:
        crop, placed = crop[:, ::-1], placed[[1, 0, 2, 4, 3]] * (-1, 1) + (SIZE - 1, 0)
    weight = np.sqrt(np.linalg.det(a)) * 112 * ZOOM / SIZE  # the face's share of the crop
    return developed(crop, rng), (placed + 0.5) / SIZE, float(1 / weight)


def rotation(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def covered(image: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Something before the face: a cap down to the brows, dark glasses, or a blob somewhere."""
    image = image.copy()
    reach = np.linalg.norm(points[1] - points[0])
    kind = rng.random()
    if kind < 0.3:
        across = (points[1] - points[0]) / reach
        up = np.array([across[1], -across[0]])
        brim = points[:2].mean(0) + up * reach * rng.uniform(0.12, 0.6)
        corners = [brim - 9 * reach * across, brim + 9 * reach * across]
        corners += [corners[1] + 9 * reach * up, corners[0] + 9 * reach * up]
        shade = rng.integers(0, 90, 3) if rng.random() < 0.6 else rng.integers(0, 256, 3)
        cv2.fillPoly(image, [np.array(corners).astype("int32")], shade.tolist())
        return image
    if kind < 0.55:
        for eye in points[:2]:
            axes = (reach * rng.uniform((0.3, 0.22), (0.48, 0.4))).astype(int)
            cv2.ellipse(
                image,
                eye.astype(int).tolist(),
                axes.tolist(),
                0,
                0,
                360,
                rng.integers(0, 60, 3).tolist(),
                -1,
            )
        return image
    place = points[rng.integers(5)] + rng.normal(0, 0.5 * reach, 2)
    axes = (reach * rng.uniform(0.2, 0.7, 2)).astype(int) + 1
    color = (
        rng.integers(0, 256, 3)
        if rng.random() < 0.5
        else np.array([rng.integers(120, 240), rng.integers(90, 190), rng.integers(70, 170)])
    )
    cv2.ellipse(
        image,
        place.astype(int).tolist(),
        axes.tolist(),
        rng.uniform(0, 180),
        0,
        360,
        color.tolist(),
        -1,
    )
    return image
