"""Draws one photo of one person from the person's traits and the photo's shot."""

from __future__ import annotations

import numpy as np
from PIL import Image

from maskedface.checks import check_least
from maskedface.masking.sheet import MIDDLE, curve
from maskedface.synthetic.colors import CLOTHS, IRISES, Color, mix, rgb, shade
from maskedface.synthetic.mask_drawing import draw_mask
from maskedface.synthetic.pen import FINER, Pen, ellipse, mirrored, on_side
from maskedface.synthetic.traits import HAIRLINES, Shot, Traits, drawn

# Everything below is drawn in the pixels of the 112-px ArcFace alignment (`geometry.ALIGNMENTS`).
_EYES = ((38.29, 51.70), (73.53, 51.50))
_MOUTH_Y = 92.3


def draw_face(
    person: int, photo: int, masked: bool, *, size: int = 112, seed: int = 0
) -> np.ndarray:
    """Draws one photo of one person, in the ArcFace alignment with a small jitter.

    The result is a pure function of the arguments, except that other versions of Pillow or NumPy
    may draw edges or random numbers differently.

    >>> from maskedface import synthetic
    >>> face = synthetic.draw_face(person=0, photo=1, masked=True, size=64)
    >>> face.shape, face.dtype
    ((64, 64, 3), dtype('uint8'))

    Args:
        person: int >= 0, the person's number for this seed.
        photo: int >= 0, the photo's number for this person and domain.
        masked: bool, whether a mask covers the face from the nose to below the chin.
        size: int >= 32, height and width in pixels.
        seed: int >= 0.

    Returns:
        uint8 array, shape (size, size, 3), RGB, 0-255.

    Raises:
        ValueError: if a number is out of range.
    """
    check_least(person=(person, 0), photo=(photo, 0), size=(size, 32), seed=(seed, 0))
    # One stream a photo; (0, 0) is the person's own. Zeros at the end would not be told apart from
    # nothing, so every list has four numbers.
    rng = np.random.default_rng([seed, person, 2 if masked else 1, photo])
    traits = drawn(Traits, np.random.default_rng([seed, person, 0, 0]))
    shot = drawn(Shot, rng)
    pen = Pen(size, shot)
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
        draw_mask(pen, traits, rng)
    return _develop(pen.image.reduce(FINER), shot, rng)


def _outline(t: Traits, grow: float = 0.0) -> np.ndarray:
    """The head's outline, clockwise from the top, enlarged by `grow` pixels."""
    w, chin = t.width + grow, t.chin + grow
    half = [(0, -4 - grow), (0.6 * w, 2 - grow), (0.95 * w, 28), (w, 52), (0.96 * w, 74)]
    half += [(t.jaw * w, 93), (t.chin_width * w, chin - 4), (0, chin)]
    return mirrored(half)


def _crown(t: Traits, grow: float, low: float) -> np.ndarray:
    """The part of the outline above y = low, from left to right."""
    rim = _outline(t, grow)
    rim = np.roll(rim, len(rim) // 2, axis=0)
    return rim[rim[:, 1] < low]


def _background(pen: Pen, rng: np.random.Generator) -> None:
    size = pen.image.width
    base = rng.uniform(36, 135, 3) + rng.uniform(20, 80)
    pen.draw.rectangle((0, 0, size, size), fill=rgb(tuple(base)))
    for x, y, reach, tone in rng.uniform(0, 1, (4, 4)):
        blob = ellipse(x * 112, y * 112, 10 + 30 * reach, 14 + 40 * reach)
        pen.fill(blob, tuple(base * (0.75 + 0.5 * tone)), 2)
    shirt = tuple(rng.uniform(30, 220, 3))
    pen.fill(ellipse(MIDDLE, 138, 62, 32), shirt, 0.5)


def _head(pen: Pen, t: Traits) -> None:
    if t.long:
        w = t.width + 7
        half = [(0, -12), (0.8 * w, -4), (w, 40), (w + 2, 0.8 * t.long), (0.8 * w, t.long)]
        pen.fill(mirrored([*half, (0, t.long)]), shade(t.hair, 0.8), 1.3)
    neck = mirrored([(0, 84), (20, 84), (21, 112), (30, 124), (0, 130)])
    pen.fill(neck, shade(t.skin, 0.78), 0.5)
    for side in (-1, 1):
        x = MIDDLE + side * (t.width + 1)
        pen.fill(ellipse(x, 60, 5.5, 10), shade(t.skin, 0.86), 1.4)
        pen.fill(ellipse(x + side, 60, 2.6, 6), shade(t.skin, 0.72), 1.4)
    for grow, light in ((0, 0.86), (-1.5, 0.91), (-3.5, 0.96), (-6, 1)):
        pen.fill(_outline(t, grow), shade(t.skin, light), 1 + grow / 12)
    for side in (-1, 1):
        for grow, share in ((2, 0.06), (0, 0.1)):
            blush = ellipse(MIDDLE + side * 25, 78, 8 + grow, 5 + grow)
            pen.fill(blush, mix(t.skin, (214, 92, 84), share), 0.2)
    for n in range(t.freckles):
        x, y = (n - 5.5) * 4.6, 70 + 4 * np.sin(n * 2.4)
        pen.fill(ellipse(MIDDLE + x, y, 0.7, 0.7), shade(t.skin, 0.78))


def _eyes(pen: Pen, t: Traits, shot: Shot) -> None:
    for side, corner in zip((-1, 1), _EYES, strict=True):
        at = (corner[0] + side * t.eye_gap, corner[1])
        _eye(pen, t, shot, side, at)
        v = np.linspace(-1, 1, 5)  # the brow, from its inner to its outer end
        y = t.brow_y - shot.brows - t.brow_arch * (1 - (v - 0.25) ** 2) - t.brow_tilt * v
        brow = np.stack([at[0] + side * (v * t.brow_length + 1), at[1] + y], 1)
        pen.stroke(brow, np.array([0.8, 1, 1.1, 0.8, 0.2]) * t.brow_size, t.brow)


def _eye(pen: Pen, t: Traits, shot: Shot, side: int, at: tuple[float, float]) -> None:
    wide, high = t.eye_width, t.eye_height * shot.open
    u = np.linspace(-wide, wide, 15)  # from the inner to the outer corner

    def place(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.stack([at[0] + side * u, at[1] + v - t.eye_tilt * u / wide], 1)

    def lids(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out = np.abs(u / wide).clip(0, 1)
        return -high * (1 - out**t.eye_arc), 0.62 * high * (1 - out**2)

    upper, lower = lids(u)
    pen.fill(place(u * 1.12, upper - 2.4), shade(t.skin, 0.93))
    pen.fill(np.concatenate([place(u, upper), place(u, lower)[::-1]]), (246, 243, 238))
    iris = IRISES[t.eye_color]
    for size, color in ((1, shade(iris, 0.6)), (0.82, iris), (0.42, (16, 12, 12))):
        x, y = ellipse(side * shot.gaze, -0.4, t.iris * size, t.iris * size).T
        pen.fill(place(x, y.clip(*lids(x))), color)
    pen.fill(ellipse(at[0] + shot.gaze + 1.3, at[1] - 1.4, 0.9, 0.9), (255, 255, 255))
    pen.stroke(place(u, upper), [0.6, t.lashes, t.lashes, t.lashes * 1.2], shade(t.brow, 0.55))
    pen.stroke(place(u, lower), 0.6, shade(t.skin, 0.66))
    if t.crease:
        pen.stroke(place(u, upper - t.crease), [0.3, 0.9, 0.9, 0.3], shade(t.skin, 0.72))


def _nose(pen: Pen, t: Traits) -> None:
    y, w = t.nose_y, t.nose_width
    for side in (-1, 1):
        bridge = [(t.bridge + 2, 48), (t.bridge, 56), (w / 2, y - 5)]
        pen.stroke(on_side(side, bridge), [0.4, 1, 0.3], shade(t.skin, 0.9), -0.5)
        wing = [(w * 0.75, y - 5), (w, y - 1.5), (w * 0.7, y + 1)]
        pen.stroke(on_side(side, wing), [0.4, 1.3, 0.8], shade(t.skin, 0.8), -1)
        hole = ellipse(MIDDLE + side * w * 0.45, y + 0.8, w * 0.2, 0.9)
        pen.fill(hole, shade(t.skin, 0.5), -1)
    under = on_side(1, [(-0.4 * w, y + 1.2), (0, y + 2.4), (0.4 * w, y + 1.2)])
    pen.stroke(under, [0.5, 1.2, 0.5], shade(t.skin, 0.8), -1)
    tip = ellipse(MIDDLE, y - 3.5, w * 0.28, 2.2)
    pen.fill(tip, mix(t.skin, (255, 255, 255), 0.15), -1)


def _mouth(pen: Pen, t: Traits, shot: Shot) -> None:
    if t.beard:
        _beard(pen, t)
    x = np.array([-1, -0.6, -0.2, 0, 0.2, 0.6, 1])
    w, lip, gape = t.mouth_width + 0.4 * shot.smile, t.lip_size, max(shot.gape, 0)
    bend = _MOUTH_Y + shot.smile * (0.5 - x**2)

    def between(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
        sides = [curve(np.stack([MIDDLE + x * w, bend + v], 1)) for v in (upper, lower)]
        return np.concatenate([sides[0], sides[1][::-1]])

    bow = np.array([0, 0.55, 1, 0.75, 1, 0.55, 0])
    lips = mix(t.skin, (170, 50, 62), t.lip_red)
    pen.fill(between(-lip * bow, (gape + 1.4 * lip) * (1 - x**2) + 0.2), lips)
    pen.fill(between(0 * x, (gape + 0.7) * (1 - x**2)), shade(lips, 0.35))
    if gape > 1.5:
        pen.fill(between(0 * x, 0.55 * gape * (1 - np.abs(x) ** 3)), (240, 236, 228))


def _beard(pen: Pen, t: Traits) -> None:
    rim = _outline(t, 0.5)
    cheek = [(-0.8, 84), (-0.5, 86), (-0.25, 83), (0, 82), (0.25, 83), (0.5, 86), (0.8, 84)]
    inside = curve(on_side(1, [(x * t.width, y) for x, y in cheek]))
    beard = np.concatenate([rim[rim[:, 1] > 68], inside])
    pen.fill(beard, mix(t.skin, t.brow, t.beard), 0.6)


def _hair(pen: Pen, t: Traits) -> None:
    w = t.width + 1.5
    line = on_side(t.part, [(x * w, t.hairline + y) for x, y in HAIRLINES[t.style]])
    edge = curve(line[:: t.part])
    outer = _crown(t, 3.5, edge[[0, -1], 1].mean())
    pen.fill(np.concatenate([outer, edge[::-1] + np.array([0, 2])]), shade(t.skin, 0.8), 1)
    pen.fill(np.concatenate([outer, edge[::-1]]), t.hair, 1)
    for share in (0.25, 0.42, 0.62, 0.8):
        root, tip = outer[int(share * len(outer))], edge[int(share * len(edge))]
        lock = [root, root * 0.45 + tip * 0.55 + (2 * t.part, 0), root * 0.12 + tip * 0.88]
        pen.stroke(lock, [0.6, 1.6, 0.2], mix(t.hair, (255, 240, 220), 0.13), 1)
    if t.style == "curly":
        for n, (x, y) in enumerate(np.concatenate([edge[::3], outer[::3]])):
            pen.fill(ellipse(x, y, 5.5, 5.5), shade(t.hair, (1, 0.88, 1.12)[n % 3]), 1)


def _hat(pen: Pen, t: Traits, rng: np.random.Generator) -> None:
    """A knitted cap, down to the forehead."""
    wool, y = CLOTHS[rng.integers(len(CLOTHS))], rng.uniform(24, 32)
    crown, w = _crown(t, 6, y + 6), t.width + 5
    brim = curve(on_side(1, [(x * w, y - 4 + 9 * x * x) for x in (-1, -0.5, 0, 0.5, 1)]))
    pen.fill(np.concatenate([crown, brim[::-1] + np.array([0, 2.5])]), shade(t.skin, 0.75), 1)
    pen.fill(np.concatenate([crown, brim[::-1]]), wool, 1)
    pen.stroke(brim[::4] - np.array([0, 4]), 9, shade(wool, 0.87), 1)
    for x, top in brim[2:-2:2]:
        pen.stroke([(x, top - 8), (x, top)], 0.8, shade(wool, 0.74), 1)


def _glasses(pen: Pen, t: Traits) -> None:
    frame: Color = (34, 32, 38)
    circle = ellipse(0, 0, 1, 1)[[*range(24), 0]]
    ring = np.sign(circle) * np.abs(circle) ** (2 / t.glasses)
    for side, (x, y) in zip((-1, 1), _EYES, strict=True):
        pen.stroke(ring * (14, 11) + (x + side, y + 1), 1.6, frame)
        ends = [(x + side * 14, y - 2), (MIDDLE + side * (t.width + 2), y - 1)]
        pen.stroke(ends, 1.6, frame, 0.7)
    pen.stroke([(51.5, 51), (56, 49.5), (60.5, 51)], 1.6, frame)


def _develop(image: Image.Image, shot: Shot, rng: np.random.Generator) -> np.ndarray:
    """Applies lighting, blur and noise."""
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
