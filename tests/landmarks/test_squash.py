"""Images resized out of shape are told by their faces, as groups."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface import geometry
from maskedface.datasets import Face, FaceIndex, Landmarks
from maskedface.landmarks.squash import with_pixel_aspects


def an_index(
    root: Path, stretch: float, *, count: int = 24, sizes: tuple[int, ...] = (100,)
) -> FaceIndex:
    """Faces from the front, a little turned and lifted, on images `stretch` times too wide."""
    rng = np.random.default_rng(0)
    front = geometry.alignment_points("arcface", 112, 112)
    faces = []
    for n in range(count):
        size = sizes[n % len(sizes)]
        Image.new("RGB", (size, 100)).save(root / f"{n}.png")
        seen = front * (stretch * np.exp(rng.normal(0.08, 0.1)), 1) + rng.normal(0, 1, (5, 2))
        marks = Landmarks(tuple(map(tuple, seen)), "given", 1.0)
        faces.append(Face(f"{n}.png", "a", "masked", landmarks=marks))
    return FaceIndex(root, faces)


def aspects(index: FaceIndex) -> np.ndarray:
    return np.array([face.landmarks.pixel_aspect for face in index.faces if face.landmarks])


@pytest.mark.parametrize("stretch", [1.4, 0.65])
def test_a_group_that_was_stretched_gets_its_pixel_aspect(tmp_path: Path, stretch: float) -> None:
    found = aspects(with_pixel_aspects(an_index(tmp_path, stretch)))
    assert np.median(found) == pytest.approx(1 / stretch, rel=0.06)


def test_photographs_as_they_were_taken_keep_square_pixels(tmp_path: Path) -> None:
    assert (aspects(with_pixel_aspects(an_index(tmp_path, 1.0))) == 1).all()


def test_too_few_images_say_nothing(tmp_path: Path) -> None:
    assert (aspects(with_pixel_aspects(an_index(tmp_path, 1.4, count=19))) == 1).all()


def test_rare_sizes_of_a_domain_count_together(tmp_path: Path) -> None:
    found = aspects(with_pixel_aspects(an_index(tmp_path, 1.4, sizes=(90, 100, 110))))
    assert (found < 0.9).all()


def test_a_stated_pixel_aspect_stays(tmp_path: Path) -> None:
    index = an_index(tmp_path, 1.4)
    stated = [
        face._replace(landmarks=replace(face.landmarks, pixel_aspect=0.5))
        for face in index.faces
        if face.landmarks
    ]
    assert (aspects(with_pixel_aspects(FaceIndex(tmp_path, stated))) == 0.5).all()


def test_a_warp_by_the_pixel_aspect_gives_the_face_its_shape_back() -> None:
    front = geometry.alignment_points("arcface", 112, 112)
    source = geometry.FacePoints(front * (1.4, 1), 1 / 1.4)
    matrix = geometry.chip_matrix(112, 157, source=source, target="arcface", size=112)
    np.testing.assert_allclose(matrix, [[1.4, 0, 0], [0, 1, 0]], atol=1e-9)


def test_a_pixel_aspect_of_nothing_is_refused() -> None:
    front = geometry.alignment_points("arcface", 112, 112)
    with pytest.raises(ValueError, match="pixel_aspect must be above 0"):
        geometry.chip_matrix(
            9, 9, source=geometry.FacePoints(front, 0.0), target="arcface", size=112
        )
