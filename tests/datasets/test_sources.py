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
        ("AFDB_face_dataset/ada/notes.txt", "no image file extension"),
        ("AFDB_face_dataset/stray.jpg", "not in a person's folder"),
    )


def test_a_link_back_to_its_own_folder_ends_and_is_listed(tmp_path: Path) -> None:
    touch(tmp_path, "ada/0.jpg")
    (tmp_path / "ada" / "again").symlink_to(tmp_path, target_is_directory=True)
    index = datasets.people_folder(tmp_path, "masked")
    assert len(index) == 1
    assert index.excluded == (("ada/again", "a link to a parent folder"),)


def test_links_to_one_folder_are_all_followed(tmp_path: Path) -> None:
    touch(tmp_path / "store", "ada/0.jpg", "bo/0.jpg")
    root = tmp_path / "set"
    root.mkdir()
    for name in ("AFDB_face_dataset", "AFDB_masked_face_dataset"):
        (root / name).symlink_to(tmp_path / "store", target_is_directory=True)
    index = datasets.rmfrd(root)
    assert [face.domain for face in index.faces] == ["unmasked", "unmasked", "masked", "masked"]


def test_every_file_is_a_face_or_has_a_reason(tmp_path: Path) -> None:
    names = (
        *("AFDB_face_dataset/ada/0.jpg", "AFDB_face_dataset/ada/film.mp4", "README", "more/0.jpg"),
        *("AFDB_face_dataset/.ipynb_checkpoints/0.jpg", "AFDB_face_dataset/ada/._0.jpg"),
        *("__MACOSX/AFDB_face_dataset/ada/0.jpg", "AFDB_face_dataset/bo/scan.pdf"),
    )
    index = datasets.rmfrd(touch(tmp_path, *names))
    found = [row.path for row in (*index.faces, *index.excluded)]
    assert sorted(found) == sorted([*names, "AFDB_face_dataset/bo"])
    assert dict(index.excluded)["more/0.jpg"] == "in no AFDB folder"


def test_a_person_without_an_image_is_listed(tmp_path: Path) -> None:
    touch(tmp_path, "ada/0.jpg", "bo/film.mp4")
    (tmp_path / "cy").mkdir()
    reasons = dict(datasets.people_folder(tmp_path, "masked").excluded)
    assert reasons["bo"] == reasons["cy"] == "a person's folder without images"


@pytest.mark.parametrize("name", ["0.jp2", "0.avif", "0.HEIC", "0.pgm"])
def test_newer_and_older_formats_are_listed(tmp_path: Path, name: str) -> None:
    assert len(datasets.people_folder(touch(tmp_path, f"ada/{name}"), "masked")) == 1


@pytest.mark.parametrize(
    "folder", [".ipynb_checkpoints", "@eaDir", "__MACOSX", ".git", "$RECYCLE.BIN"]
)
def test_folders_of_tools_are_no_people(tmp_path: Path, folder: str) -> None:
    touch(tmp_path, "ada/0.jpg", f"{folder}/0.jpg", f"ada/{folder}/1.jpg")
    index = datasets.people_folder(tmp_path, "masked")
    assert index.people == ("ada",) and len(index) == 1
    assert {reason for _, reason in index.excluded} == {"a file of the operating system or a tool"}


@pytest.mark.parametrize(
    ("paths", "what"),
    [
        (["AFDB_face_dataset/ada/0.jpg", "AFDB_masked_face_dataset/ada/0.jpg"], "RMFRD's folders"),
        (["deep/AFDB_face_dataset/ada/0.jpg"], "RMFRD's folders"),
        (["Train/ada/0.jpg", "val/ada/0.jpg"], "a split's parts"),
        (["train/0.jpg", "test/0.jpg", ".git/0.jpg"], "a split's parts"),
        (["with_mask/ada/0.jpg", "without_mask/ada/0.jpg"], "the domains"),
    ],
)
def test_folders_that_hold_people_are_no_people(
    tmp_path: Path, paths: list[str], what: str
) -> None:
    with pytest.raises(
        ValueError, match=rf"one folder per person. Received: .* with {what} .* Pass one"
    ):
        datasets.people_folder(touch(tmp_path, *paths), "masked")


@pytest.mark.parametrize("paths", [["Test/0.jpg"], ["Train/0.jpg", "ada/0.jpg"]])
def test_a_person_may_be_called_as_a_part_is(tmp_path: Path, paths: list[str]) -> None:
    assert len(datasets.people_folder(touch(tmp_path, *paths), "masked")) == len(paths)


def test_a_split_tree_read_as_rmfrd_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="with a split's parts .* Pass one of them, .*train"):
        datasets.rmfrd(touch(tmp_path, "train/ada/0.jpg", "val/ada/0.jpg"))


def test_people_folder_takes_the_first_folder_as_the_person(tmp_path: Path) -> None:
    touch(tmp_path, "ada/2021/0.jpg", "bo/0.png", "stray.jpg")
    index = datasets.people_folder(tmp_path, "unmasked", alignment="arcface")
    assert index.people == ("ada", "bo")
    assert {face.alignment for face in index.faces} == {"arcface"}
    assert index.excluded == (("stray.jpg", "not in a person's folder"),)


def test_listing_opens_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "ada/0.jpg")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(os, "open", refuse)
    assert len(datasets.people_folder(tmp_path, "masked")) == 1


@pytest.mark.parametrize("read", [datasets.rmfrd, lambda r: datasets.people_folder(r, "masked")])
def test_an_empty_folder_is_an_error(tmp_path: Path, read: object) -> None:
    with pytest.raises(ValueError, match=r"root must contain .* Received: root="):
        read(tmp_path)  # type: ignore[operator]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="root must be a folder"):
        datasets.rmfrd(tmp_path / "none")
