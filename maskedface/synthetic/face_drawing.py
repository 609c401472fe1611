"""One photo of one drawn person: traits that stay, a shot that changes, and the pen that draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_type_hints

import numpy as np
from PIL import Image, ImageDraw

_FINER = 4  # each pixel is drawn 4 x 4 times finer and averaged down: smooth edges

# Everything below is drawn in the pixels of the 112-px ArcFace alignment (`geometry.ALIGNMENTS`).
_EYES = ((38.29, 51.70), (73.53, 51.50))
_MIDDLE, _NOSE_Y, _MOUTH_Y = 56.0, 71.7, 92.3

# Catmull and Rom 1974: weights of four neighboring points at six steps between the middle two.
_SPLINE = (np.arange(6)[:, None] / 6) ** np.arange(4) @ np.array(
    [[0, 1, 0, 0], [-0.5, 0, 0.5, 0], [1, -2.5, 2, -0.5], [-0.5, 1.5, -1.5, 0.5]]
)
_TURN = np.arange(24) * (2 * np.pi / 24)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], 1)

_Color = tuple[float, ...]
# Lightest to darkest; a person's skin lies anywhere between two neighbors.
_SKINS = ((250, 221, 198), (236, 192, 158), (205, 150, 112), (152, 101, 70), (101, 66, 48))
_HAIRS = (
    (30, 26, 28), (62, 42, 32), (104, 68, 42), (150, 146, 144), (84, 40, 52),
    (158, 112, 62), (214, 176, 110), (146, 62, 34),
)  # fmt: skip
_IRISES = (
    (72, 44, 28), (112, 74, 36), (70, 112, 160), (84, 124, 84), (112, 124, 136), (40, 30, 28),
)  # fmt: skip
_CLOTHS = (
    (120, 176, 214), (236, 238, 240), (46, 48, 54), (150, 206, 190), (226, 160, 178),
    (60, 84, 140), (178, 60, 62), (122, 140, 92), (232, 200, 120),
)  # fmt: skip
# Where hair ends on the forehead, left to right: x in half face widths, y below the hairline.
_HAIRLINES: dict[str, tuple[tuple[float, float], ...]] = {
    "short": ((-1, 30), (-0.88, 14), (-0.62, 2), (0, 0), (0.62, 2), (0.88, 14), (1, 30)),
    "parted": ((-1, 32), (-0.9, 16), (-0.6, 0), (-0.42, -9), (0.1, 3), (0.8, 13), (1, 34)),
    "fringe": ((-1, 40), (-0.94, 18), (-0.6, 10), (-0.2, 12), (0.6, 11), (0.94, 17), (1, 40)),
    "centre": ((-1, 44), (-0.94, 26), (-0.6, 7), (0, -12), (0.6, 7), (0.94, 26), (1, 44)),
    "peak": ((-1, 28), (-0.9, 8), (-0.55, -6), (0, 4), (0.55, -6), (0.9, 8), (1, 28)),
    "curly": ((-1, 34), (-0.86, 13), (-0.5, 4), (0, 1), (0.5, 4), (0.86, 13), (1, 34)),
}


def draw_face(
    person: int, photo: int, masked: bool, *, size: int = 112, seed: int = 0
) -> np.ndarray:
    """Draws one photo of one person, in the ArcFace alignment but for a small jitter.

    The result is a function of the arguments alone and the same in every run. Another version of
    Pillow or NumPy may still place an edge or a random number differently.

    >>> from maskedface import synthetic
    >>> face = synthetic.draw_face(person=0, photo=1, masked=True, size=64)
    >>> face.shape, face.dtype
    ((64, 64, 3), dtype('uint8'))

    Args:
        person: int >= 0, which person of the seed's.
        photo: int >= 0, which photo of that person and domain.
        masked: bool, whether a mask covers the face from the nose to below the chin.
        size: int >= 32, height and width in pixels.
        seed: int >= 0.

    Returns:
        uint8 array, shape (size, size, 3), RGB, 0-255.

    Raises:
        ValueError: if a number is out of its range.
    """
    check_least(person=(person, 0), photo=(photo, 0), size=(size, 32), seed=(seed, 0))
    # One stream a photo; (0, 0) is the person's own. Zeros at the end would not be told apart from
    # nothing, so every list has four numbers.
    rng = np.random.default_rng([seed, person, 2 if masked else 1, photo])
    traits = _Traits(**_values(_Traits, np.random.default_rng([seed, person, 0, 0])))
    shot = _Shot(**_values(_Shot, rng))
    pen = _Pen(size, shot)
    _background(pen, rng)
    _head(pen, traits)
    _eyes(pen, traits, shot)
    _nose(pen, traits)
    _mouth(pen, traits, shot)
    _hair(pen, traits)
    if shot.hat:
        _hat(pen, traits, rng)
    if traits.glasses and shot.glasses:
        _glasses(pen, traits)
    if masked:
        _mask(pen, traits, rng)
    return _develop(pen.image.reduce(_FINER), shot, rng)


def check_least(**numbers: tuple[int, int]) -> None:
    for name, (value, least) in numbers.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}. Received: {name}={value}")


@dataclass(frozen=True)
class _Traits:
    """What makes a person. Lengths in alignment pixels, y downwards."""

    tone: Annotated[float, 0, len(_SKINS) - 1.001]
    hair_color: Annotated[int, tuple(range(len(_HAIRS)))]
    eye_color: Annotated[int, tuple(range(len(_IRISES)))]
    brow_dark: Annotated[float, 0.3, 0.6]
    lip_red: Annotated[float, 0.25, 0.65]
    style: Annotated[str, tuple(_HAIRLINES)]
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
    def skin(self) -> _Color:
        return _mix(_SKINS[int(self.tone)], _SKINS[int(self.tone) + 1], self.tone % 1)

    @property
    def hair(self) -> _Color:
        # Dark skin goes with the dark half of the hair colors and with gray.
        return _HAIRS[self.hair_color % 5 if self.tone > 2 else self.hair_color]

    @property
    def brow(self) -> _Color:
        return _mix(self.hair, (40, 28, 26), self.brow_dark)


@dataclass(frozen=True)
class _Shot:
    """What makes a photo: pose, expression, wear, light."""

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
    glasses: Annotated[int, (0, 1)]  # whether who has glasses wears them
    gain: Annotated[float, 0.8, 1.15]
    from_left: Annotated[float, -0.22, 0.22]
    from_above: Annotated[float, -0.15, 0.15]
    red: Annotated[float, 0.93, 1.07]
    blue: Annotated[float, 0.9, 1.1]
    gamma: Annotated[float, 0.9, 1.12]
    blur: Annotated[float, 0, 0.25]
    noise: Annotated[float, 1, 6]


@cache
def _ranges(kind: type) -> dict[str, tuple[Any, ...]]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__ for name, hint in hints.items()}


def _values(kind: type, rng: np.random.Generator) -> dict[str, Any]:
    values = {}
    for name, limits in _ranges(kind).items():
        among = len(limits) == 1
        values[name] = limits[0][rng.integers(len(limits[0]))] if among else rng.uniform(*limits)
    return values


class _Pen:
    """Fills smooth shapes given in alignment pixels, posed as the shot says."""

    def __init__(self, size: int, shot: _Shot) -> None:
        self.image = Image.new("RGB", (size * _FINER, size * _FINER))
        self.draw = ImageDraw.Draw(self.image)
        self.turn = shot.turn
        cos, sin = np.cos(shot.tilt) * shot.scale, np.sin(shot.tilt) * shot.scale
        self._linear = np.array([[cos, sin], [-sin, cos]])
        self._shift = np.array([_MIDDLE + shot.right, _NOSE_Y + shot.down]) + 0.5
        self._zoom = size * _FINER / 112

    def place(self, points: Any, depth: float = 0.0) -> list[float]:
        """Flat x, y, x, y .. on the fine canvas. depth: 1 = the head's rim, -1 = the nose."""
        away = np.asarray(points, "float64") - (_MIDDLE - depth * self.turn, _NOSE_Y)
        placed: list[float] = ((away @ self._linear + self._shift) * self._zoom).ravel().tolist()
        return placed

    def fill(self, points: Any, color: _Color, depth: float = 0.0) -> None:
        self.draw.polygon(self.place(points, depth), fill=_rgb(color))

    def stroke(self, points: Any, width: Any, color: _Color, depth: float = 0.0) -> None:
        """A smooth line through the points; a list of widths tapers it, one for each point."""
        line = _curve(points)
        along = line[[*range(1, len(line)), -1]] - line[[0, *range(len(line) - 1)]]
        across = along[:, ::-1] * (-0.5, 0.5) / (np.hypot(*along.T) + 1e-9)[:, None]
        if np.ndim(width):
            steps = np.arange(len(line)) * ((len(width) - 1) / (len(line) - 1))
            width = np.interp(steps, np.arange(len(width)), width)[:, None]
        across *= width
        self.fill(np.concatenate([line + across, (line - across)[::-1]]), color, depth)


def _rgb(color: _Color) -> tuple[int, int, int]:
    red, green, blue = (int(min(max(value, 0), 255)) for value in color)
    return red, green, blue


def _mix(first: Sequence[float], second: Sequence[float], share: float) -> _Color:
    return tuple(a + (b - a) * share for a, b in zip(first, second, strict=True))


def _shade(color: _Color, factor: float) -> _Color:
    return tuple(value * factor for value in color)


def _curve(points: Any, closed: bool = False) -> np.ndarray:
    """A Catmull-Rom spline through the points, six steps a piece; float64, shape (n, 2)."""
    p = np.asarray(points, "float64")
    ends = (p[-1:], p[:2]) if closed else (p[:1], p[-1:])
    p = np.concatenate([ends[0], p, ends[1]])
    fours = np.stack([p[i : len(p) - 3 + i] for i in range(4)], 1)
    line: np.ndarray = (_SPLINE @ fours).reshape(-1, 2)
    return line if closed else np.concatenate([line, p[-2:-1]])


def _ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    return np.array([x, y]) + _CIRCLE * (rx, ry)


def _to(side: int, points: Sequence[tuple[float, float]]) -> np.ndarray:
    """Points with x measured from the middle, to the right (1) or to the left (-1)."""
    return np.array(points) * (side, 1) + (_MIDDLE, 0)


def _mirrored(half: Sequence[tuple[float, float]]) -> np.ndarray:
    """A smooth closed shape from its right half, top to bottom, x from the middle."""
    return _curve(np.concatenate([_to(1, half), _to(-1, half[-2:0:-1])]), closed=True)


def _outline(t: _Traits, grow: float = 0.0) -> np.ndarray:
    """The head from the top over the right to the chin and back; `grow` pixels larger."""
    w, chin = t.width + grow, t.chin + grow
    half = [(0, -4 - grow), (0.6 * w, 2 - grow), (0.95 * w, 28), (w, 52), (0.96 * w, 74)]
    half += [(t.jaw * w, 93), (t.chin_width * w, chin - 4), (0, chin)]
    return _mirrored(half)


def _crown(t: _Traits, grow: float, low: float) -> np.ndarray:
    """The part of the outline above y = low, from the left over the top to the right."""
    rim = _outline(t, grow)
    rim = np.roll(rim, len(rim) // 2, axis=0)
    return rim[rim[:, 1] < low]


def _background(pen: _Pen, rng: np.random.Generator) -> None:
    size = pen.image.width
    base = rng.uniform(36, 135, 3) + rng.uniform(20, 80)
    pen.draw.rectangle((0, 0, size, size), fill=_rgb(tuple(base)))
    for x, y, reach, tone in rng.uniform(0, 1, (4, 4)):
        blob = _ellipse(x * 112, y * 112, 10 + 30 * reach, 14 + 40 * reach)
        pen.fill(blob, tuple(base * (0.75 + 0.5 * tone)), 2)
    shirt = tuple(rng.uniform(30, 220, 3))
    pen.fill(_ellipse(_MIDDLE, 138, 62, 32), shirt, 0.5)


def _head(pen: _Pen, t: _Traits) -> None:
    if t.long:
        w = t.width + 7
        half = [(0, -12), (0.8 * w, -4), (w, 40), (w + 2, 0.8 * t.long), (0.8 * w, t.long)]
        pen.fill(_mirrored([*half, (0, t.long)]), _shade(t.hair, 0.8), 1.3)
    neck = _mirrored([(0, 84), (20, 84), (21, 112), (30, 124), (0, 130)])
    pen.fill(neck, _shade(t.skin, 0.78), 0.5)
    for side in (-1, 1):
        x = _MIDDLE + side * (t.width + 1)
        pen.fill(_ellipse(x, 60, 5.5, 10), _shade(t.skin, 0.86), 1.4)
        pen.fill(_ellipse(x + side, 60, 2.6, 6), _shade(t.skin, 0.72), 1.4)
    for grow, light in ((0, 0.86), (-1.5, 0.91), (-3.5, 0.96), (-6, 1)):
        pen.fill(_outline(t, grow), _shade(t.skin, light), 1 + grow / 12)
    for side in (-1, 1):
        for grow, share in ((2, 0.06), (0, 0.1)):
            blush = _ellipse(_MIDDLE + side * 25, 78, 8 + grow, 5 + grow)
            pen.fill(blush, _mix(t.skin, (214, 92, 84), share), 0.2)
    for n in range(t.freckles):
        x, y = (n - 5.5) * 4.6, 70 + 4 * np.sin(n * 2.4)
        pen.fill(_ellipse(_MIDDLE + x, y, 0.7, 0.7), _shade(t.skin, 0.78))


def _eyes(pen: _Pen, t: _Traits, shot: _Shot) -> None:
    for side, corner in zip((-1, 1), _EYES, strict=True):
        at = (corner[0] + side * t.eye_gap, corner[1])
        _eye(pen, t, shot, side, at)
        v = np.linspace(-1, 1, 5)  # the brow, from its inner to its outer end
        y = t.brow_y - shot.brows - t.brow_arch * (1 - (v - 0.25) ** 2) - t.brow_tilt * v
        brow = np.stack([at[0] + side * (v * t.brow_length + 1), at[1] + y], 1)
        pen.stroke(brow, np.array([0.8, 1, 1.1, 0.8, 0.2]) * t.brow_size, t.brow)


def _eye(pen: _Pen, t: _Traits, shot: _Shot, side: int, at: tuple[float, float]) -> None:
    wide, high = t.eye_width, t.eye_height * shot.open
    u = np.linspace(-wide, wide, 15)  # from the inner to the outer corner

    def place(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.stack([at[0] + side * u, at[1] + v - t.eye_tilt * u / wide], 1)

    def lids(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out = np.abs(u / wide).clip(0, 1)
        return -high * (1 - out**t.eye_arc), 0.62 * high * (1 - out**2)

    upper, lower = lids(u)
    pen.fill(place(u * 1.12, upper - 2.4), _shade(t.skin, 0.93))
    pen.fill(np.concatenate([place(u, upper), place(u, lower)[::-1]]), (246, 243, 238))
    iris = _IRISES[t.eye_color]
    for size, color in ((1, _shade(iris, 0.6)), (0.82, iris), (0.42, (16, 12, 12))):
        x, y = _ellipse(side * shot.gaze, -0.4, t.iris * size, t.iris * size).T
        pen.fill(place(x, y.clip(*lids(x))), color)
    pen.fill(_ellipse(at[0] + shot.gaze + 1.3, at[1] - 1.4, 0.9, 0.9), (255, 255, 255))
    pen.stroke(place(u, upper), [0.6, t.lashes, t.lashes, t.lashes * 1.2], _shade(t.brow, 0.55))
    pen.stroke(place(u, lower), 0.6, _shade(t.skin, 0.66))
    if t.crease:
        pen.stroke(place(u, upper - t.crease), [0.3, 0.9, 0.9, 0.3], _shade(t.skin, 0.72))


def _nose(pen: _Pen, t: _Traits) -> None:
    y, w = t.nose_y, t.nose_width
    for side in (-1, 1):
        bridge = [(t.bridge + 2, 48), (t.bridge, 56), (w / 2, y - 5)]
        pen.stroke(_to(side, bridge), [0.4, 1, 0.3], _shade(t.skin, 0.9), -0.5)
        wing = [(w * 0.75, y - 5), (w, y - 1.5), (w * 0.7, y + 1)]
        pen.stroke(_to(side, wing), [0.4, 1.3, 0.8], _shade(t.skin, 0.8), -1)
        hole = _ellipse(_MIDDLE + side * w * 0.45, y + 0.8, w * 0.2, 0.9)
        pen.fill(hole, _shade(t.skin, 0.5), -1)
    under = _to(1, [(-0.4 * w, y + 1.2), (0, y + 2.4), (0.4 * w, y + 1.2)])
    pen.stroke(under, [0.5, 1.2, 0.5], _shade(t.skin, 0.8), -1)
    tip = _ellipse(_MIDDLE, y - 3.5, w * 0.28, 2.2)
    pen.fill(tip, _mix(t.skin, (255, 255, 255), 0.15), -1)


def _mouth(pen: _Pen, t: _Traits, shot: _Shot) -> None:
    if t.beard:
        _beard(pen, t)
    x = np.array([-1, -0.6, -0.2, 0, 0.2, 0.6, 1])
    w, lip, gape = t.mouth_width + 0.4 * shot.smile, t.lip_size, max(shot.gape, 0)
    bend = _MOUTH_Y + shot.smile * (0.5 - x**2)

    def between(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
        sides = [_curve(np.stack([_MIDDLE + x * w, bend + v], 1)) for v in (upper, lower)]
        return np.concatenate([sides[0], sides[1][::-1]])

    bow = np.array([0, 0.55, 1, 0.75, 1, 0.55, 0])
    lips = _mix(t.skin, (170, 50, 62), t.lip_red)
    pen.fill(between(-lip * bow, (gape + 1.4 * lip) * (1 - x**2) + 0.2), lips)
    pen.fill(between(0 * x, (gape + 0.7) * (1 - x**2)), _shade(lips, 0.35))
    if gape > 1.5:
        pen.fill(between(0 * x, 0.55 * gape * (1 - np.abs(x) ** 3)), (240, 236, 228))


def _beard(pen: _Pen, t: _Traits) -> None:
    rim = _outline(t, 0.5)
    cheek = [(-0.8, 84), (-0.5, 86), (-0.25, 83), (0, 82), (0.25, 83), (0.5, 86), (0.8, 84)]
    inside = _curve(_to(1, [(x * t.width, y) for x, y in cheek]))
    beard = np.concatenate([rim[rim[:, 1] > 68], inside])
    pen.fill(beard, _mix(t.skin, t.brow, t.beard), 0.6)


def _hair(pen: _Pen, t: _Traits) -> None:
    w = t.width + 1.5
    line = _to(t.part, [(x * w, t.hairline + y) for x, y in _HAIRLINES[t.style]])
    edge = _curve(line[:: t.part])
    outer = _crown(t, 3.5, edge[[0, -1], 1].mean())
    pen.fill(np.concatenate([outer, edge[::-1] + np.array([0, 2])]), _shade(t.skin, 0.8), 1)
    pen.fill(np.concatenate([outer, edge[::-1]]), t.hair, 1)
    for share in (0.25, 0.42, 0.62, 0.8):
        root, tip = outer[int(share * len(outer))], edge[int(share * len(edge))]
        lock = [root, root * 0.45 + tip * 0.55 + (2 * t.part, 0), root * 0.12 + tip * 0.88]
        pen.stroke(lock, [0.6, 1.6, 0.2], _mix(t.hair, (255, 240, 220), 0.13), 1)
    if t.style == "curly":
        for n, (x, y) in enumerate(np.concatenate([edge[::3], outer[::3]])):
            pen.fill(_ellipse(x, y, 5.5, 5.5), _shade(t.hair, (1, 0.88, 1.12)[n % 3]), 1)


def _hat(pen: _Pen, t: _Traits, rng: np.random.Generator) -> None:
    """A knitted cap, down to the forehead."""
    wool, y = _CLOTHS[rng.integers(len(_CLOTHS))], rng.uniform(24, 32)
    crown, w = _crown(t, 6, y + 6), t.width + 5
    brim = _curve(_to(1, [(x * w, y - 4 + 9 * x * x) for x in (-1, -0.5, 0, 0.5, 1)]))
    pen.fill(np.concatenate([crown, brim[::-1] + np.array([0, 2.5])]), _shade(t.skin, 0.75), 1)
    pen.fill(np.concatenate([crown, brim[::-1]]), wool, 1)
    pen.stroke(brim[::4] - np.array([0, 4]), 9, _shade(wool, 0.87), 1)
    for x, top in brim[2:-2:2]:
        pen.stroke([(x, top - 8), (x, top)], 0.8, _shade(wool, 0.74), 1)


def _glasses(pen: _Pen, t: _Traits) -> None:
    frame: _Color = (34, 32, 38)
    circle = _ellipse(0, 0, 1, 1)[[*range(24), 0]]
    ring = np.sign(circle) * np.abs(circle) ** (2 / t.glasses)
    for side, (x, y) in zip((-1, 1), _EYES, strict=True):
        pen.stroke(ring * (14, 11) + (x + side, y + 1), 1.6, frame)
        ends = [(x + side * 14, y - 2), (_MIDDLE + side * (t.width + 2), y - 1)]
        pen.stroke(ends, 1.6, frame, 0.7)
    pen.stroke([(51.5, 51), (56, 49.5), (60.5, 51)], 1.6, frame)


def _mask(pen: _Pen, t: _Traits, rng: np.random.Generator) -> None:
    kind = ("surgical", "pointed", "cloth")[rng.integers(3)]
    cloth = _CLOTHS[rng.integers(5 if kind == "surgical" else len(_CLOTHS))]
    top, low, w = rng.uniform(-2.5, 2.5), t.chin + rng.uniform(2, 5), t.width
    if kind == "pointed":
        half = [(0.0, 57.0), (0.14, 60), (0.5, 67), (0.93, 71), (0.8, 88)]
        half += [(0.42, low - 2), (0, low + 3)]
    else:
        half = [(0.0, 60.0), (0.2, 62.5), (0.55, 67), (0.97, 70), (t.jaw + 0.02, 93)]
        half += [(t.chin_width + 0.04, t.chin - 1), (0, low)]
    shape = _mirrored([(x * w, y + (top if y < 72 else 0)) for x, y in half])
    for side in (-1, 1):
        for x, y, ear in ((0.95, 71 + top, 56), (t.jaw, 93, 66)):
            loop = _to(side, [(x * w, y), (w + 2, ear)])
            pen.stroke(loop, 1.3, _mix(cloth, (245, 245, 245), 0.6), 1.1)
    pen.fill(shape + np.array([0, 1.5]), _shade(t.skin, 0.72), 0.8)
    pen.fill(shape, cloth, 0.8)
    if kind == "cloth":
        _pattern(pen, shape, cloth, rng)
    elif kind == "pointed":
        pen.fill(shape[: len(shape) // 2 + 1], _shade(cloth, 0.9), 0.8)
        pen.stroke(_to(1, [(0, 57 + top), (0, 80), (0, low + 2)]), 1, _shade(cloth, 0.72), 0.8)
    else:
        for y in (76, 84, 92):
            pleat = [(x * w, y + 3 * (1 - x * x) + top) for x in (-0.8, -0.4, 0, 0.4, 0.8)]
            pen.stroke(_to(1, pleat), [0.4, 1.1, 1.1, 0.4], _shade(cloth, 0.84), 0.2)
        wire = _to(1, [(-0.3 * w, 66.5 + top), (0, 63.5 + top), (0.3 * w, 66.5 + top)])
        pen.stroke(wire, 1.2, _mix(cloth, (255, 255, 255), 0.4), 0.4)


def _pattern(pen: _Pen, shape: np.ndarray, cloth: _Color, rng: np.random.Generator) -> None:
    """Dots, stripes or checks, cut to the mask's shape."""
    stencil = Image.new("L", pen.image.size)
    ImageDraw.Draw(stencil).polygon(pen.place(shape, 0.8), fill=255)
    bare = pen.image.copy()
    kind, step = rng.integers(3), rng.uniform(7, 11)
    ink = _mix(cloth, _CLOTHS[rng.integers(len(_CLOTHS))], 0.8)
    for n in np.arange(0, 112, step):
        if kind == 0:
            for k in np.arange(56, 124, step):
                pen.fill(_ellipse(n, k, step / 4, step / 4), ink, 0.8)
        else:
            pen.stroke([(0, n + 14), (112, n + 14)], step / 4, ink, 0.8)
        if kind == 2:
            pen.stroke([(n, 50), (n, 124)], step / 4, ink, 0.8)
    bare.paste(pen.image, mask=stencil)
    pen.image.paste(bare)


def _develop(image: Image.Image, shot: _Shot, rng: np.random.Generator) -> np.ndarray:
    """Light, blur and noise."""
    tones = 255 * shot.gain * (np.arange(256) / 255) ** shot.gamma
    pixels: np.ndarray = tones[np.asarray(image)] * np.array([shot.red, 1, shot.blue])
    here = np.arange(len(pixels))
    across = here[:, None] / here[-1] * 2 - 1
    pixels *= (1 + shot.from_left * across.T + shot.from_above * across)[:, :, None]
    for axis in (0, 1):
        near = [pixels.take((here + n).clip(0, here[-1]), axis) for n in (-1, 1)]
        pixels = (1 - 2 * shot.blur) * pixels + shot.blur * (near[0] + near[1])
    pixels += shot.noise * rng.standard_normal(pixels.shape, "float32")
    return pixels.round().clip(0, 255).astype("uint8")
