"""The drawn people: layout, repeatability, what identity is made of, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface.datasets import Face
from maskedface.datasets.sources import rmfrd
from maskedface.geometry import ALIGNMENTS
from maskedface.synthetic.drawn_people import draw_face, draw_people


def _bytes(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*.jpg")}


def test_rmfrd_reads_the_layout(tmp_path: Path) -> None:
    drawn = draw_people(tmp_path, people=3, photos=2, masked_photos=4, size=32)
    read = rmfrd(tmp_path, alignment="arcface")
    assert [face._replace(photo="") for face in drawn.faces] == list(read.faces)
    assert read.excluded == ()
    assert (len(read.only("unmasked")), len(read.only("masked"))) == (6, 12)
    assert len(read.people_in_both().people) == 3


def test_rows_name_the_file_the_alignment_and_a_photo_of_their_own(tmp_path: Path) -> None:
    index = draw_people(tmp_path, people=2, photos=2, size=32)
    assert index.faces[1] == Face(
        "AFDB_face_dataset/person_0000/0_0_person_0000_0001.jpg",
        "person_0000",
        "unmasked",
        "person_0000_u01",
        "arcface",
    )
    assert "AFDB_masked_face_dataset/person_0001/0_0_1.jpg" in {f.path for f in index.faces}
    assert len({face.photo for face in index.faces}) == len(index) == 8
    assert {face.alignment for face in index.faces} <= set(ALIGNMENTS)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        np.random.seed(len(name))  # a global generator must play no part
        np.random.rand(ord(name))
        draw_people(tmp_path / name, people=2, photos=1, size=48, seed=5)
    assert len(_bytes(tmp_path / "a")) == 4
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")


def test_more_people_and_photos_change_nobodys_pixels(tmp_path: Path) -> None:
    draw_people(tmp_path / "few", people=1, photos=1, size=48)
    draw_people(tmp_path / "many", people=3, photos=2, masked_photos=3, size=48)
    few, many = _bytes(tmp_path / "few"), _bytes(tmp_path / "many")
    assert len(few) == 2 and len(many) == 15
    assert few.items() <= many.items()


def test_files_hold_the_drawn_face(tmp_path: Path) -> None:
    draw_people(tmp_path, people=1, photos=1, size=112)
    path = tmp_path / "AFDB_masked_face_dataset/person_0000/0_0_0.jpg"
    saved = np.asarray(Image.open(path), float)
    assert np.abs(saved - draw_face(0, 0, True)).mean() < 8  # JPEG and the noise it drops


@pytest.mark.parametrize("size", [32, 112, 150])
def test_a_face_has_the_asked_size(size: int) -> None:
    face = draw_face(1, 2, True, size=size)
    assert face.shape == (size, size, 3) and face.dtype == np.uint8


def test_seed_person_photo_and_mask_each_change_the_face() -> None:
    faces = [
        draw_face(0, 0, False),
        draw_face(0, 0, False, seed=1),
        draw_face(1, 0, False),
        draw_face(0, 1, False),
        draw_face(0, 0, True),
    ]
    for i, first in enumerate(faces):
        for second in faces[:i]:
            assert np.abs(first.astype(float) - second).mean() > 5


def test_a_larger_face_is_the_same_picture() -> None:
    small = draw_face(4, 1, True, size=56).astype(float)
    large = draw_face(4, 1, True, size=112).reshape(56, 2, 56, 2, 3).mean((1, 3))
    assert np.abs(small - large).mean() < 8


# Dozens of people are drawn.
@pytest.mark.long
def test_identity_shows_above_the_mask() -> None:
    people, photos = 8, 6
    above = np.array(
        [
            [
                [draw_face(p, n, masked, size=48)[:26].astype(float).ravel() for n in range(photos)]
                for masked in (False, True)
            ]
            for p in range(people)
        ]
    )
    bare, masked = above.mean(axis=2).transpose(1, 0, 2)
    distance = np.abs(bare[:, None] - masked[None]).mean(axis=2)
    own = np.diag(distance)
    others = distance[~np.eye(people, dtype=bool)]
    assert own.mean() < 0.7 * others.mean()
    assert (distance.argmin(axis=1) == np.arange(people)).mean() > 0.5


def test_the_mask_hides_the_lower_face() -> None:
    def spread(masked: bool) -> float:
        # Around the mouth, how far a person's photos are from one color.
        mouths = [draw_face(p, 0, masked)[88:98, 42:70].astype(float) for p in range(10)]
        return float(np.median([mouth.std((0, 1)).mean() for mouth in mouths]))

    assert spread(True) < 0.7 * spread(False)


def test_dark_pupils_lie_near_the_alignment_eyes() -> None:
    left, right = ALIGNMENTS["arcface"].points[:2]
    mean = np.mean([draw_face(p, n, True) for p in range(8) for n in range(4)], axis=(0, 3))
    for x, y in (left, right):
        row, column = round(y), round(x)
        eye = mean[row - 3 : row + 4, column - 4 : column + 5].mean()
        cheek = mean[row + 8 : row + 11, column - 4 : column + 5].mean()
        assert eye < cheek - 10


@pytest.mark.parametrize(
    "bad", [{"people": 0}, {"photos": 0}, {"masked_photos": -1}, {"size": 31}, {"seed": -1}]
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, bad: dict[str, int]) -> None:
    (name,) = bad
    with pytest.raises(ValueError, match=f"{name} must be at least .* Received: {name}="):
        draw_people(tmp_path, **bad)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [{"person": -1}, {"photo": -1}, {"size": 31}, {"seed": -1}])
def test_draw_face_refuses_numbers_out_of_range(bad: dict[str, int]) -> None:
    (name,) = bad
    with pytest.raises(ValueError, match=f"{name} must be at least"):
        draw_face(**{"person": 0, "photo": 0, "masked": False, **bad})


def test_drawing_again_over_the_same_files_is_allowed(tmp_path: Path) -> None:
    first = draw_people(tmp_path, people=2, photos=1, size=32)
    before = _bytes(tmp_path)
    assert draw_people(tmp_path, people=2, photos=1, size=32) == first
    assert _bytes(tmp_path) == before


@pytest.mark.parametrize("folder", ["AFDB_face_dataset", "AFDB_masked_face_dataset"])
def test_other_files_are_never_mixed_in(tmp_path: Path, folder: str) -> None:
    other = tmp_path / folder / "somebody" / "1.jpg"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"a photo")
    with pytest.raises(FileExistsError, match="choose another root, or delete"):
        draw_people(tmp_path, people=1, photos=1, size=32)
    assert _bytes(tmp_path) == {f"{folder}/somebody/1.jpg": b"a photo"}


def test_fewer_people_than_before_are_not_mixed_in(tmp_path: Path) -> None:
    draw_people(tmp_path, people=2, photos=1, size=32)
    with pytest.raises(FileExistsError):
        draw_people(tmp_path, people=1, photos=1, size=32)


def test_files_beside_the_two_folders_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert len(draw_people(tmp_path, people=1, photos=1, masked_photos=0, size=32)) == 1
