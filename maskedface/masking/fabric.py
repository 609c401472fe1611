"""The fabric of masks: printed patterns, folds and creases, as functions of face coordinates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maskedface.masking.sheet import Sheet

Pattern = Callable[[Sheet, np.random.Generator], np.ndarray]


def plain(sheet: Sheet, rng: np.random.Generator) -> np.ndarray:
    """No ink. All patterns are functions (sheet, rng) -> share of ink, float64, shape (height,
    width)."""
    return np.zeros_like(sheet.x)


def stripes(sheet: Sheet, rng: np.random.Generator) -> np.ndarray:
    """Straight stripes of equal width, at a random angle."""
    angle, step = rng.uniform(0, np.pi), rng.uniform(4, 11)
    along = np.cos(angle) * sheet.x + np.sin(angle) * sheet.y
    return sheet.edge(_nearest(along, step) - rng.uniform(0.15, 0.25) * step)


def dots(sheet: Sheet, rng: np.random.Generator) -> np.ndarray:
    """Dots in rows, each shifted by half a step."""
    step = rng.uniform(5, 11)
    row = np.round(sheet.y / step)
    across = _nearest(sheet.x + row % 2 * step / 2, step)
    return sheet.edge(np.hypot(across, sheet.y - row * step) - rng.uniform(0.2, 0.36) * step)


def checks(sheet: Sheet, rng: np.random.Generator) -> np.ndarray:
    """Two crossing sets of half-transparent stripes, as if woven."""
    step = rng.uniform(4, 9)
    warp, weft = (sheet.edge(_nearest(way, step) - step / 4) for way in (sheet.x, sheet.y))
    woven: np.ndarray = (warp + weft) / 2
    return woven


def print_of_leaves(sheet: Sheet, rng: np.random.Generator) -> np.ndarray:
    """Irregular blotches and curls, like a camouflage or floral print."""
    wave = np.zeros_like(sheet.x)
    for _ in range(5):
        kx, ky = rng.normal(0, 0.33, 2)
        wave += np.sin(kx * sheet.x + ky * sheet.y + rng.uniform(0, 2 * np.pi))
    return sheet.edge((np.abs(wave) - rng.uniform(0.5, 0.9)) * 2)


def pleats(sheet: Sheet, count: int, rng: np.random.Generator) -> np.ndarray:
    """The light on `count` horizontal folds that sag and fade to the sides, to be added to 1."""
    light, step = np.zeros_like(sheet.x), 34 / (count + 1)
    sag, width = rng.uniform(1, 4), rng.uniform(0.9, 1.5)
    fade = (1.1 - (sheet.x / 40) ** 2).clip(0, 1)
    for n in range(count):
        away = sheet.y - (68 + step * (n + rng.uniform(0.8, 1.2)) + sag * (1 - (sheet.x / 40) ** 2))
        light -= rng.uniform(0.1, 0.22) * np.exp(-((away / width) ** 2)) * fade
        light += rng.uniform(0.03, 0.08) * np.exp(-(((away + 2.5) / 2.2) ** 2)) * fade
    return light


def creases(sheet: Sheet, depth: float, rng: np.random.Generator) -> np.ndarray:
    """The light on soft wrinkles, most of which run inwards from the ears, to be added to 1."""
    light = np.zeros_like(sheet.x)
    for _ in range(6):
        side, angle = rng.choice((-1, 1)), rng.normal(0, 0.45)
        x, y = sheet.x - side * rng.uniform(5, 34), sheet.y - rng.uniform(68, 106)
        along = np.cos(angle) * x + np.sin(angle) * y
        across = np.cos(angle) * y - np.sin(angle) * x
        fade = np.exp(-((along / rng.uniform(6, 14)) ** 2))
        light += rng.normal(0, depth) * np.exp(-((across / rng.uniform(1.2, 3)) ** 2)) * fade
    return light


def bulge(sheet: Sheet, depth: float, rng: np.random.Generator) -> np.ndarray:
    """The light on a mask that bulges: darker at the sides and below, to be added to 1."""
    u, v = sheet.x / 40, (sheet.y - 78) / 34
    light = 0.3 - 0.75 * u**2 - 0.5 * np.maximum(v, 0) ** 2 - 0.15 * np.minimum(v, 0) ** 2
    light += 0.25 * np.exp(-((sheet.x / 7) ** 2) - ((sheet.y - 72) / 12) ** 2)  # over the nose
    lit: np.ndarray = depth * (light + rng.uniform(-0.35, 0.35) * u)
    return lit


def _nearest(way: np.ndarray, step: float) -> np.ndarray:
    """The distance to the nearest integer multiple of a step."""
    return np.abs(way - np.round(way / step) * step)
