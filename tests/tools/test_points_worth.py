"""What points are worth: probes among everybody's photographs, and points between two others."""

from __future__ import annotations

import numpy as np
import pytest

from maskedface import geometry


def test_a_probe_is_not_compared_with_its_own_photograph() -> None:
    from points_worth import rank_one

    people = np.array(["a", "a", "b", "b"])
    gallery = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.1, 1.0]])
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    rows = np.array([0, 2])
    # Person a's other photograph looks like b's, so the probe of row 0 is nobody's; b's is b's.
    assert rank_one(gallery[rows], gallery, people, rows).tolist() == [0.0, 1.0]
    alike = gallery[[0, 0, 2, 3]]
    assert rank_one(alike[rows], alike, people, rows).tolist() == [1.0, 1.0]


def test_points_lie_a_part_of_the_way() -> None:
    from measure_alignment import toward

    here, there = np.zeros((5, 2)), np.full((5, 2), 8.0)
    assert [None if p is None else float(p.mean()) for p in toward([here], [there], 0.25)] == [2.0]
    assert toward([here, None], [None, there], 0.5) == [here, None]


def test_a_distance_is_a_share_of_the_face() -> None:
    from points_worth import distance

    face = geometry.alignment_points("arcface", 112, 112)
    assert distance(face + np.array([1.12, 0]), face) == pytest.approx(1)
    assert distance(3 * face + np.array([3.36, 0]), 3 * face) == pytest.approx(1)
    assert np.isnan(distance(None, face)) and np.isnan(distance(face, None))


def test_a_face_is_turned_made_small_and_hidden_with_its_points() -> None:
    from measure_alignment import on_large_canvas

    face = geometry.alignment_points("arcface", 112, 112)
    image = np.full((112, 112, 3), 255, "uint8")
    canvas, points = on_large_canvas(image, face, angle=90, reach=30, hidden=(0, 1))
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    np.testing.assert_allclose((eyes + mouth) / 2, (320, 320), atol=1e-6)
    assert np.linalg.norm(eyes - mouth) == pytest.approx(30)
    assert abs(eyes[1] - mouth[1]) < 1  # it lies on its side
    at = [tuple(np.round(five).astype(int)) for five in (points[0], points[3])]
    assert [int(canvas[y, x, 0]) for x, y in at] == [255, 128]  # an eye is seen, the mouth is not
