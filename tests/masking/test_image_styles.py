from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from maskedface.masking import STYLES, MaskBank, style_from_picture
from maskedface.masking.sheet import Fit, Sheet, face_matrix

POINTS = {
    "nose": (200.0, 10.0),
    "chin": (200.0, 280.0),
    "left_top": (8.0, 50.0),
    "right_top": (392.0, 50.0),
    "left_bottom": (45.0, 222.0),
    "right_bottom": (355.0, 222.0),
}


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mask with a red left and a green right half on a transparent ground."""
    image = Image.new("RGBA", (400, 290))
    draw = ImageDraw.Draw(image)
    order = ("nose", "left_top", "left_bottom", "chin", "right_bottom", "right_top")
    corners = [POINTS[name] for name in order]
    draw.polygon([*corners[:4]], fill=(200, 30, 30, 255))
    draw.polygon([*corners[3:], corners[0]], fill=(30, 200, 30, 255))
    path = tmp_path_factory.mktemp("mask") / "two_halves.png"
    image.save(path)
    return path


def test_the_points_lie_where_the_mask_lies_on_a_face(picture: Path) -> None:
    style = style_from_picture(picture, POINTS)
    sheet = Sheet(face_matrix("arcface", 112, 112), 112, 112, Fit())
    color, cover, straps = style.paint(sheet, np.random.default_rng(1))
    inside = [(56, 62), (56, 108), (20, 68), (92, 68), (29, 97), (83, 97)]
    outside = [(56, 54), (56, 116 - 5 + 1), (12, 62), (100, 62), (20, 100), (92, 100)]
    assert all(cover[y, x] > 0.9 for x, y in inside)
    assert all(cover[y, x] < 0.1 for x, y in outside if y < 112)
    assert not straps.any()
    assert {tuple(color[80, x].argsort()[-1:]) for x in (40, 72)} == {(0,), (1,)}


def test_it_is_used_beside_the_built_in_styles(picture: Path) -> None:
    style = style_from_picture(picture, POINTS)
    assert style.name == "two_halves"
    bank = MaskBank.draw((*STYLES[:1], style), alignment="arcface", size=64, variants=4)
    patch = bank.patches[4:].astype(int)
    assert (patch[:, 48, 32, 3] > 250).all()
    halves = patch[:, 45, [26, 40], :3].argmax(axis=-1)
    assert (np.sort(halves, axis=1) == [0, 1]).all() and len(np.unique(halves, axis=0)) == 2


def test_a_large_picture_is_made_smaller_without_moving(picture: Path, tmp_path: Path) -> None:
    with Image.open(picture) as image:
        large = image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST)
    large.save(tmp_path / "large.png")
    points = {name: (4 * x + 1.5, 4 * y + 1.5) for name, (x, y) in POINTS.items()}
    sheet = Sheet(face_matrix("arcface", 112, 112), 112, 112, Fit())
    small = style_from_picture(picture, POINTS)
    shrunk = style_from_picture(tmp_path / "large.png", points)
    assert shrunk.picture.shape[1] < 700
    covers = [style.paint(sheet, np.random.default_rng(0))[1] for style in (small, shrunk)]
    assert np.abs(covers[0] - covers[1]).mean() < 2e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ear": (1, 1)}, "points must be \\["),
        ({"nose": (1.0, 2.0, 3.0)}, "pairs of numbers|inhomogeneous"),
        ({"nose": (np.nan, 2.0)}, "pairs of numbers"),
        ({name: (10.0 * n, 0.0) for n, name in enumerate(POINTS)}, "collinear"),
    ],
)
def test_bad_points_are_refused(picture: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        style_from_picture(picture, {**POINTS, **change})


def test_a_missing_point_is_refused(picture: Path) -> None:
    with pytest.raises(ValueError, match="points must be"):
        style_from_picture(picture, {"nose": (1, 1)})


def test_a_picture_that_shows_nothing_is_refused(tmp_path: Path) -> None:
    Image.new("RGBA", (400, 300)).save(tmp_path / "empty.png")
    with pytest.raises(ValueError, match="fully transparent"):
        style_from_picture(tmp_path / "empty.png", POINTS)
