"""Mask styles as data: outline, colors, patterns and details."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from maskedface.masking import fabric
from maskedface.masking.sheet import MIDDLE, Sheet, outline

Color = tuple[float, float, float]
Line = tuple[tuple[float, float], ...]


class Style(Protocol):
    """The interface of styles that a mask bank can draw: `MaskStyle`, `PictureStyle`, `Occlusion`.

    A style may have a method `fit(rng) -> Fit`; without one it is placed by `Fit.random`. It may
    have `reach`, the ranges of x and y of the alignment's pixels that it lies in; without it
    `masked_photos.REACH`.
    """

    @property
    def name(self) -> str:
        """The name, unique among the styles used together."""

    def paint(
        self, sheet: Sheet, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Paints one mask of the style.

        Args:
            sheet: the image in face coordinates.
            rng: the random generator for all variation.

        Returns:
            (the mask's color, float, 0-255, shape (height, width, 3); the coverage of each pixel by
            the mask; the coverage by its straps, both in [0, 1], shape (height, width)).
        """


@dataclass(frozen=True, kw_only=True)
class MaskStyle:
    """A mask style defined by parameters. Lengths are in face coordinates (`masking.sheet`).

    >>> import dataclasses
    >>> from maskedface import masking
    >>> mine = dataclasses.replace(masking.STYLES[0], name="orange", colors=((250, 140, 40),))
    >>> bank = masking.MaskBank.draw([mine], alignment="arcface", size=64, variants=2)
    >>> len(bank)
    2

    Args:
        name: str, the style's name.
        outline: ((x, y), ...), points of the right half, from the nose down to the chin, which are
            connected by a smooth curve and mirrored.
        colors: RGB colors, 0-255, one of which is selected and varied slightly.
        inks: RGB colors of the pattern.
        patterns: functions of `masking.fabric`, one of which is selected.
        pleats: int, number of horizontal folds.
        creases: float, depth of wrinkles, as a share of the light.
        bulge: float, the share of light lost at the sides, as the mask bulges.
        seam: float, step of the light at a vertical fold in the middle.
        fold: y of a horizontal fold, or None.
        border: float, width of the stitched edge, 0 for none.
        wire: bool, whether a nose wire is visible.
        valve: bool, whether there is an exhalation valve.
        lettering: bool, whether there is small print.
        straps: lines from the right edge to the ear or around the head, mirrored.
    """

    name: str
    outline: Line
    colors: tuple[Color, ...]
    inks: tuple[Color, ...] = ((40, 60, 120), (150, 40, 50), (30, 30, 36), (224, 224, 220))
    patterns: tuple[fabric.Pattern, ...] = (fabric.plain,)
    pleats: int = 0
    creases: float = 0.04
    bulge: float = 0.2
    seam: float = 0.0
    fold: float | None = None
    border: float = 0.0
    wire: bool = False
    valve: bool = False
    lettering: bool = False
    straps: tuple[Line, ...] = (((38.5, 68), (50, 58)), ((33, 98), (48, 68)))

    def paint(
        self, sheet: Sheet, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `Style.paint`."""
        shape = outline(self.outline)
        cover = sheet.fill(shape)
        pattern = self.patterns[rng.integers(len(self.patterns))]
        cloth, ink = _one_of(self.colors, rng), _one_of(self.inks, rng)
        share = pattern(sheet, rng)[..., None]
        light = 1 + fabric.bulge(sheet, self.bulge, rng) + fabric.creases(sheet, self.creases, rng)
        light += self._folds(sheet, rng)
        color = (cloth + share * (ink - cloth)) * light[..., None]
        if self.border:
            rim = cover - sheet.fill(
                shape * (1 - self.border / 40, 1) + _towards(shape, self.border)
            )
            color *= 1 - 0.14 * rim.clip(0, 1)[..., None]
        if self.lettering:
            stamp = 0.55 * _lettering(sheet, rng)[..., None]
            color += stamp * (cloth * 0.25 - color)
        if self.valve:
            color = _valve(sheet, color, rng)
        straps = np.zeros_like(cover)
        for line in self.straps:
            for side in (-1, 1):
                straps = np.maximum(straps, sheet.stroke(np.array(line) * (side, 1), 1.4))
        return color, cover, straps

    @property
    def reach(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The ranges of x and y of the alignment's pixels that the mask lies in."""
        x, y = np.concatenate([self.outline, *self.straps]).T
        side = 1.07 * x.max() + 15  # more than a fit, a shadow and blur add
        return (MIDDLE - side, MIDDLE + side), (y.min() - 15, y.max() + 18)

    def get_config(self) -> dict[str, Any]:
        """The Keras config.

        Raises:
            ValueError: if a pattern is not a function of `masking.fabric`.
        """
        names = [pattern.__name__ for pattern in self.patterns]
        if any(getattr(fabric, name, None) not in self.patterns for name in names):
            raise ValueError(f"patterns must be functions of masking.fabric. Received: {names}")
        return {**vars(self), "patterns": names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MaskStyle:
        """Restores a style from its config."""
        values = {name: _tuples(value) for name, value in config.items()}
        patterns = tuple(getattr(fabric, name) for name in config["patterns"])
        return cls(**{**values, "patterns": patterns})

    def _folds(self, sheet: Sheet, rng: np.random.Generator) -> np.ndarray:
        light = fabric.pleats(sheet, self.pleats, rng)
        if self.seam:
            light += self.seam * rng.uniform(-1, 1) * np.tanh(sheet.x / 1.5)
            light -= self.seam * np.exp(-((sheet.x / 0.8) ** 2))
        if self.fold is not None:
            away = sheet.y - self.fold - 3 * (sheet.x / 40) ** 2
            light -= 0.1 * np.tanh(away / 1.5) - 0.14 * np.exp(-((away / 1.2) ** 2))
        if self.wire:
            away = sheet.y - np.interp(np.abs(sheet.x), *np.array(self.outline[:5]).T) - 4
            inside = sheet.edge(np.abs(sheet.x) - 17)
            light += inside * 0.09 * (np.exp(-((away / 0.9) ** 2)) - np.exp(-((away / 2.5) ** 2)))
        return light


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _one_of(colors: tuple[Color, ...], rng: np.random.Generator) -> np.ndarray:
    """One of the colors, lighter or darker by up to 12 % and slightly shifted in hue."""
    color = np.array(colors[rng.integers(len(colors))])
    varied: np.ndarray = color * rng.uniform(0.88, 1.08) * rng.uniform(0.96, 1.04, 3)
    return varied


def _towards(shape: np.ndarray, width: float) -> np.ndarray:
    """The shift that makes an outline `width` smaller at the top and the bottom."""
    down = np.where(shape[:, 1] < shape[:, 1].mean(), width, -width)
    return np.stack([np.zeros(len(shape)), down], 1)


def _lettering(sheet: Sheet, rng: np.random.Generator) -> np.ndarray:
    """Three or four lines of small print on one half."""
    share, side = np.zeros_like(sheet.x), rng.choice((-1, 1))
    top, left = rng.uniform(78, 90), side * 18 - 10
    for row in range(rng.integers(2, 5)):
        x = left + rng.uniform(0, 3)
        while x < left + rng.uniform(14, 20):
            end = x + rng.uniform(1, 4)
            share += sheet.stroke([(x, top + 3.2 * row), (end, top + 3.2 * row)], 1.1)
            x = end + 1.2
    return share.clip(0, 1)


def _valve(sheet: Sheet, color: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A round or square plastic valve with slots, in the middle or on one side."""
    x = sheet.x - rng.choice((-15.0, 0.0, 15.0))
    y = sheet.y - rng.uniform(84, 92)
    power = rng.choice((2.0, 4.0))
    away = (np.abs(x) ** power + np.abs(y) ** power) ** (1 / power) - rng.uniform(7, 9)
    lid = np.array((216, 218, 218) if rng.random() < 0.7 else (60, 62, 66))
    lid = lid * (1 - 0.012 * y[..., None])
    slots = np.abs(np.abs(y) - 2.2) - 0.6
    dark = np.maximum(
        sheet.edge(np.maximum(slots, np.abs(x) - 4.5)), sheet.edge(np.abs(away) - 0.5)
    )
    color = color * (1 - 0.25 * sheet.edge(away - 1.5)[..., None])
    color = color + sheet.edge(away)[..., None] * (lid - color)
    lidded: np.ndarray = color * (1 - 0.3 * dark[..., None])
    return lidded


_HEAD = (((32, 76), (54, 62)), ((31, 94), (54, 92)))  # straps around the head

# Drawn by eye on the 112-px alignment.
_SURGICAL: Line = (
    (0, 60), (7, 60.5), (15, 63.5), (28, 65.5), (38, 66.5),
    (39, 78), (36, 92), (29, 104), (17, 110), (0, 112),
)  # fmt: skip
_FLAT: Line = (
    (0, 56), (5, 57.5), (13, 63), (26, 68), (36, 70.5),
    (38, 77), (34, 92), (25, 104), (12, 111), (0, 113),
)  # fmt: skip
_CUP: Line = (
    (0, 57), (6, 58), (15, 62), (27, 67), (34, 75), (35.5, 87), (31, 100), (19, 110), (0, 113.5),
)  # fmt: skip
_DUCK: Line = (
    (0, 58.5), (6, 59.5), (16, 64), (29, 69), (37, 73),
    (38, 80), (34, 93), (25, 105), (12, 110), (0, 111),
)  # fmt: skip
_CLOTH: Line = (
    (0, 59), (7, 60), (16, 64), (30, 66.5), (39, 67.5),
    (40, 80), (36, 95), (27, 107), (14, 113), (0, 114.5),
)  # fmt: skip
_SLEEK: Line = (
    (0, 55), (4, 56), (12, 61), (26, 64.5), (40, 64), (41, 69),
    (38, 84), (32, 98), (21, 109), (8, 114), (0, 115),
)  # fmt: skip

_WHITE, _GREY, _BLACK = (218, 220, 222), (152, 154, 160), (44, 45, 50)
_PALE_BLUE, _BLUE, _TEAL, _GREEN = (150, 186, 216), (108, 170, 218), (34, 178, 168), (132, 206, 176)
_PINK, _NAVY, _RED, _OLIVE = (232, 186, 200), (48, 62, 100), (160, 52, 58), (112, 120, 84)
_CLOTH_COLOURS = (_WHITE, _GREY, _BLACK, _PALE_BLUE, _PINK, _NAVY, _RED, _OLIVE, (208, 190, 160))

STYLES: tuple[MaskStyle, ...] = (
    MaskStyle(
        name="surgical", outline=_SURGICAL, pleats=3, wire=True, border=1.8, bulge=0.16,
        colors=(_BLUE, _PALE_BLUE, _BLUE, _GREEN, _WHITE, _PINK, _BLACK),
    ),
    MaskStyle(
        name="kn95", outline=_FLAT, seam=0.07, wire=True, border=1.5, lettering=True,
        colors=(_WHITE, _WHITE, _PALE_BLUE, _GREY, _BLACK, _PINK), creases=0.025,
    ),
    MaskStyle(
        name="ffp2", outline=_FLAT, seam=0.09, border=2.2,
        colors=(_WHITE, _WHITE, _GREY, _PALE_BLUE, _BLACK), creases=0.02,
    ),
    MaskStyle(
        name="n95", outline=_CUP, bulge=0.3, wire=True, border=1.5, lettering=True, straps=_HEAD,
        colors=(_WHITE, _TEAL, _PALE_BLUE, _GREY), creases=0.015,
    ),
    MaskStyle(
        name="n95_valve", outline=_CUP, bulge=0.3, wire=True, border=1.5, valve=True, straps=_HEAD,
        colors=(_WHITE, _WHITE, _GREY, _PALE_BLUE), creases=0.015,
    ),
    MaskStyle(
        name="duckbill", outline=_DUCK, bulge=0.2, fold=86.0, border=1.2, straps=_HEAD,
        colors=(_WHITE, _BLUE, _PALE_BLUE, _TEAL, (240, 180, 90)), creases=0.03,
    ),
    MaskStyle(name="cloth", outline=_CLOTH, colors=_CLOTH_COLOURS, creases=0.07, border=1.5),
    MaskStyle(
        name="cloth_pleated", outline=_CLOTH, colors=_CLOTH_COLOURS, pleats=2, creases=0.05,
        patterns=(fabric.plain, fabric.stripes, fabric.dots),
    ),
    MaskStyle(
        name="striped", outline=_CLOTH, colors=_CLOTH_COLOURS, patterns=(fabric.stripes,),
    ),
    MaskStyle(name="dotted", outline=_CLOTH, colors=_CLOTH_COLOURS, patterns=(fabric.dots,)),
    MaskStyle(
        name="checked", outline=_CLOTH, colors=(_WHITE, _PINK, _PALE_BLUE), patterns=(fabric.checks,),
    ),
    MaskStyle(
        name="printed", outline=_SLEEK, colors=_CLOTH_COLOURS, patterns=(fabric.print_of_leaves,),
        seam=0.03,
    ),
    MaskStyle(
        name="sleek", outline=_SLEEK, seam=0.09, creases=0.015, bulge=0.3, straps=(),
        colors=(_GREY, _BLACK, _WHITE, _PINK, _PALE_BLUE, _NAVY, _OLIVE),
    ),
)  # fmt: skip
"""The default styles: surgical, KN95 and FFP2, N95 with and without a valve, duckbill, and cloth
masks of several cuts and prints. Tuple of `MaskStyle`."""

_UNDER_NOSE: Line = (
    (0, 80), (7, 80), (15, 79), (28, 77), (38, 74.5),
    (39, 84), (36, 96), (29, 107), (17, 113), (0, 115),
)  # fmt: skip
_SCARF: Line = ((0, 74), (14, 73), (30, 70), (47, 66), (56, 80), (57, 112), (46, 122), (0, 126))

LOOSE_STYLES: tuple[MaskStyle, ...] = (
    MaskStyle(
        name="under_nose", outline=_UNDER_NOSE, pleats=3, border=1.8, bulge=0.16,
        colors=(_BLUE, _PALE_BLUE, _WHITE, _BLACK, _GREY),
    ),
    MaskStyle(
        name="scarf", outline=_SCARF, colors=_CLOTH_COLOURS, creases=0.14, bulge=0.3, straps=(),
        patterns=(fabric.plain, fabric.plain, fabric.stripes, fabric.checks),
    ),
)  # fmt: skip
"""What is worn loosely: a mask under the nose, a scarf over mouth and chin. Not among `STYLES`, which
the recipes draw. Tuple of `MaskStyle`."""
