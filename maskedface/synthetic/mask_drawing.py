"""Draws the masks of drawn people."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from maskedface.synthetic.colors import CLOTHS, Color, mix, shade
from maskedface.synthetic.pen import Pen, ellipse, mirrored, on_side
from maskedface.synthetic.traits import Traits


def draw_mask(pen: Pen, t: Traits, rng: np.random.Generator) -> None:
    kind = ("surgical", "pointed", "cloth")[rng.integers(3)]
    cloth = CLOTHS[rng.integers(5 if kind == "surgical" else len(CLOTHS))]
    top, low, w = rng.uniform(-2.5, 2.5), t.chin + rng.uniform(2, 5), t.width
    if kind == "pointed":
        half = [(0.0, 57.0), (0.14, 60), (0.5, 67), (0.93, 71), (0.8, 88)]
        half += [(0.42, low - 2), (0, low + 3)]
    else:
        half = [(0.0, 60.0), (0.2, 62.5), (0.55, 67), (0.97, 70), (t.jaw + 0.02, 93)]
        half += [(t.chin_width + 0.04, t.chin - 1), (0, low)]
    shape = mirrored([(x * w, y + (top if y < 72 else 0)) for x, y in half])
    for side in (-1, 1):
        for x, y, ear in ((0.95, 71 + top, 56), (t.jaw, 93, 66)):
            loop = on_side(side, [(x * w, y), (w + 2, ear)])
            pen.stroke(loop, 1.3, mix(cloth, (245, 245, 245), 0.6), 1.1)
    pen.fill(shape + np.array([0, 1.5]), shade(t.skin, 0.72), 0.8)
    pen.fill(shape, cloth, 0.8)
    if kind == "cloth":
        _pattern(pen, shape, cloth, rng)
    elif kind == "pointed":
        pen.fill(shape[: len(shape) // 2 + 1], shade(cloth, 0.9), 0.8)
        pen.stroke(on_side(1, [(0, 57 + top), (0, 80), (0, low + 2)]), 1, shade(cloth, 0.72), 0.8)
    else:
        for y in (76, 84, 92):
            pleat = [(x * w, y + 3 * (1 - x * x) + top) for x in (-0.8, -0.4, 0, 0.4, 0.8)]
            pen.stroke(on_side(1, pleat), [0.4, 1.1, 1.1, 0.4], shade(cloth, 0.84), 0.2)
        wire = on_side(1, [(-0.3 * w, 66.5 + top), (0, 63.5 + top), (0.3 * w, 66.5 + top)])
        pen.stroke(wire, 1.2, mix(cloth, (255, 255, 255), 0.4), 0.4)


def _pattern(pen: Pen, shape: np.ndarray, cloth: Color, rng: np.random.Generator) -> None:
    """Dots, stripes or checks, clipped to the mask's shape."""
    stencil = Image.new("L", pen.image.size)
    ImageDraw.Draw(stencil).polygon(pen.place(shape, 0.8), fill=255)
    bare = pen.image.copy()
    kind, step = rng.integers(3), rng.uniform(7, 11)
    ink = mix(cloth, CLOTHS[rng.integers(len(CLOTHS))], 0.8)
    for n in np.arange(0, 112, step):
        if kind == 0:
            for k in np.arange(56, 124, step):
                pen.fill(ellipse(n, k, step / 4, step / 4), ink, 0.8)
        else:
            pen.stroke([(0, n + 14), (112, n + 14)], step / 4, ink, 0.8)
        if kind == 2:
            pen.stroke([(n, 50), (n, 124)], step / 4, ink, 0.8)
    bare.paste(pen.image, mask=stencil)
    pen.image.paste(bare)
