from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from maskedface import datasets
from maskedface.datasets import Face, FaceIndex
from maskedface.datasets.splits import shared_rows

Split = Callable[..., tuple[FaceIndex, FaceIndex]]


def people(count: int, photos: int = 4, variants: int = 3) -> FaceIndex:
    return FaceIndex(
        "/faces",
        [
            Face(f"{domain}/p{p}/{photo}_{variant}.jpg", f"p{p}", domain, f"p{p} {photo}")
            for p in range(count)
            for photo in range(photos)
            for variant in range(variants)
            for domain in ("masked", "unmasked")
        ],
    )


@pytest.mark.parametrize(
    "split", [datasets.split_by_image, datasets.split_by_photo, datasets.split_by_person]
)
def test_every_row_is_in_one_part(split: Split) -> None:
    index = people(12)
    train, test = split(index, train_fraction=0.7, seed=3)
    assert sorted(train.faces + test.faces) == list(index.faces)
    assert not shared_rows(test, train)


@pytest.mark.parametrize(
    "split", [datasets.split_by_image, datasets.split_by_photo, datasets.split_by_person]
)
def test_adding_people_moves_nobody_else(split: Split) -> None:
    small, _ = split(people(12))
    large, _ = split(people(15))
    old = set(small.people) | {f"p{p}" for p in range(12)}
    assert [face for face in large.faces if face.person in old] == list(small.faces)


@pytest.mark.parametrize(
    "split", [datasets.split_by_image, datasets.split_by_photo, datasets.split_by_person]
)
def test_the_seed_decides_the_split(split: Split) -> None:
    index = people(12)
    assert split(index, seed=1) == split(index, seed=1)
    assert split(index, seed=1) != split(index, seed=2)


def test_by_image_takes_a_share_of_each_person_and_domain() -> None:
    train, _ = datasets.split_by_image(people(5, photos=5, variants=2), train_fraction=0.7)
    assert set(Counter((face.person, face.domain) for face in train.faces).values()) == {7}


def test_by_photo_keeps_the_images_of_a_photo_together() -> None:
    train, test = datasets.split_by_photo(people(6))
    assert not {face.photo for face in train.faces} & {face.photo for face in test.faces}
    assert train.people == test.people


def test_by_photo_refuses_unknown_photos() -> None:
    index = FaceIndex("/faces", [face._replace(photo="") for face in people(2).faces])
    with pytest.raises(ValueError, match="every row must have a photo.* Received: 48 of 48"):
        datasets.split_by_photo(index)


def test_by_person_puts_nobody_on_both_sides() -> None:
    train, test = datasets.split_by_person(people(40))
    assert not set(train.people) & set(test.people)
    assert 20 <= len(train.people) <= 36


def test_a_person_with_one_image_goes_to_train() -> None:
    index = FaceIndex("/faces", [*people(3).faces, Face("one.jpg", "one", "masked", "one")])
    for split in (datasets.split_by_image, datasets.split_by_photo):
        train, test = split(index)
        assert "one" in train.people and "one" not in test.people


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1, 1.5])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"train_fraction must be in \(0, 1\)"):
        datasets.split_by_image(people(3), train_fraction=fraction)


def test_a_split_with_an_empty_part_is_refused() -> None:
    index = FaceIndex("/faces", [Face("one.jpg", "one", "masked")])
    with pytest.raises(ValueError, match="both parts .* must contain images"):
        datasets.split_by_image(index)


def test_a_smaller_share_is_inside_a_larger_one() -> None:
    index = people(4, photos=10, variants=1)
    shares = [set(datasets.take_share(index, share).faces) for share in (0, 0.1, 0.5, 1)]
    assert shares[0] < shares[1] < shares[2] < shares[3]
    assert len(shares[1]) == 8 and len(shares[2]) == 40


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"share must be in \[0, 1\]"):
        datasets.take_share(people(2), 1.1)


def test_the_same_file_under_another_name_is_a_shared_row(tmp_path: Path) -> None:
    (tmp_path / "0.jpg").touch()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "0.jpg")
    first = FaceIndex(tmp_path, [Face("0.jpg", "ada", "masked")])
    second = FaceIndex(tmp_path, [Face("link.jpg", "ada", "masked")])
    assert shared_rows(first, second) == ("0.jpg",)


def test_the_same_set_in_another_place_is_shared_rows() -> None:
    index = people(2)
    assert len(shared_rows(index, FaceIndex("/copy", index.faces))) == len(index)
