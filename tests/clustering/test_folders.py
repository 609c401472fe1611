"""Folders of people, written from their photographs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface import images
from maskedface.clustering import Clusters, cluster_photos, write_people
from maskedface.clustering.folders import _QUALITY
from maskedface.recognition import Recognizer
from maskedface.recognition.enrollment import photos_of_people

Photograph = Callable[..., str]


def renamed(clusters: Clusters, **names: str) -> Clusters:
    """The same with other names: `person_001="Ada"`."""
    given = {old.replace("_", " "): new for old, new in names.items()}
    faces = tuple(
        dataclasses.replace(face, person=given.get(face.person, face.person))
        for face in clusters.faces
    )
    return dataclasses.replace(clusters, faces=faces)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def found(two_faces: Recognizer, photograph: Photograph) -> Clusters:
    """Ada on three photographs, Bob on two, Cy on one."""
    paths = [
        photograph("a", "Ada", "Bob"),
        photograph("bb", "Bob", "Ada"),
        photograph("ccc", "Ada", "Cy"),
    ]
    return cluster_photos(two_faces, paths, progress=False)


def test_each_person_has_a_folder_that_enroll_takes(found: Clusters, tmp_path: Path) -> None:
    written = write_people(found, tmp_path / "people", progress=False)
    assert written.people == {"person 001": 3, "person 002": 2} and not written.errors
    person_of = photos_of_people([str(tmp_path / "people")])
    assert sorted(person_of.values()) == ["person 001"] * 3 + ["person 002"] * 2
    assert [os.path.basename(path) for path in person_of][:3] == [
        "0001-a.jpg",
        "0004-bb.jpg",
        "0005-ccc.jpg",
    ]


def test_a_person_on_one_photograph_gets_a_folder_when_named(
    found: Clusters, tmp_path: Path
) -> None:
    write_people(renamed(found, person_003="Cy"), tmp_path / "people", progress=False)
    assert (tmp_path / "people" / "Cy").is_dir()
    write_people(found, tmp_path / "all", least=1, progress=False)
    assert (tmp_path / "all" / "person 003").is_dir()


def test_people_with_one_name_share_a_folder(found: Clusters, tmp_path: Path) -> None:
    named = renamed(found, person_001="Ada", person_002="Ada")
    assert write_people(named, tmp_path / "people", progress=False).people == {"Ada": 5}


def test_a_face_left_out_is_in_no_folder(found: Clusters, tmp_path: Path) -> None:
    write_people(renamed(found, person_001=""), tmp_path / "people", progress=False)
    assert os.listdir(tmp_path / "people") == ["person 002"]


def test_another_persons_face_is_covered(found: Clusters, tmp_path: Path) -> None:
    write_people(found, tmp_path / "people", progress=False)
    (crop,) = (tmp_path / "people").glob("person 001/*-a.jpg")
    pixels = images.read_image(str(crop)).astype(int)
    blue = (pixels[..., 2] > 200) & (pixels[..., 0] < 100)
    red = (pixels[..., 0] > 200) & (pixels[..., 1] < 100)
    assert not blue.any() and red.sum() > 100 * 100


def test_a_face_keeps_the_photographs_pixels(found: Clusters, tmp_path: Path) -> None:
    write_people(found, tmp_path / "people", progress=False)
    (crop,) = (tmp_path / "people").glob("person 001/*-a.jpg")
    pixels = images.read_image(str(crop))
    photograph = images.read_image(found.faces[0].path)
    left, top, right, bottom = map(int, found.faces[0].box)
    place = np.argwhere((pixels[..., 0] > 200) & (pixels[..., 1] < 100)).min(axis=0)
    face = pixels[place[0] : place[0] + bottom - top, place[1] : place[1] + right - left]
    away = np.abs(face.astype(int) - photograph[top:bottom, left:right].astype(int))
    assert face.shape == (bottom - top, right - left, 3) and away.mean() < 2 and _QUALITY == 95


def test_a_photograph_of_nothing_else_is_copied(
    colors_model, rates, tmp_path: Path, photograph: Photograph
) -> None:
    paths = [photograph("a", "Ada"), photograph("bb", "Ada")]
    whole = Recognizer(colors_model, alignment="arcface", aligned_to="arcface", rates=rates)
    write_people(cluster_photos(whole, paths, progress=False), tmp_path / "people", progress=False)
    copied = sorted((tmp_path / "people" / "person 001").iterdir())
    assert [path.read_bytes() for path in copied] == [Path(path).read_bytes() for path in paths]
    assert [path.suffix for path in copied] == [".png", ".png"]


@pytest.mark.parametrize("gone", [True, False])
def test_a_photograph_that_was_changed_costs_its_faces_alone(
    found: Clusters, tmp_path: Path, gone: bool
) -> None:
    path = found.faces[0].path
    if gone:
        os.remove(path)
    else:
        Image.new("RGB", (400, 240)).save(path)
    written = write_people(found, tmp_path / "people", page=tmp_path / "p.html", progress=False)
    assert list(written.errors) == [path] and written.people == {"person 001": 2, "person 002": 1}


def test_a_folder_that_holds_something_is_left_alone(found: Clusters, tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="must be absent or empty"):
        write_people(found, tmp_path / "people", progress=False)
    assert files(tmp_path / "people") == ["mine.txt"]


def test_nobody_is_kept_on_no_photograph(found: Clusters, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="least must be at least 1. Received: least=0"):
        write_people(found, tmp_path / "people", least=0, progress=False)
