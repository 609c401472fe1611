from __future__ import annotations

import builtins
import os
from pathlib import Path

import pytest

from maskedface import datasets


def touch(root: Path, *paths: str) -> Path:
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return root


def test_rmfrd_finds_both_folders_at_any_depth(tmp_path: Path) -> None:
    deep = "self-built-masked-face-recognition-dataset"
    touch(
        tmp_path,
        f"a/{deep}/AFDB_masked_face_dataset/aidai/0_0_0.jpg",
        f"a/{deep}/AFDB_face_dataset/aidai/0_0_aidai_0014.jpg",
    )
    index = datasets.rmfrd(tmp_path)
    assert [(face.person, face.domain) for face in index.faces] == [
        ("aidai", "unmasked"),
        ("aidai", "masked"),
    ]


@pytest.mark.parametrize("name", ["0.jpg", "0.JPG", "0.jpeg", "0.JPEG", "0.png", "0.Png", "0.bmp"])
def test_rmfrd_takes_every_spelling_of_an_image_name(tmp_path: Path, name: str) -> None:
    assert len(datasets.rmfrd(touch(tmp_path, f"AFDB_face_dataset/aidai/{name}"))) == 1


def test_rmfrd_reads_folders_nested_twice(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "AFDB_face_dataset/AFDB_face_dataset/aidai/0.jpg",
        "AFDB_masked_face_dataset/zhou/zhou/0.jpg",
    )
    assert datasets.rmfrd(tmp_path).people == ("aidai", "zhou")


def test_names_that_do_not_decode_open_their_own_file(tmp_path: Path) -> None:
    folder = os.path.join(os.fsencode(tmp_path), b"AFDB_face_dataset", "冯".encode("gbk"))
    os.makedirs(folder)
    with open(os.path.join(folder, b"0 0 \xb7\xeb.JPEG"), "wb") as file:
        file.write(b"bytes")
    index = datasets.rmfrd(tmp_path)
    assert len(index) == 1
    with open(index.paths[0], "rb") as file:
        assert file.read() == b"bytes"


def test_files_that_are_no_images_are_listed_not_lost(tmp_path: Path) -> None:
    touch(tmp_path, "AFDB_face_dataset/ada/0.jpg", "AFDB_face_dataset/ada/notes.txt")
    touch(tmp_path, "AFDB_face_dataset/stray.jpg")
    assert datasets.rmfrd(tmp_path).excluded == (
        ("AFDB_face_dataset/ada/notes.txt", "not an image name"),
        ("AFDB_face_dataset/stray.jpg", "in no person's folder"),
    )


def test_a_link_back_to_its_own_folder_ends(tmp_path: Path) -> None:
    touch(tmp_path, "ada/0.jpg")
    (tmp_path / "ada" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert len(datasets.people_folder(tmp_path, "masked")) == 1


def test_people_folder_takes_the_first_folder_as_the_person(tmp_path: Path) -> None:
    touch(tmp_path, "ada/2021/0.jpg", "bo/0.png", "stray.jpg")
    index = datasets.people_folder(tmp_path, "unmasked", alignment="arcface")
    assert index.people == ("ada", "bo")
    assert {face.alignment for face in index.faces} == {"arcface"}
    assert index.excluded == (("stray.jpg", "in no person's folder"),)


def test_listing_opens_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "ada/0.jpg")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(os, "open", refuse)
    assert len(datasets.people_folder(tmp_path, "masked")) == 1


@pytest.mark.parametrize("read", [datasets.rmfrd, lambda r: datasets.people_folder(r, "masked")])
def test_an_empty_folder_is_an_error(tmp_path: Path, read: object) -> None:
    with pytest.raises(ValueError, match=r"root must hold .* Received: root="):
        read(tmp_path)  # type: ignore[operator]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="root must be a folder"):
        datasets.rmfrd(tmp_path / "none")
