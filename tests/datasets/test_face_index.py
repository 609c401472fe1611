from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface.datasets import (
    MFR2_PEOPLE,
    Face,
    FaceIndex,
    Landmarks,
    people_folder,
    read_manifest,
    write_manifest,
)
from maskedface.datasets.face_index import Exclusion


def index_of(*rows: tuple[str, str, str], root: str = "/faces") -> FaceIndex:
    return FaceIndex(root, [Face(path, person, domain) for path, person, domain in rows])  # type: ignore[arg-type]


INDEX = index_of(
    ("m/bo/0.jpg", "bo", "masked"),
    ("m/bo/1.jpg", "bo", "masked"),
    ("m/ada/0.jpg", "ada", "masked"),
    ("u/ada/0.jpg", "ada", "unmasked"),
    ("u/cy/0.jpg", "cy", "unmasked"),
)


def test_rows_are_sorted_however_they_come() -> None:
    assert FaceIndex("/faces", reversed(INDEX.faces)) == INDEX


def test_rows_with_landmarks_are_sorted_by_path_alone() -> None:
    five = Landmarks(((1, 1), (3, 1), (2, 2), (1, 3), (3, 3)), "given", 1.0)
    rows = [Face("b", "bo", "masked", landmarks=five), Face("a", "bo", "masked", landmarks=five)]
    assert [face.path for face in FaceIndex("/faces", [*rows, Face("c", "bo", "masked")]).faces] == [
        "a", "b", "c",
    ]  # fmt: skip


def test_landmarks_of_another_type_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"must be datasets.Landmarks or None. Received: landmarks=\(1"
    ):
        FaceIndex("/faces", [Face("a.jpg", "ada", "masked", landmarks=(1, 2))])  # type: ignore[arg-type]


def test_people_are_left_out_however_they_are_spelt() -> None:
    rows = (
        ("0", "Ben_Affleck", "masked"),
        ("1", "BenAffleck", "masked"),
        ("2", "pharrell williams", "unmasked"),
        ("3", "Imran-Khan", "masked"),
        ("4", "Ben_Afflecks", "masked"),
    )
    assert index_of(*rows).without(MFR2_PEOPLE).people == ("Ben_Afflecks",)


def test_labels_follow_the_sorted_names() -> None:
    assert INDEX.people == ("ada", "bo", "cy")
    np.testing.assert_array_equal(INDEX.labels(), [0, 1, 1, 0, 2])


def test_labels_follow_given_classes_and_refuse_others() -> None:
    np.testing.assert_array_equal(INDEX.only("masked").labels(("bo", "ada")), [1, 0, 0])
    with pytest.raises(
        ValueError, match=r"one of the classes. Received: 1 others, the first \['cy'\]"
    ):
        INDEX.labels(("ada", "bo"))


def test_only_one_domain_is_kept() -> None:
    assert {face.domain for face in INDEX.only("masked").faces} == {"masked"}


def test_people_in_both_are_those_with_both_domains() -> None:
    assert INDEX.people_in_both().people == ("ada",)


def test_with_at_least_counts_one_domain_and_keeps_all_rows() -> None:
    assert INDEX.with_at_least(2, "masked").people == ("bo",)
    assert len(INDEX.with_at_least(1, "unmasked").with_at_least(2)) == 2


def test_paths_start_from_the_root() -> None:
    assert INDEX.paths[0] == "/faces/m/ada/0.jpg"


def test_two_indexes_join_under_their_common_folder() -> None:
    first = index_of(("ada/0.jpg", "ada", "masked"), root="/faces/masks")
    second = FaceIndex(
        "/faces/bare", [Face("ada/0.jpg", "ada", "unmasked")], [Exclusion("x.txt", "why")]
    )
    both = first + second
    assert both.root == "/faces"
    assert [face.path for face in both.faces] == ["bare/ada/0.jpg", "masks/ada/0.jpg"]
    assert both.excluded == (Exclusion("bare/x.txt", "why"),)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a.jpg", "ada", "veiled")], "domain must be one of .* Received: domain='veiled'"),
        ([("a.jpg", "", "masked")], "person must not be empty"),
        ([("a.jpg", "ada", "masked"), ("a.jpg", "bo", "masked")], "path must occur once"),
    ],
)
def test_bad_rows_are_refused(rows: list[tuple[str, str, str]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        index_of(*rows)


def test_bad_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="count must be at least 1"):
        INDEX.with_at_least(0)
    with pytest.raises(ValueError, match="domain must be one of"):
        INDEX.only("both")  # type: ignore[arg-type]


def test_a_name_in_two_of_unicodes_forms_is_one_person(tmp_path: Path) -> None:
    for folder in ("Jos\u00e9", "Jose\u0301", "bo"):  # a keyboard's and a Mac's
        (tmp_path / folder).mkdir()
        Image.fromarray(np.zeros((8, 8, 3), "uint8")).save(tmp_path / folder / "a.png")
    index = people_folder(tmp_path, domain="unmasked")
    assert sorted(index.people) == ["Jos\u00e9", "bo"] and len(index) == 3
    assert all(os.path.exists(path) for path in index.paths)  # files keep their own names
    write_manifest(tmp_path / "m.csv", index)
    assert read_manifest(tmp_path / "m.csv", root=tmp_path).people == index.people


def test_it_shows_itself_in_a_line() -> None:
    assert repr(INDEX) == (
        "<FaceIndex of 5 images of 3 people in '/faces': 3 masked, 2 unmasked; 0 files left out>"
    )
    assert repr(FaceIndex("/faces", [])).startswith("<FaceIndex of 0 images of 0 people")
