"""Crops without a face that the aligner is trained with, and how all its crops are developed."""

from __future__ import annotations

import cv2
import numpy as np

from maskedface.landmarks.aligner import SIZE

CANVAS = 192  # pixels a side of a stored face, with its surroundings


def developed(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The crop as a camera and the web leave it."""
    if rng.random() < 0.35:
        small = int(rng.integers(28, 90))
        crop = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
        crop = cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.25:
        crop = cv2.GaussianBlur(np.ascontiguousarray(crop), (0, 0), rng.uniform(0.4, 2.2))
    if rng.random() < 0.7:
        values = np.arange(256) / 255.0
        values = values ** np.exp(rng.normal(0, 0.3))
        values = (values - 0.5) * np.exp(rng.normal(0, 0.2)) + 0.5 + rng.normal(0, 0.06)
        tables = [(values * np.exp(rng.normal(0, 0.06)) * 255).clip(0, 255) for _ in range(3)]
        crop = cv2.LUT(np.ascontiguousarray(crop), np.stack(tables, 1).astype("uint8")[None])
    if rng.random() < 0.12:
        crop = np.repeat(
            cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY)[..., None], 3, 2
        )
    if rng.random() < 0.2:
        noise = rng.normal(0, rng.uniform(2, 14), crop.shape)
        crop = (crop + noise).clip(0, 255).astype("uint8")
    if rng.random() < 0.3:
        quality = int(rng.integers(15, 80))
        data = cv2.imencode(
            ".jpg", np.ascontiguousarray(crop), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )[1]
        crop = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return crop


def noise(rng: np.random.Generator) -> np.ndarray:
    """Noise of any fineness, contrast and smoothness: cells, or clouds of one or several sizes."""
    channels = int(rng.choice((1, 3)))
    if rng.random() < 0.5:
        cells = int(np.exp(rng.uniform(np.log(2), np.log(260))))
        shape = (cells, cells, channels)
        values = rng.random(shape) if rng.random() < 0.5 else rng.normal(0.5, 0.25, shape)
        if rng.random() < 0.2:
            values = (values > rng.uniform(0.2, 0.8)).astype(float)
        ways = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA)
        way = int(rng.choice(ways))
        values = np.asarray(cv2.resize(values.astype("float32"), (SIZE, SIZE), interpolation=way))
    else:
        values = np.zeros((SIZE, SIZE, channels), "float32")
        for _ in range(rng.integers(1, 5)):
            field = rng.normal(0, 1, (SIZE, SIZE, channels)).astype("float32")
            sigma = float(np.exp(rng.uniform(0, 3.2)))
            field = np.asarray(cv2.GaussianBlur(field, (0, 0), sigma))
            values += (field / max(float(field.std()), 1e-6)).reshape(values.shape)
        if rng.random() < 0.4:
            values = np.sin(values * rng.uniform(1, 8))
    values = values.reshape(SIZE, SIZE, channels)
    values = (values - values.mean()) / max(float(values.std()), 1e-6)
    image = rng.uniform(40, 215) + values * np.exp(rng.uniform(np.log(3), np.log(90)))
    return np.repeat(image, 3 // channels, 2).clip(0, 255).astype("uint8")


def no_face(canvas: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An image that shows no face: a part of one without eyes and nose together, a face in pieces, noise, a
    texture, flat shapes."""
    kind = int(rng.choice((0, 0, 0, 1, 2, 3, 3, 4, 5)))
    if kind == 0:  # what lies round the face: background, hair, neck, clothes
        middle = points.mean(0)
        reach = 1.1 * np.ptp(points, axis=0).max()
        side = int(rng.integers(20, 60))
        while True:
            left, top = rng.integers(8, CANVAS - side - 8, 2)
            if np.abs(middle - (left + side / 2, top + side / 2)).max() > reach / 2 + side / 3:
                break
        image = canvas[top : top + side, left : left + side]
    elif kind == 1:  # a small part of the face alone: a cheek, the mask, the forehead
        side = int(rng.integers(14, 34))
        left, top = rng.integers(30, CANVAS - side - 30, 2)
        image = canvas[top : top + side, left : left + side]
    elif kind == 2:  # pieces in another order
        count = int(rng.choice((3, 4, 6, 8)))
        side = CANVAS // count
        pieces = [canvas[y * side : y * side + side, x * side : x * side + side]
                  for y in range(count) for x in range(count)]  # fmt: skip
        order = rng.permutation(len(pieces))
        image = np.concatenate(
            [
                np.concatenate([pieces[order[y * count + x]] for x in range(count)], 1)
                for y in range(count)
            ]
        )
    elif kind == 3:
        image = noise(rng)
    elif kind == 4:  # stripes, checks, waves
        y, x = np.mgrid[:SIZE, :SIZE] / SIZE
        angle, waves = rng.uniform(0, np.pi), rng.uniform(1, 30)
        wave = np.sin(
            2 * np.pi * waves * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 6)
        )
        if rng.random() < 0.5:
            wave = wave * np.sin(
                2 * np.pi * rng.uniform(1, 30) * (y * np.cos(angle) - x * np.sin(angle))
            )
        if rng.random() < 0.5:
            wave = np.sign(wave)
        low, high = rng.uniform(0, 255, (2, 3))
        image = (low + (high - low) * (wave[..., None] + 1) / 2).astype("uint8")
    else:  # flat shapes
        image = np.full((SIZE, SIZE, 3), rng.integers(0, 256, 3), "uint8")
        for _ in range(rng.integers(0, 12)):
            place, axes = rng.integers(0, SIZE, 2), rng.integers(2, 50, 2)
            color = rng.integers(0, 256, 3).tolist()
            if rng.random() < 0.5:
                cv2.ellipse(
                    image, place.tolist(), axes.tolist(), rng.uniform(0, 180), 0, 360, color, -1
                )
            else:
                cv2.rectangle(image, place.tolist(), (place + axes).tolist(), color, -1)
    image = cv2.resize(np.ascontiguousarray(image), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    return developed(image, rng)
