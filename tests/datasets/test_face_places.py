from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, geometry
from maskedface.datasets import Face, FaceIndex, Landmarks
from maskedface.datasets.aligned_faces import read_aligned_face
from maskedface.datasets.face_places import as_whole_images, is_placed

FIVE = Landmarks(((30, 40), (70, 41), (50, 60), (35, 80), (66, 81)), "aligner", 0.5)
OTHER = Landmarks(((31, 40), (70, 41), (50, 60), (35, 80), (66, 81)), "given", 1)


def test_a_row_is_warped_by_landmarks_before_its_alignment() -> None:
    face = Face("a.jpg", "ada", "masked", alignment="arcface")
    assert datasets.face_source(face) == "arcface"
    source = datasets.face_source(face._replace(landmarks=FIVE))
    np.testing.assert_array_equal(source.points, FIVE.points)
    assert datasets.face_source(face._replace(alignment="")) == ""


def test_chips_and_batches_are_cut_by_landmarks(drawn: FaceIndex) -> None:
    points = geometry.alignment_points("arcface", 64, 64)
    moved = Landmarks(tuple(map(tuple, points + 5)), "given", 1.0)
    index = FaceIndex(drawn.root, [drawn.faces[0]._replace(landmarks=moved)])
    (chip,) = datasets.read_aligned_faces(index, size=40, alignment="dlib")
    expected = read_aligned_face(
        index.paths[0], size=40, alignment="dlib", source=np.array(moved.points)
    )
    np.testing.assert_array_equal(chip, expected)
    assert (chip != datasets.read_aligned_faces(drawn, size=40, alignment="dlib")[0]).any()
    images, _ = next(
        datasets.as_tf_dataset(index, image_size=40, alignment="dlib").as_numpy_iterator()
    )
    np.testing.assert_array_equal(images[0], chip)


def test_other_landmarks_make_another_cache_file(drawn: FaceIndex, tmp_path: Path) -> None:
    for landmarks in (None, FIVE, OTHER, OTHER):
        index = FaceIndex(drawn.root, [drawn.faces[0]._replace(landmarks=landmarks)])
        datasets.read_aligned_faces(index, size=40, alignment="dlib", cache=tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 3


def test_landmarks_are_applied_by_path_and_other_rows_left(
    drawn: FaceIndex, tmp_path: Path
) -> None:
    first, second, *_ = drawn.faces
    found = FaceIndex(drawn.root, [first._replace(landmarks=FIVE), second])
    datasets.write_manifest(tmp_path / "aligned.csv", found)
    given = FaceIndex(drawn.root, [first, second._replace(landmarks=OTHER), *drawn.faces[2:]])
    applied = datasets.apply_landmarks(given, tmp_path / "aligned.csv")
    assert [face.landmarks for face in applied.faces[:3]] == [FIVE, OTHER, None]
    assert [face[:5] for face in applied.faces] == [face[:5] for face in drawn.faces]


def test_landmarks_of_other_paths_are_refused(drawn: FaceIndex, tmp_path: Path) -> None:
    other = FaceIndex(drawn.root, [Face("x.jpg", "ada", "masked", landmarks=FIVE)])
    datasets.write_manifest(tmp_path / "aligned.csv", other)
    with pytest.raises(ValueError, match=r"landmarks of 1 paths \['x.jpg'\], none of them"):
        datasets.apply_landmarks(drawn, tmp_path / "aligned.csv")


def test_whole_images_have_neither_landmarks_nor_alignment(drawn: FaceIndex) -> None:
    index = FaceIndex(drawn.root, [drawn.faces[0]._replace(landmarks=FIVE)])
    (face,) = as_whole_images(index).faces
    assert is_placed(index.faces[0]) and not is_placed(face)
