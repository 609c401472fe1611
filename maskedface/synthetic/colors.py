"""The colors of drawn people and their clothes, RGB, 0-255, and color mixing."""

from __future__ import annotations

from collections.abc import Sequence

Color = tuple[float, ...]

# Lightest to darkest; a person's skin lies anywhere between two neighbors.
SKINS = ((250, 221, 198), (236, 192, 158), (205, 150, 112), (152, 101, 70), (101, 66, 48))
HAIRS = (
    (30, 26, 28), (62, 42, 32), (104, 68, 42), (150, 146, 144), (84, 40, 52),
    (158, 112, 62), (214, 176, 110), (146, 62, 34),
)  # fmt: skip
IRISES = (
    (72, 44, 28), (112, 74, 36), (70, 112, 160), (84, 124, 84), (112, 124, 136), (40, 30, 28),
)  # fmt: skip
CLOTHS = (
    (120, 176, 214), (236, 238, 240), (46, 48, 54), (150, 206, 190), (226, 160, 178),
    (60, 84, 140), (178, 60, 62), (122, 140, 92), (232, 200, 120),
)  # fmt: skip


def rgb(color: Color) -> tuple[int, int, int]:
    red, green, blue = (int(min(max(value, 0), 255)) for value in color)
    return red, green, blue


def mix(first: Sequence[float], second: Sequence[float], share: float) -> Color:
    return tuple(a + (b - a) * share for a, b in zip(first, second, strict=True))


def shade(color: Color, factor: float) -> Color:
    return tuple(value * factor for value in color)
