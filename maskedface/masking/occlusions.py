"""What else hides a face: sunglasses, hats, a hand. Painted like masks, as transparent patches."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from maskedface.masking import fabric
from maskedface.masking.sheet import Fit, Sheet

Painted = tuple[np.ndarray, np.ndarray]  # color (height, width, 3), 0-255; cover (height, width)
_CLOTH = (
    (44, 45, 50),
    (48, 62, 100),
    (160, 52, 58),
    (112, 120, 84),
    (152, 154, 160),
    (214, 206, 190),
)
_FRAMES = ((24, 24, 26), (60, 42, 34), (150, 128, 84), (190, 192, 196), (112, 26, 34))
_LENSES = ((22, 22, 24), (48, 34, 26), (30, 44, 38), (52, 56, 66), (34, 40, 70))
# Light to dark skin, in the light that a patch is painted for (`masking.light`).
_SKIN = (
    (232, 196, 172),
    (214, 170, 140),
    (190, 142, 110),
    (150, 104, 78),
    (108, 72, 54),
    (76, 52, 42),
)


@dataclass(frozen=True)
class Occlusion:
    """A style that is no mask: a `Style` with a fit and a reach of its own.

    Attributes:
        name: str.
        painter: function (sheet, rng) -> (color, cover), as the first two of `Style.paint`.
    """

    name: str
    painter: Callable[[Sheet, np.random.Generator], Painted]

    reach = ((-52.0, 164.0), (-90.0, 168.0))

    def paint(
        self, sheet: Sheet, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `Style.paint`, without straps."""
        color, cover = self.painter(sheet, rng)
        return color, cover, np.zeros_like(cover)

    def fit(self, rng: np.random.Generator) -> Fit:
        """A random fit: shifted by up to 3 alignment pixels, tilted by up to 5 degrees, and the
        head turned as under a mask."""
        down, tilt = rng.uniform(-3, 3), rng.uniform(-0.08, 0.08)
        return dataclasses.replace(Fit.random(rng), nose=down, flat=0.0, chin=down, tilt=tilt)


def sunglasses(sheet: Sheet, rng: np.random.Generator) -> Painted:
    """Two dark lenses, round to square, in a frame with a bridge and temples."""
    wide, high, power = rng.uniform(13, 17.5), rng.uniform(10, 15), rng.uniform(2, 4)
    middle, y = 19.0, sheet.y - rng.uniform(52, 56)
    x = np.abs(sheet.x) - middle
    # The lens is lower outside, as an aviator's, or straight.
    x = x + rng.uniform(-0.25, 0.1) * y
    away = (np.abs(x / wide) ** power + np.abs(y / high) ** power) ** (1 / power) - 1
    away = away * min(wide, high)
    rim = rng.uniform(0.8, 3.0)
    lens = sheet.edge(away) * rng.uniform(0.8, 1.0)
    bar = np.maximum(np.abs(y + 0.45 * high) - rim / 2, np.abs(sheet.x) - middle + 0.8 * wide)
    temple = np.abs(y + 0.5 * high) - rim / 2
    for end in (middle + wide - np.abs(sheet.x), np.abs(sheet.x) - 44):  # from the lens to the ear
        temple = np.maximum(temple, end)
    frame = np.maximum(sheet.edge(np.abs(away) - rim / 2), sheet.edge(bar))
    frame = np.maximum(frame, sheet.edge(temple))
    glass = _one_of(_LENSES, rng) * (1 + rng.uniform(0, 0.8) * (y / high)[..., None].clip(-1, 1))
    shine = np.exp(-(((x + y + rng.uniform(-8, 8)) / rng.uniform(3, 8)) ** 2))
    glass = glass + (rng.uniform(0, 70) * shine)[..., None]
    color = glass + frame[..., None] * (_one_of(_FRAMES, rng) - glass)
    return color, np.maximum(lens, frame)


def cap(sheet: Sheet, rng: np.random.Generator) -> Painted:
    """A cap down to the forehead or the brows, with a peak over it."""
    edge = rng.uniform(14, 30) + rng.uniform(-2, 6) * (sheet.x / 40) ** 2
    cloth = _one_of(_CLOTH, rng)
    crown = _dome(sheet, edge, rng)
    light = 1 + fabric.bulge(sheet, 0.2, rng) + 0.1 * np.cos(sheet.x * np.pi / 16)
    reach = rng.uniform(7, 14)  # the peak, seen from the front
    below = sheet.y - edge - reach * (1 - (sheet.x / rng.uniform(40, 50)) ** 2)
    peak = np.minimum(sheet.edge(below), sheet.edge(edge - 4 - sheet.y))
    peak_light = (rng.uniform(0.5, 0.9) - 0.02 * (sheet.y - edge))[..., None]
    color = cloth * light[..., None]
    peak_cloth = cloth if rng.random() < 0.7 else _one_of(_CLOTH, rng)
    return color + peak[..., None] * (peak_cloth * peak_light - color), np.maximum(crown, peak)


def beanie(sheet: Sheet, rng: np.random.Generator) -> Painted:
    """A knitted hat down to the forehead or the brows, over the ears."""
    edge = rng.uniform(16, 36) + rng.uniform(0, 8) * (sheet.x / 40) ** 2
    step, turned_up = rng.uniform(3, 5), rng.uniform(10, 20)
    light = 1 + 0.14 * np.cos(sheet.x * 2 * np.pi / step) + fabric.bulge(sheet, 0.2, rng)
    light = light - 0.2 * np.exp(-(((sheet.y - edge + turned_up) / 1.5) ** 2))
    cloth, ink = _one_of(_CLOTH, rng), _one_of(_CLOTH, rng)
    pattern = (fabric.plain, fabric.plain, fabric.stripes, fabric.print_of_leaves)[rng.integers(4)]
    share = pattern(sheet, rng)[..., None]
    return (cloth + share * (ink - cloth)) * light[..., None], _dome(sheet, edge, rng)


def hand(sheet: Sheet, rng: np.random.Generator) -> Painted:
    """A hand over mouth, cheek or eye: a palm and four fingers."""
    side = rng.choice((-1, 1))
    palm = np.array([side * rng.uniform(14, 46), rng.uniform(84, 112)])
    size = rng.uniform(0.85, 1.15)
    towards = np.array([-side * rng.uniform(-6, 26), rng.uniform(44, 84)]) - palm
    ahead = towards / np.hypot(*towards)
    across = np.array([-ahead[1], ahead[0]])
    light, cover = np.zeros_like(sheet.x), np.zeros_like(sheet.x)
    spread = rng.uniform(0.0, 0.16)
    parts = [(palm - 14 * size * ahead, palm + 4 * size * ahead, 19 * size)]
    for number, reach in enumerate((26.0, 31.0, 29.0, 22.0)):
        place = (number - 1.5) * 9.2 * size
        root = palm + 8 * size * ahead + place * across
        way = ahead + (number - 1.5) * spread * across
        length = size * reach * rng.uniform(0.8, 1.1)
        parts.append((root, root + length * way / np.hypot(*way), 4.9 * size))
    for start, end, radius in parts:  # later ones lie on top
        away = _to_segment(sheet, start, end)
        share = sheet.edge(away - radius)
        round_off = 1.04 - 0.42 * (away / radius).clip(0, 1.2) ** 4
        light = light + share * (round_off - light)
        cover = np.maximum(cover, share)
    return _one_of(_SKIN, rng) * light[..., None], cover


def _dome(sheet: Sheet, edge: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The cover of a hat: all of the head above an edge."""
    head = np.hypot(sheet.x / rng.uniform(52, 60), (sheet.y - edge) / rng.uniform(56, 80)) - 1
    cover: np.ndarray = np.minimum(sheet.edge(sheet.y - edge), sheet.edge(head * 50))
    return cover


def _to_segment(sheet: Sheet, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The distance of each pixel to a line segment."""
    x, y, (dx, dy) = sheet.x - start[0], sheet.y - start[1], end - start
    along = ((x * dx + y * dy) / (dx * dx + dy * dy)).clip(0, 1)
    distance: np.ndarray = np.hypot(x - along * dx, y - along * dy)
    return distance


def _one_of(colors: tuple[tuple[int, int, int], ...], rng: np.random.Generator) -> np.ndarray:
    varied: np.ndarray = np.array(colors[rng.integers(len(colors))]) * rng.uniform(0.88, 1.1)
    return varied


OCCLUSIONS = (
    Occlusion("sunglasses", sunglasses),
    Occlusion("cap", cap),
    Occlusion("beanie", beanie),
    Occlusion("hand", hand),
)
"""What hides a face but is no mask. Tuple of `Occlusion`."""
