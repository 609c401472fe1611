from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import geometry
from maskedface.layers import UpperFaceCrop
from tests.faces import draw_face

ARCFACE = geometry.alignment_points("arcface", 112, 112)


def to_view(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Image points -> view points."""
    found: np.ndarray = (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    return found


def test_the_matrix_is_the_one_derived_by_hand() -> None:
    # 72 px of the alignment onto 144: half a pixel a pixel; the first view pixel's centre lies
    # .25 px from the left edge at 56.026 - 36 and from the upper edge at 62 - 72.
    matrix = UpperFaceCrop().matrix(112, 112, source="arcface", size=144)
    expected = [[0.5, 0, 56.026 - 36 + 0.25], [0, 0.5, -10 + 0.25]]
    assert np.allclose(matrix, expected, atol=1e-6)


@pytest.mark.parametrize("alignment", geometry.ALIGNMENTS)
def test_every_alignment_shows_both_eyes_and_no_nose_tip(alignment: str) -> None:
    matrix = UpperFaceCrop().matrix(200, 200, source=alignment, size=100)
    points = to_view(geometry.alignment_points(alignment, 200, 200), matrix)
    assert ((points[:2] > 15) & (points[:2] < 95)).all()
    assert abs(points[0, 1] - points[1, 1]) < 1.5
    assert (points[2:, 1] > 100).all()


def test_a_tilted_face_is_seen_upright() -> None:
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tilted = 3 * ARCFACE @ turn.T + (200, 100)
    straight = UpperFaceCrop().matrix(112, 112, source="arcface", size=80)
    matrix = UpperFaceCrop().matrix(600, 600, source=tilted, size=80)
    assert np.allclose(to_view(tilted, matrix), to_view(ARCFACE, straight), atol=1e-6)


def test_the_view_does_not_change_with_a_mask() -> None:
    # Drawn masks reach up to the bridge of the nose: the lowest rows may differ, no others.
    face = draw_face(1, 0, False, size=112)
    covered = face.copy()
    covered[62:] = 0
    matrix = UpperFaceCrop(line=61).matrix(112, 112, source="arcface", size=64)
    views = [geometry.warp(image, matrix, 64) for image in (face, covered)]
    assert (views[0] == views[1]).all()


def test_a_top_cuts_the_forehead_off_and_stretches_the_rest() -> None:
    matrix = UpperFaceCrop(top=38).matrix(112, 112, source="arcface", size=72)
    assert np.allclose(np.linalg.svd(matrix[:, :2])[1], [1, 24 / 72])
    eyes = to_view(ARCFACE[:2], matrix)
    assert np.allclose(eyes[:, 1], (ARCFACE[:2, 1] - 38) * 3 - 0.5, atol=0.01)


@pytest.mark.parametrize("values", [{"width": 0}, {"top": 62}, {"line": 10, "top": 20}])
def test_an_empty_region_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        UpperFaceCrop(**values)


def test_an_unknown_alignment_is_refused() -> None:
    with pytest.raises(ValueError, match="alignment must be one of"):
        UpperFaceCrop().matrix(112, 112, source="", size=64)


@pytest.mark.parametrize("alignment", geometry.ALIGNMENTS)
def test_the_layer_shows_what_a_warp_by_the_matrix_shows(alignment: str) -> None:
    matrix = geometry.chip_matrix(112, 112, source="arcface", target=alignment, size=150)
    face = geometry.warp(draw_face(1, 0, False), matrix, 150)
    crop = UpperFaceCrop(alignment=alignment)
    found = np.asarray(crop(face[None]))[0]
    way = crop.matrix(150, 150, source=alignment, size=150)
    assert abs(found - geometry.warp(face, way, 150)).mean() < 1.0


def test_the_layer_is_rebuilt_from_its_configuration_in_a_saved_model(tmp_path: Path) -> None:
    face = draw_face(1, 0, False)[None]
    model = keras.Sequential([keras.Input((112, 112, 3)), UpperFaceCrop(60, top=30)])
    model.save(tmp_path / "crop.keras")
    again = keras.models.load_model(tmp_path / "crop.keras")
    np.testing.assert_array_equal(again(face), model(face))
    assert again.layers[0].get_config() == model.layers[0].get_config()


def test_an_unknown_alignment_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="alignment must be one of"):
        UpperFaceCrop(alignment="dlb")
