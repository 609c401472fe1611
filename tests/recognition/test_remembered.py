"""A gallery is made again with another network from the photographs that it remembers."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from maskedface import geometry
from maskedface.engines import KerasEmbedder
from maskedface.recognition import DetectedFace, Gallery, Recognizer, enroll_again, gallery_file
from maskedface.recognition.enrollment import face_to_enroll
from maskedface.recognition.photo import PhotoFile
from maskedface.recognition.remembered import Remembered, remembered
from tests.faces import draw_face
from tests.recognition.conftest import told
from tests.recognition.test_gallery_file import damaged

BOX = (220, 40, 332, 152)


@pytest.fixture(scope="module")
def other_model() -> keras.Model:
    """Another network: 8 x 8 mean colors of faces in dlib's alignment."""
    image = keras.Input((64, 64, 3))
    x = layers.AveragePooling2D(8)(layers.Rescaling(1 / 128, -1.0)(image))
    return keras.Model(image, layers.Flatten()(x), name="other")


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, Path]:
    """A photograph a person, their face somewhere on it."""
    paths = {}
    for number, person in enumerate(("ada", "bo")):
        canvas = np.full((200, 500, 3), 128, np.uint8)
        canvas[40:152, 220:332] = draw_face(number, 0, False)
        paths[person] = tmp_path / f"{person}.png"
        Image.fromarray(canvas).save(paths[person])
    return paths


def told_at(source: Any) -> DetectedFace:
    return DetectedFace((0.0, 0.0, 1.0, 1.0), None, "told", source, 0.0)


def known(model: Any, photos: dict[str, Path], **words: Any) -> Recognizer:
    gallery = Gallery(**words)
    made = Recognizer(model, alignment="arcface", detector=told(BOX), gallery=gallery)
    for person, path in photos.items():
        made.enroll(person, [path])
    return made


def another(model: keras.Model, **words: Any) -> Recognizer:
    gallery = Gallery(**words)
    return Recognizer(model, alignment="dlib", detector=told(BOX), gallery=gallery)


def test_where_photographs_lie_is_remembered_and_forgotten_with_the_person(
    colors_model: Any, photos: dict[str, Path], tmp_path: Path
) -> None:
    gallery = known(colors_model, photos).gallery
    gallery.save(tmp_path / "g.npz")
    (one,) = Gallery.load(tmp_path / "g.npz").photos["ada"]
    assert one.path == str(photos["ada"]) and one.crop == b"" and one.source == ""
    assert one.sha256 == hashlib.sha256(photos["ada"].read_bytes()).hexdigest()
    gallery.remove("ada")
    gallery.save(tmp_path / "g.npz")
    assert list(Gallery.load(tmp_path / "g.npz").photos) == ["bo"]
    assert b"ada" not in (tmp_path / "g.npz").read_bytes()


@pytest.mark.parametrize("remember", ["paths", "crops"])
def test_another_network_gets_the_same_people_by_their_photographs(
    colors_model: Any,
    other_model: keras.Model,
    photos: dict[str, Path],
    tmp_path: Path,
    remember: Any,
) -> None:
    known(colors_model, photos, remember=remember).gallery.save(tmp_path / "g.npz")
    old, new, direct = Gallery.load(tmp_path / "g.npz"), another(other_model), another(other_model)
    for person, path in photos.items():
        direct.enroll(person, [path])
    if remember == "crops":  # which are enough
        for path in photos.values():
            path.unlink()
    rows = enroll_again(new, old, progress=False)
    assert [(row.person, row.error) for row in rows] == [("ada", ""), ("bo", "")]
    assert new.gallery.people == {"ada": 1, "bo": 1}
    for row in rows:
        assert row.face is not None
        (found, *_) = direct.gallery.search(row.face.embedding, 2)
        # A JPEG file's rounding, and the crop's edge.
        assert found.person == row.person and found.score > (
            0.999 if remember == "crops" else 0.99999
        )


def test_what_another_gallery_remembers_is_its_own_choice(
    colors_model: Any, other_model: keras.Model, photos: dict[str, Path]
) -> None:
    crops = known(colors_model, photos, remember="crops").gallery
    paths = known(colors_model, photos, remember="paths").gallery
    for old in (crops, paths):
        kept = {}
        for how in ("crops", "paths", "nothing"):
            new = another(other_model, remember=how)
            enroll_again(new, old, progress=False)
            kept[how] = new.gallery.photos["ada"]
        assert kept["nothing"] == ()
        assert kept["paths"] == paths.photos["ada"]
        assert kept["crops"][0].path == str(photos["ada"]) and kept["crops"][0].crop
    assert enroll_again(another(other_model), another(other_model).gallery, progress=False) == ()


def test_a_photograph_that_is_gone_or_another_is_left_out_and_said(
    colors_model: Any, other_model: keras.Model, photos: dict[str, Path]
) -> None:
    old = known(colors_model, photos).gallery
    old.enroll(["cy"], np.ones((1, 48)))  # of whom no photograph is known
    photos["ada"].write_bytes(photos["bo"].read_bytes())  # another person's
    new = another(other_model)
    ada, bo, cy = enroll_again(new, old, progress=False)
    assert ada.face is None and "must not have changed since it was enrolled" in ada.error
    assert bo.face is not None and not bo.error
    assert (cy.path, cy.face) == ("", None) and "must be remembered" in cy.error
    photos["bo"].unlink()
    assert "No such file" in enroll_again(another(other_model), old, progress=False)[1].error
    assert new.gallery.people == {"bo": 1}


@pytest.mark.parametrize(
    ("words", "by"),
    [({"aligned_to": "vggface2"}, "alignment"), ({"fall_back": "always"}, "whole image")],
)
@pytest.mark.parametrize("remember", ["paths", "crops"])
def test_how_a_face_was_placed_is_remembered(
    colors_model: Any, other_model: keras.Model, tmp_path: Path, words: Any, by: str, remember: Any
) -> None:
    Image.fromarray(draw_face(0, 0, False)).save(tmp_path / "a.png")
    first = Recognizer(colors_model, alignment="arcface", detector=told(), **words)
    first.gallery = Gallery(first.fingerprint, remember=remember)
    first.enroll("ada", [tmp_path / "a.png"])
    first.gallery.save(tmp_path / "g.npz")
    new = Recognizer(other_model, alignment="dlib", detector=told())
    (row,) = enroll_again(new, Gallery.load(tmp_path / "g.npz"), progress=False)
    assert row.face is not None and row.face.aligned_by == by
    direct = Recognizer(other_model, alignment="dlib", detector=told(), **words)
    assert direct.one_face(tmp_path / "a.png").embedding @ row.face.embedding > 0.999


def test_a_crop_is_small_and_holds_every_alignment_of_the_face() -> None:
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(0, 255, (60, 80, 3)), np.ones((20, 20, 1))).astype("uint8")
    turned = geometry.ALIGNMENTS["arcface"].points @ np.array([[0.6, 0.8], [-0.8, 0.6]])
    points = turned * 4 + np.array([800.0, 500.0])  # eyes 141 px apart, turned by 53 degrees
    one = remembered(PhotoFile(image), told_at(points), "crops")
    assert one is not None and not isinstance(one.source, str)
    crop = one.read()
    assert max(crop.shape[:2]) == 320 and len(one.crop) < 200_000
    for target in geometry.ALIGNMENTS:
        chips = [
            geometry.warp(
                picture,
                geometry.chip_matrix(*picture.shape[:2], source=where, target=target, size=112),
                112,
            ).astype(float)
            for picture, where in ((image, points), (crop, np.array(one.source)))
        ]
        assert (
            np.abs(chips[0] - chips[1]).mean() < 8
        )  # of gray levels: edges, smoothed by scaling twice


@pytest.mark.parametrize("points", [(-900.0, -900.0), (5000.0, 5000.0), (0.0, 0.0)])
def test_a_face_that_lies_outside_of_its_image_does_no_harm(points: tuple[float, float]) -> None:
    where = np.array(geometry.ALIGNMENTS["arcface"].points) + points
    file = PhotoFile(np.zeros((50, 40, 3), "uint8"))
    one = remembered(file, told_at(where), "crops")
    assert one is not None and one.crop


FIVE = [[1.0, 2.0]] * 5
HASH = "0" * 64
ENDS = {"crops": np.zeros(3, "uint8"), "crop_ends": np.array([3, 3], "int64")}


@pytest.mark.parametrize(
    ("photos", "arrays"),
    [
        ([], {}),
        ([[], [], [["a.jpg", HASH, ""], ["b.jpg", HASH, ""]]], {"crop_ends": np.zeros(2, "int64")}),
        ([[["a.jpg", HASH, ""]], [], []], {}),
        ([[["a.jpg", HASH]], [], []], {"crop_ends": np.zeros(1, "int64")}),
        ([[["a.jpg", "00", ""]], [], []], {"crop_ends": np.zeros(1, "int64")}),
        ([[["", HASH, ""]], [], []], {"crop_ends": np.zeros(1, "int64")}),
        ([[["a.jpg", HASH, "nose"]], [], []], {"crop_ends": np.zeros(1, "int64")}),
        ([[["a.jpg", HASH, FIVE]], [], []], {"crop_ends": np.zeros(1, "int64")}),
        ([[["a.jpg", HASH, FIVE], ["", "", FIVE]], [], []], ENDS),
        ([[["a.jpg", HASH, FIVE[:4]], ["b.jpg", HASH, ""]], [], []], ENDS),
        ([[["a.jpg", HASH, [[1, float("nan")]] * 5], ["b.jpg", HASH, ""]], [], []], ENDS),
        ([[["a.jpg", HASH, ""], ["b.jpg", HASH, ""]], [], []], ENDS),
        (
            [[["a.jpg", HASH, FIVE], ["b.jpg", HASH, ""]], [], []],
            ENDS | {"crops": np.zeros(4, "uint8")},
        ),
        (
            [[["a.jpg", HASH, FIVE], ["b.jpg", HASH, ""]], [], []],
            ENDS | {"crop_ends": np.array([4, 3], "int64")},
        ),
        (  # differences that would overflow
            [[["a.jpg", HASH, FIVE]], [["b.jpg", HASH, ""]], [["c.jpg", HASH, FIVE]]],
            ENDS | {"crop_ends": np.array([2**63 - 1, -2, 3], "int64")},
        ),
        ([[], [], 7], {}),
        ([[["a.jpg", HASH, [[10**400, 1]] * 5], ["b.jpg", HASH, ""]], [], []], ENDS),
    ],
)
def test_photographs_that_do_not_fit_are_refused(
    tmp_path: Path, photos: Any, arrays: dict[str, Any]
) -> None:
    made = Gallery("f00d")
    made.enroll(["ada", "bo", "cy", "ada"], np.eye(4))
    made.save(tmp_path / "g.npz")
    with pytest.raises(ValueError, match="with invalid photos"):
        Gallery.load(damaged(tmp_path / "g.npz", {"photos": photos}, **arrays))
    good = [[["a.jpg", HASH, FIVE], ["b.jpg", HASH, ""]], [], []]
    made.save(tmp_path / "g.npz")
    assert Gallery.load(damaged(tmp_path / "g.npz", {"photos": good}, **ENDS)).photos["ada"][0].crop


def test_two_spellings_of_an_old_file_keep_all_their_photographs(tmp_path: Path) -> None:
    made = Gallery("f00d")
    made.enroll(["ada", "bo"], np.eye(2))
    made.save(tmp_path / "g.npz")
    photos = [[["a.jpg", HASH, ""]], [["b.jpg", HASH, ""]]]
    facts = {"people": ["Jos\u00e9", "Jose\u0301"], "photos": photos}
    old = damaged(tmp_path / "g.npz", facts, crop_ends=np.zeros(2, "int64"))
    assert [one.path for one in Gallery.load(old).photos["Jos\u00e9"]] == ["a.jpg", "b.jpg"]


def test_a_gallery_of_the_version_before_remembers_nothing(tmp_path: Path) -> None:
    made = Gallery("f00d")
    made.enroll(["ada"], np.eye(1))
    made.save(tmp_path / "g.npz")
    facts, arrays = gallery_file.read(tmp_path / "g.npz")
    assert facts["remember"] == "paths" and len(arrays["crops"]) == 0
    read = Gallery.load(damaged(tmp_path / "g.npz", {"version": 3}))
    assert read.photos == {"ada": ()} and read.remember == "nothing"  # until somebody asks


def test_a_word_for_what_to_remember_is_checked() -> None:
    with pytest.raises(ValueError, match="remember must be one of"):
        Gallery("f00d", remember="all")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="photos and unmasked must have one value per face"):
        Gallery("f00d").enroll(["ada"], np.eye(1), [None, None])
    with pytest.raises(ValueError, match="a remembered photograph must have a path"):
        Gallery("f00d").enroll(["ada"], np.eye(1), [Remembered("", "", "")])


def test_less_is_remembered_from_now_on(colors_model: Any, photos: dict[str, Path]) -> None:
    gallery = known(colors_model, photos, remember="crops").gallery
    gallery.remember_from_now("paths")
    assert gallery.photos == known(colors_model, photos, remember="paths").gallery.photos
    gallery.remember_from_now("nothing")
    assert gallery.photos == {"ada": (), "bo": ()} and gallery.remember == "nothing"
    with pytest.raises(ValueError, match="remember must be one of"):
        gallery.remember_from_now("all")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "points",
    [
        np.full((5, 2), 30.0),
        np.array(geometry.ALIGNMENTS["arcface"].points) + 1e5,
        np.array(geometry.ALIGNMENTS["arcface"].points) * 1e4,
        np.array(geometry.ALIGNMENTS["arcface"].points) * 1e-3,
    ],
    ids=["one point", "far away", "huge", "tiny"],
)
def test_points_that_no_crop_has_are_refused_before_anything_is_warped(
    colors_model: Any, other_model: keras.Model, photos: dict[str, Path], points: np.ndarray
) -> None:
    old = known(colors_model, photos, remember="crops").gallery
    (one,) = old.photos["ada"]
    hostile = one._replace(source=tuple(map(tuple, points.tolist())))
    with pytest.raises(ValueError, match="must be distinct and inside it"):
        face_to_enroll(another(other_model), hostile)


@pytest.mark.parametrize("path", ["ada.png", "//host/share/ada.png", "\\\\host\\share\\ada.png"])
def test_a_path_of_another_machine_is_not_opened(path: str, photos: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="must be on this machine"):
        Remembered(path, HASH, "").read()


def test_the_bytes_that_were_looked_at_are_the_ones_that_are_hashed(
    colors_model: Any, photos: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashlib.sha256(photos["ada"].read_bytes()).hexdigest()
    made = Recognizer(colors_model, alignment="arcface", detector=told(BOX))
    embed = KerasEmbedder.__call__

    def meanwhile(embedder: Any, chips: Any) -> Any:  # somebody puts another person's picture there
        photos["ada"].write_bytes(photos["bo"].read_bytes())
        return embed(embedder, chips)

    monkeypatch.setattr(KerasEmbedder, "__call__", meanwhile)
    made.enroll("ada", [photos["ada"]])
    assert made.gallery.photos["ada"][0].sha256 == before


def test_squashed_pixels_are_square_in_a_crop() -> None:
    points = np.array(geometry.ALIGNMENTS["arcface"].points)
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(0, 255, (14, 14, 3)), np.ones((8, 8, 1))).astype("uint8")
    wide = geometry.FacePoints(points * (2, 1) + (0.5, 0), 0.5)  # twice as many pixels in a row
    stretched = np.repeat(image, 2, axis=1)
    one = remembered(PhotoFile(stretched), told_at(wide), "crops")
    assert one is not None and not isinstance(one.source, str)
    assert np.ptp(np.array(one.source), axis=0) == pytest.approx(np.ptp(points, axis=0), rel=0.03)
