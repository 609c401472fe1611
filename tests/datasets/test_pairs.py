from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets
from maskedface.datasets.pairs import PairList


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "wb").close()


def named(pairs: PairList) -> list[tuple[str, str, bool]]:
    paths = [face.path for face in pairs.index.faces]
    rows = zip(pairs.first, pairs.second, pairs.same, strict=True)
    return [(paths[one], paths[two], bool(same)) for one, two, same in rows]


def test_lfw_pairs_come_in_their_own_folds(tmp_path: Path) -> None:
    touch(tmp_path, "Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg", "Bo_B/Bo_B_0001.jpg")
    lines = "2 1\nAda\t1\t2\nAda\t1\tBo_B\t1\nAda\t2\t1\nBo_B\t1\tAda\t2\n"
    (tmp_path / "pairs.txt").write_text(lines)
    pairs = datasets.read_pairs("lfw", tmp_path, alignment="arcface")
    assert named(pairs)[:2] == [
        ("Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg", True),
        ("Ada/Ada_0001.jpg", "Bo_B/Bo_B_0001.jpg", False),
    ]
    assert pairs.folds.tolist() == [0, 0, 1, 1] and pairs.missing == () and pairs.lost == 0
    assert {face[1:5] for face in pairs.index.faces} == {
        ("Ada", "unmasked", "", "arcface"),
        ("Bo_B", "unmasked", "", "arcface"),
    }


def test_missing_faces_are_named_and_their_pairs_counted(tmp_path: Path) -> None:
    touch(tmp_path, "Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg")
    (tmp_path / "pairs.txt").write_text("1 2\nAda 1 2\nAda 1 3\nAda 1 Bo 1\nAda 2 Bo 1\n")
    pairs = datasets.read_pairs("lfw", tmp_path)
    assert pairs.missing == ("Ada/Ada_0003.jpg", "Bo/Bo_0001.jpg") and pairs.lost == 3
    assert named(pairs) == [("Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg", True)]


def test_mfr2_says_who_is_masked_and_gets_folds(tmp_path: Path) -> None:
    touch(tmp_path, *(f"Ada/Ada_000{n}.png" for n in (1, 2, 3)), "Bo/Bo_0001.png")
    (tmp_path / "mfr2_labels.txt").write_text("Ada, 1, no-mask\nAda, 2, cloth\nAda, 3, N95\n")
    (tmp_path / "pairs.txt").write_text("Ada 1 2\n" * 10 + "Ada 1 Bo 1\n" * 10)
    pairs = datasets.read_pairs("mfr2", tmp_path)
    domains = {face.path: face.domain for face in pairs.index.faces}
    assert domains == {
        "Ada/Ada_0001.png": "unmasked", "Ada/Ada_0002.png": "masked", "Bo/Bo_0001.png": "masked"
    }  # fmt: skip
    assert pairs.folds.tolist() == [*range(10)] * 2


def test_mlfw_may_lie_flat_and_name_its_files(tmp_path: Path) -> None:
    touch(tmp_path, "Ada_Lo_0001_0002.jpg", "Ada_Lo_0003_0000.jpg")
    (tmp_path / "pairs.txt").write_text("Ada_Lo_0001_0002.jpg Ada_Lo_0003_0000.jpg 1\n")
    pairs = datasets.read_pairs("mlfw", tmp_path)
    assert {(face.person, face.domain) for face in pairs.index.faces} == {("Ada_Lo", "masked")}


def test_rmfvd_knows_its_bare_faces_by_their_name(tmp_path: Path) -> None:
    touch(tmp_path, "masked_whn/01_2_ada_03/0.jpg", "masked_whn/01_2_ada_03/unmasked.jpg")
    (tmp_path / "list").write_text("01_2_ada_03/0.jpg 01_2_ada_03/unmasked.jpg 1\n")
    pairs = datasets.read_pairs("rmfvd", tmp_path, tmp_path / "list")
    assert [face.domain for face in pairs.index.faces] == ["masked", "unmasked"]
    assert {face.person for face in pairs.index.faces} == {"01_2_ada_03"}


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_crmfrd_finds_chinese_names_in_either_encoding(tmp_path: Path, encoding: str) -> None:
    picture = os.fsdecode("ada/0_0_批注 1.png".encode(encoding))
    touch(
        tmp_path, f"x/AFDB_masked_face_dataset/{picture}", "x/AFDB_face_dataset/bo/0_0_bo_0001.jpg"
    )
    text = "Input,Target,Label\r\nada/0_0_批注 1.png,bo/0_0_bo_0001,0\r\n"
    (tmp_path / "list").write_bytes(text.encode("gbk"))
    pairs = datasets.read_pairs("c-rmfrd", tmp_path, tmp_path / "list")
    assert [(face.person, face.domain) for face in pairs.index.faces] == [
        ("bo", "unmasked"), ("ada", "masked"),
    ]  # fmt: skip
    assert pairs.same.tolist() == [False]
    (tmp_path / "faces").write_bytes("ada/0_0_批注 1.png\r\ncy/1.jpg\n".encode("gbk"))
    faces, missing = datasets.read_face_list(tmp_path / "faces", tmp_path, "masked")
    assert len(faces) == 1 and missing == ("cy/1.jpg",)


def test_a_folder_twice_inside_itself_is_one(tmp_path: Path) -> None:
    inner = "AFDB_face_dataset/ada/0.jpg"
    touch(tmp_path, inner, f"AFDB_face_dataset/{inner}")
    (tmp_path / "faces").write_text("ada/0.jpg\n")
    faces, missing = datasets.read_face_list(tmp_path / "faces", tmp_path, "unmasked")
    assert [face.path for face in faces.faces] == [f"AFDB_face_dataset/{inner}"] and not missing


def test_two_files_that_differ_by_their_ending_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "Ada/Ada_0001.jpg", "Ada/Ada_0001.png", "Ada/Ada_0002.jpg")
    (tmp_path / "pairs.txt").write_text("Ada 1 2\n")
    assert named(datasets.read_pairs("lfw", tmp_path))[0][0] == "Ada/Ada_0001.jpg"


def test_wrong_lists_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "Ada/Ada_0001.jpg")
    path = tmp_path / "pairs.txt"
    with pytest.raises(ValueError, match="protocol must be one of"):
        datasets.read_pairs("lfv", tmp_path)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        datasets.read_pairs("lfw", tmp_path)
    path.write_text("Ada 1\n")
    with pytest.raises(ValueError, match="a line of pairs must be"):
        datasets.read_pairs("lfw", tmp_path)
    path.write_text("Cy 1 2\n")
    with pytest.raises(ValueError, match="root must contain the faces"):
        datasets.read_pairs("lfw", tmp_path)
    path.write_text("Input,Target,Label\na,b,2\n")
    with pytest.raises(ValueError, match="Label must be 0 or 1"):
        datasets.read_pairs("c-rmfrd", tmp_path, path)
    (tmp_path / "mfr2_labels.txt").write_text("Ada 1 none\n")
    path.write_text("Ada 1 1\n")
    with pytest.raises(ValueError, match="a line must be 'Name, 1, mask'"):
        datasets.read_pairs("mfr2", tmp_path)
    with pytest.raises(ValueError, match="root must contain faces of the list"):
        datasets.read_face_list(path, tmp_path, "masked")


def test_folds_are_numbers_of_one_type(tmp_path: Path) -> None:
    touch(tmp_path, "Ada/Ada_0001.jpg")
    (tmp_path / "pairs.txt").write_text("Ada 1 1\n")
    assert datasets.read_pairs("lfw", tmp_path).folds.dtype == np.int64
