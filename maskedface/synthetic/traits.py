"""Random traits of a drawn person, and random properties of a photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_type_hints

import numpy as np

from maskedface.synthetic.colors import HAIRS, IRISES, SKINS, Color, mix

_Kind = TypeVar("_Kind")

# Where hair ends on the forehead, left to right: x in half face widths, y below the hairline.
HAIRLINES: dict[str, tuple[tuple[float, float], ...]] = {
    "short": ((-1, 30), (-0.88, 14), (-0.62, 2), (0, 0), (0.62, 2), (0.88, 14), (1, 30)),
    "parted": ((-1, 32), (-0.9, 16), (-0.6, 0), (-0.42, -9), (0.1, 3), (0.8, 13), (1, 34)),
    "fringe": ((-1, 40), (-0.94, 18), (-0.6, 10), (-0.2, 12), (0.6, 11), (0.94, 17), (1, 40)),
    "centre": ((-1, 44), (-0.94, 26), (-0.6, 7), (0, -12), (0.6, 7), (0.94, 26), (1, 44)),
    "peak": ((-1, 28), (-0.9, 8), (-0.55, -6), (0, 4), (0.55, -6), (0.9, 8), (1, 28)),
    "curly": ((-1, 34), (-0.86, 13), (-0.5, 4), (0, 1), (0.5, 4), (0.86, 13), (1, 34)),
}


# A field's range stands in its annotation: two numbers to draw between, or a tuple to choose from.
# Eyes and brows differ little between people and move much between photos: dlib's frozen network
# then ranks about 3 of 4 masked faces right among 16 people, which leaves room to learn.
@dataclass(frozen=True)
class Traits:
    """The traits of a person. Lengths are in pixels of the alignment, y points downwards."""

    tone: Annotated[float, 0, len(SKINS) - 1.001]
    hair_color: Annotated[int, tuple(range(len(HAIRS)))]
    eye_color: Annotated[int, tuple(range(len(IRISES)))]
    brow_dark: Annotated[float, 0.3, 0.6]
    lip_red: Annotated[float, 0.25, 0.65]
    style: Annotated[str, tuple(HAIRLINES)]
    hairline: Annotated[float, 16, 29]
    long: Annotated[float, (0, 0, 0, 92, 130)]  # y to which hair falls behind the face
    part: Annotated[int, (-1, 1)]  # the side that a parting lies on
    width: Annotated[float, 39, 44.5]  # half the face's
    jaw: Annotated[float, 0.7, 0.9]  # share of the width
    chin: Annotated[float, 107, 115]  # y
    chin_width: Annotated[float, 0.3, 0.52]  # share of the width
    eye_gap: Annotated[float, -1.4, 1.4]  # outwards from the alignment
    eye_width: Annotated[float, 7.6, 9.6]
    eye_height: Annotated[float, 4, 5.9]
    eye_tilt: Annotated[float, -1.1, 1.6]  # outer corner upwards
    eye_arc: Annotated[float, 1.7, 2.6]  # power of the upper lid's arc: 2 = parabola
    iris: Annotated[float, 4, 5]
    crease: Annotated[float, (0, 1.6, 2.8)]  # height of the fold above the eye
    lashes: Annotated[float, 1.1, 2.1]
    brow_y: Annotated[float, -12, -9.2]  # from the eye
    brow_size: Annotated[float, 2.2, 3.8]
    brow_arch: Annotated[float, 0.8, 2.8]
    brow_tilt: Annotated[float, -1.2, 0.4]
    brow_length: Annotated[float, 9.3, 11.2]
    nose_width: Annotated[float, 5, 9.5]
    nose_y: Annotated[float, 72, 77.5]
    bridge: Annotated[float, 1.5, 4]
    mouth_width: Annotated[float, 12.4, 16.8]
    lip_size: Annotated[float, 1.4, 4]
    beard: Annotated[float, (0, 0, 0, 0.35, 0.8)]  # how thick
    glasses: Annotated[int, (0, 0, 0, 0, 2, 5)]  # 2 = round, 5 = nearly square
    freckles: Annotated[int, (0, 0, 0, 12)]

    @property
    def skin(self) -> Color:
        return mix(SKINS[int(self.tone)], SKINS[int(self.tone) + 1], self.tone % 1)

    @property
    def hair(self) -> Color:
        # Dark skin goes with the dark half of the hair colors and with gray.
        return HAIRS[self.hair_color % 5 if self.tone > 2 else self.hair_color]

    @property
    def brow(self) -> Color:
        return mix(self.hair, (40, 28, 26), self.brow_dark)


@dataclass(frozen=True)
class Shot:
    """The properties of a photo: pose, expression, clothing, lighting."""

    turn: Annotated[float, -4, 4]  # pixels that the head's rim moves against the features
    tilt: Annotated[float, -0.07, 0.07]  # radians
    scale: Annotated[float, 0.96, 1.05]
    right: Annotated[float, -1.8, 1.8]
    down: Annotated[float, -1.8, 1.8]
    open: Annotated[float, 0.55, 1.15]  # the eyes
    gaze: Annotated[float, -1.8, 1.8]
    brows: Annotated[float, -2.6, 2.6]
    smile: Annotated[float, -2.5, 4]
    gape: Annotated[float, -5, 6]
    hat: Annotated[int, (0, 0, 1)]
    glasses: Annotated[int, (0, 1)]  # whether a person with glasses wears them
    gain: Annotated[float, 0.8, 1.15]
    from_left: Annotated[float, -0.22, 0.22]
    from_above: Annotated[float, -0.15, 0.15]
    red: Annotated[float, 0.93, 1.07]
    blue: Annotated[float, 0.9, 1.1]
    gamma: Annotated[float, 0.9, 1.12]
    blur: Annotated[float, 0, 0.25]
    noise: Annotated[float, 1, 6]


_hints: Callable[..., dict[str, Any]] = cache(get_type_hints)


def drawn(kind: type[_Kind], rng: np.random.Generator) -> _Kind:
    """Random traits or a random shot: each field is between its two numbers or one of its tuple."""
    values = {}
    for name, hint in _hints(kind, include_extras=True).items():
        limits = hint.__metadata__
        among = len(limits) == 1
        values[name] = limits[0][rng.integers(len(limits[0]))] if among else rng.uniform(*limits)
    return kind(**values)
