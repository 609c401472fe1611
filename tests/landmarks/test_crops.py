"""Crops: what is in them, what their manifest says, and that no photograph is ever written over."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface import datasets, geometry, images, synthetic
from maskedface.datasets import Face, FaceIndex, Landmarks
from maskedface.datasets.manifest import read_protocols
from maskedface.landmarks import write_crops
from maskedface.landmarks.crops import crop_path

POINTS = geometry.alignment_points("arcface", 112, 112)


@pytest.fixture
def index(tmp_path: Path) -> FaceIndex:
    """A drawn face at a place of a larger image, in each of several kinds of file."""
    root = tmp_path / "images"
    faces = []
    names = ("a/1.jpg", "a/2.PNG", "b/3.bmp", "b/4.webp", os.fsdecode(b"b/\xc4\xe3.jpg"))
    for n, name in enumerate(names):
        canvas = np.full((200, 240, 3), 90, np.uint8)
        canvas[40:152, 60:172] = synthetic.draw_face(n, 0, False)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(canvas).save(root / name, **({"quality": 95} if "jpg" in name else {}))
        five = Landmarks(tuple(map(tuple, POINTS + np.array([60, 40]))), "given", 1)  # type: ignore[arg-type]
        faces.append(Face(name, name[0], "unmasked", f"photo {n}", "", five))
    return FaceIndex(root, faces)


def test_each_face_is_warped_to_the_alignment(index: FaceIndex, tmp_path: Path) -> None:
    made = write_crops(index, tmp_path / "crops", size=112)
    assert [face.path for face in made.faces] == [crop_path(face.path) for face in index.faces]
    for n, (path, name) in enumerate(zip(made.paths, ("1", "2", "3", "4", "x"), strict=True)):
        crop, drawn = images.read_image(path), synthetic.draw_face(n, 0, False)
        assert crop.shape == (112, 112, 3)
        assert abs(crop.astype(int) - drawn).mean() < (1 if name in "23" else 8)  # not the lossless
        with Image.open(path) as image:
            assert image.format == ("JPEG" if path.endswith("jpg") else "PNG")


def test_their_manifest_is_trained_on(index: FaceIndex, tmp_path: Path) -> None:
    parts = {"closed": {"train": index.where(lambda face: face.person == "a")}, "empty": {}}
    made = write_crops(index, tmp_path / "crops", alignment="dlib", size=80, protocols=parts)
    read = datasets.read_manifest(tmp_path / "crops" / "manifest.csv")
    assert read.faces == made.faces and read.root == made.root
    assert {(face.alignment, face.landmarks) for face in read.faces} == {("dlib", None)}
    assert [face.photo for face in read.faces] == [face.photo for face in index.faces]
    protocols = read_protocols(tmp_path / "crops" / "manifest.csv")
    assert list(protocols) == ["closed", "empty"] and len(protocols["closed"]["train"]) == 2
    record = json.loads((tmp_path / "crops" / "crops.json").read_text())
    assert record == {"alignment": "dlib", "size": 80, "finished": True}


def test_rows_without_a_crop_are_accounted_for(index: FaceIndex, tmp_path: Path) -> None:
    first, second, third, *others = index.faces
    Path(index.root, third.path).write_bytes(b"no image")
    rows = FaceIndex(
        index.root,
        [
            first._replace(landmarks=None),
            second._replace(landmarks=None, alignment="dlib"),
            third,
            *others,
        ],
    )
    made = write_crops(rows, tmp_path / "crops", protocols={"closed": {"train": rows}}, size=50)
    assert len(made) == 3 and made.faces[0].path == "a/2.PNG"
    reasons = {gone.path: gone.reason for gone in made.excluded}
    assert reasons[first.path] == "no face was found" and "be an image" in reasons[third.path]


def test_crops_of_before_are_written_over(index: FaceIndex, tmp_path: Path) -> None:
    write_crops(index, tmp_path / "crops", size=50)
    made = write_crops(index, tmp_path / "crops", size=60)
    assert images.read_image(made.paths[0]).shape == (60, 60, 3)


def test_a_killed_run_leaves_no_manifest_and_goes_on(
    index: FaceIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "crops"
    write_crops(index, folder, size=50)

    def killed(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("maskedface.landmarks.crops._write", killed)
        with pytest.raises(KeyboardInterrupt):
            write_crops(index, folder, alignment="dlib")
    assert not (folder / "manifest.csv").exists()
    assert json.loads((folder / "crops.json").read_text())["finished"] is False
    assert len(write_crops(index, folder, alignment="dlib")) == len(index)


@pytest.mark.parametrize("folder", ["images", "images/crops", "images/../images/a", ".", "link"])
def test_crops_never_lie_among_or_round_the_images(
    index: FaceIndex, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "images")
    with pytest.raises(ValueError, match="folder must be outside the images' folder.*Received: "):
        write_crops(index, tmp_path / folder)


def test_other_folders_are_not_written_to(index: FaceIndex, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "manifest.csv").write_text("mine")
    with pytest.raises(
        ValueError, match="folder must be empty or have earlier crops.*manifest.csv"
    ):
        write_crops(index, tmp_path / "full")
    assert (tmp_path / "full" / "manifest.csv").read_text() == "mine"
    with pytest.raises(ValueError, match="folder must be a folder"):
        write_crops(index, tmp_path / "full" / "manifest.csv")


@pytest.mark.parametrize("outside", ["..", "absolute"])
def test_a_path_that_leads_out_of_its_root_is_refused(
    index: FaceIndex, tmp_path: Path, outside: str
) -> None:
    path = "../images/a/1.jpg" if outside == ".." else str(Path(index.root, "a/1.jpg"))
    before = Path(index.root, "a/1.jpg").read_bytes()
    rows = FaceIndex(index.root, [index.faces[0]._replace(path=path)])
    with pytest.raises(ValueError, match="path must be inside its root.*Received: path="):
        write_crops(rows, tmp_path / "crops")
    assert Path(index.root, "a/1.jpg").read_bytes() == before


def test_bad_calls_are_refused_before_anything_is_made(index: FaceIndex, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="alignment must be one of"):
        write_crops(index, tmp_path / "crops", alignment="other")
    with pytest.raises(ValueError, match="size must be at least 1. Received: size=0"):
        write_crops(index, tmp_path / "crops", size=0)
    twice = [index.faces[0]._replace(path=path) for path in ("a.bmp", "a.bmp.png")]
    with pytest.raises(ValueError, match="rows must have different crops. Received: .*a.bmp"):
        write_crops(FaceIndex(index.root, twice), tmp_path / "crops")
    assert not (tmp_path / "crops").exists()
