from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageEnhance

from maskedface import datasets
from maskedface.datasets import FaceIndex
from tests.faces import draw_face


@pytest.fixture
def index(tmp_path: Path) -> FaceIndex:
    """One person: two photos, the first also as a smaller, a brighter and a mirrored copy."""
    folder = tmp_path / "ada"
    folder.mkdir()
    first = Image.fromarray(draw_face(0, 0, masked=False))
    first.save(folder / "a.png")
    first.resize((90, 90)).save(folder / "a_small.jpg", quality=80)
    ImageEnhance.Brightness(first).enhance(1.15).save(folder / "a_bright.png")
    first.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "a_mirror.png")
    Image.fromarray(draw_face(0, 3, masked=False)).save(folder / "b.png")
    return datasets.people_folder(tmp_path, "unmasked")


def photos(index: FaceIndex) -> dict[str, str]:
    return {Path(face.path).stem: face.photo for face in index.faces}


def test_copies_of_a_photo_are_one_group(index: FaceIndex) -> None:
    found = photos(datasets.with_photo_groups(index, progress=False))
    assert {name for name, photo in found.items() if photo == found["a"]} == {
        "a",
        "a_small",
        "a_bright",
        "a_mirror",
    }
    assert found["b"] != found["a"]


def test_known_photos_are_kept_and_taken_over(index: FaceIndex) -> None:
    named = FaceIndex(
        index.root,
        [f._replace(photo="album 7") if f.path == "ada/a.png" else f for f in index.faces],
    )
    found = photos(datasets.with_photo_groups(named, progress=False))
    assert found["a"] == found["a_small"] == "album 7"


def test_photos_of_different_people_are_never_one(tmp_path: Path) -> None:
    for person in ("ada", "bo"):
        (tmp_path / person).mkdir()
        Image.fromarray(draw_face(0, 0, masked=False)).save(tmp_path / person / "a.png")
    index = datasets.people_folder(tmp_path, "unmasked")
    assert len({f.photo for f in datasets.with_photo_groups(index, progress=False).faces}) == 2


def test_the_groups_make_a_split_by_photo_possible(index: FaceIndex) -> None:
    train, test = datasets.split_by_photo(datasets.with_photo_groups(index, progress=False))
    assert not {face.photo for face in train.faces} & {face.photo for face in test.faces}


def test_a_distance_out_of_range_is_refused(index: FaceIndex) -> None:
    with pytest.raises(ValueError, match="max_distance must be"):
        datasets.with_photo_groups(index, max_distance=-1)
