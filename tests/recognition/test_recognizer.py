from __future__ import annotations

import dataclasses
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskedface.datasets import FaceIndex
from maskedface.images import ImageError
from maskedface.masking import masked_probability
from maskedface.recognition import (
    FaceError,
    Gallery,
    Recognizer,
    draw_identities,
    identify_all,
    photo_files,
)
from maskedface.recognition.drawing import draw_faces
from maskedface.recognition.enrollment import face_to_enroll
from tests.faces import draw_face
from tests.recognition.conftest import told


def test_names_come_out_for_faces_that_lie_anywhere(colors_model: Any) -> None:
    ada, bo = draw_face(0, 0, False), draw_face(1, 0, False)
    canvas = np.full((200, 400, 3), 128, np.uint8)
    canvas[30:142, 20:132] = bo
    canvas[60:172, 250:362] = ada
    known = Recognizer(colors_model, alignment="arcface", aligned_to="arcface")
    known.enroll("ada", [ada])
    known.enroll("bo", [bo])
    boxes = ((20, 30, 132, 142), (250, 60, 362, 172))
    finding = Recognizer(
        colors_model, alignment="arcface", gallery=known.gallery, detector=told(*boxes)
    )
    found = finding.identify(canvas, threshold=0.99)
    assert [one.person for one in found] == ["bo", "ada"]
    assert [one.face.box for one in found] == [*boxes]
    assert {one.face.aligned_by for one in found} == {"told"}
    (first, second) = found[0].candidates
    assert first.score > 0.999 > second.score


def test_below_the_threshold_is_unknown_and_without_one_nobody_is_named(
    recognizer: Recognizer,
) -> None:
    recognizer.enroll("ada", [draw_face(0, 0, False)])
    stranger = draw_face(5, 0, False)
    (one,) = recognizer.identify(draw_face(0, 0, False))
    assert (one.person, one.threshold) == ("", None)
    (one,) = recognizer.identify(stranger, threshold=0.9999)
    assert one.person == "" and one.candidates[0].person == "ada"
    (one,) = recognizer.identify(stranger, threshold=-1.0)
    assert one.person == "ada"


def test_the_gallerys_own_threshold_is_used(recognizer: Recognizer) -> None:
    people = [f"p{n}" for n in range(12)]
    faces = [recognizer.one_face(draw_face(n, 0, False)).embedding for n in range(12)]
    recognizer.gallery.enroll(people, np.stack(faces))
    made = recognizer.gallery.calibrate(np.stack(faces), people, fpir=0.1, far=0.1, source="self")
    (one,) = recognizer.identify(draw_face(3, 0, False))
    assert (one.person, one.threshold) == ("p3", made.for_probe(False))
    seen = recognizer.verify(draw_face(3, 0, False), draw_face(3, 0, False))
    assert (
        seen.same
        and seen.score == pytest.approx(1)
        and seen.threshold == made.for_pair(False, False)
    )


@pytest.mark.parametrize(
    ("shape", "words", "taken"),
    [
        ((112, 112), {}, False),
        ((112, 112), {"fall_back": "never"}, False),
        ((112, 112), {"fall_back": "always"}, True),
        ((400, 300), {"fall_back": "always"}, True),
    ],
)
def test_the_whole_image_is_taken_only_where_somebody_says_so(
    colors_model: Any, shape: tuple[int, int], words: dict[str, Any], taken: bool
) -> None:
    blind = Recognizer(colors_model, alignment="arcface", detector=told(), **words)
    found = blind.embed(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8))
    assert [face.aligned_by for face in found] == ["whole image"] * taken


def test_one_face_is_the_far_largest(colors_model: Any) -> None:
    image = np.random.default_rng(0).integers(0, 256, (400, 400, 3)).astype(np.uint8)
    big, small, other = (0, 0, 200, 200), (250, 250, 350, 350), (210, 0, 390, 180)

    def finds(*boxes: Any) -> Recognizer:
        return Recognizer(colors_model, alignment="arcface", detector=told(*boxes))

    assert finds(small, big).one_face(image).box == big
    with pytest.raises(FaceError, match="Received: 2 faces"):
        finds(big, other).one_face(image)
    with pytest.raises(FaceError, match="Received: no faces"):
        finds().one_face(image)


def test_a_refused_photograph_enrolls_nobody(recognizer: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(ImageError):
        recognizer.enroll("ada", [draw_face(0, 0, False), tmp_path / "text.jpg"])
    assert len(recognizer.gallery) == 0
    with pytest.raises(ValueError, match="person must have at least one photograph"):
        recognizer.enroll("ada", [])


def test_a_name_is_checked_before_photographs_are_read(recognizer: Recognizer) -> None:
    with pytest.raises(ValueError, match="a person's name must be text"):
        recognizer.enroll(" ", ["absent.jpg"])


def test_a_forked_child_is_refused_where_it_would_hang(recognizer: Recognizer) -> None:
    face = draw_face(0, 0, False)
    recognizer.embed(face)
    child = os.fork()
    if child == 0:
        try:
            recognizer.embed(face)
        except RuntimeError as error:
            os._exit(0 if "must be used in the process that made it" in str(error) else 2)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("mode", ["L", "RGBA", "exif", "16 bit"])
def test_files_of_every_kind_show_the_same_person(
    recognizer: Recognizer, tmp_path: Path, mode: str
) -> None:
    face = draw_face(0, 0, False)
    recognizer.enroll("ada", [face])
    recognizer.enroll("bo", [draw_face(1, 0, False)])
    image, words = Image.fromarray(face), {}
    if mode == "exif":
        image, exif = Image.fromarray(np.rot90(face).copy()), Image.Exif()
        exif[0x0112] = 6  # the photograph is to be turned clockwise
        words = {"exif": exif}
    elif mode == "16 bit":
        image = Image.fromarray(face.mean(axis=-1).astype("uint16") * 257)
    else:
        image = image.convert(mode)
    image.save(tmp_path / "face.png", **words)
    (one,) = recognizer.identify(tmp_path / "face.png")
    assert one.candidates[0].person == "ada"


def test_a_folder_goes_through_whatever_lies_in_it(recognizer: Recognizer, tmp_path: Path) -> None:
    recognizer.enroll("ada", [draw_face(0, 0, False)])
    (tmp_path / "in").mkdir()
    Image.fromarray(draw_face(0, 0, False)).save(tmp_path / "in" / "a.png")
    (tmp_path / "b.jpg").write_text("no image")
    (tmp_path / "film.mp4").write_text("no photograph")
    (tmp_path / ".hidden.jpg").write_text("a tool's")
    results = list(identify_all(recognizer, photo_files(tmp_path), progress=False))
    assert [Path(one.path).name for one in results] == ["b.jpg", "film.mp4", "a.png"]
    assert all("must be an image" in one.error and not one.identities for one in results[:2])
    assert results[2].error == "" and results[2].identities[0].candidates[0].person == "ada"


def test_places_without_photographs_are_refused(tmp_path: Path, recognizer: Recognizer) -> None:
    with pytest.raises(ValueError, match="at least one photograph must be given"):
        photo_files(tmp_path)
    with pytest.raises(FileNotFoundError, match="a photograph must exist"):
        photo_files(tmp_path / "none.jpg")
    with pytest.raises(ValueError, match="somebody must be enrolled"):
        list(identify_all(recognizer, ["a.jpg"], progress=False))
    recognizer.enroll("ada", [draw_face(0, 0, False)])
    with pytest.raises(ValueError, match="candidates at least 1"):
        list(identify_all(recognizer, ["a.jpg"], candidates=0, progress=False))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"fall_back": "crops"}, "fall_back must be one of"),
        ({"alignment": "oval"}, "alignment must be one of"),
        ({"aligned_to": "oval"}, "alignment must be one of"),
        ({"gallery": Gallery("f00d")}, "must be used with the model that made it"),
    ],
)
def test_wrong_words_are_refused(colors_model: Any, words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recognizer(colors_model, **{"alignment": "arcface", **words})


def test_a_model_that_states_no_alignment_is_refused(colors_model: Any) -> None:
    with pytest.raises(ValueError, match="pass alignment= .* Received: model 'colors'"):
        Recognizer(colors_model)


def test_the_alignment_is_the_models(colors_model: Any) -> None:
    from maskedface import models

    stating = models.with_alignment(colors_model, "dlib")
    assert Recognizer(stating).alignment == "dlib"


def test_drawn_masks_are_seen() -> None:
    # .91 of drawn faces were right when the coefficients were fitted, on photographs alone.
    right = [
        (masked_probability(draw_face(person, 0, masked), "arcface") >= 0.5) == masked
        for person in range(40)
        for masked in (False, True)
    ]
    assert np.mean(right) > 0.8


def test_the_picture_shows_a_box_at_the_face(recognizer: Recognizer) -> None:
    recognizer.enroll("Ada \udcff", [draw_face(0, 0, False)])
    image = np.full((100, 100, 3), 90, np.uint8)
    (one,) = recognizer.identify(draw_face(0, 0, False), threshold=-1.0)
    face = dataclasses.replace(one.face, box=(20, 30, 60, 80))
    picture = draw_identities(image, [dataclasses.replace(one, face=face)])
    assert picture.shape == image.shape
    assert (picture[79, 40] == (0, 114, 178)).all() and (picture[55, 40] == 90).all()
    large = draw_identities(np.zeros((100, 4096, 3), np.uint8), [])
    assert large.shape == (50, 2048, 3)


# A recognizer is made of a run.
@pytest.mark.long
def test_a_run_brings_its_own_alignment(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    from maskedface import datasets, recipes, training

    train, test = datasets.split_by_image(drawn, seed=0)
    run = training.train(
        recipes.FROZEN_MEANS, train, test, run_dir=tmp_path / "run", backbone=tiny_backbone,
        progress=False,
    )  # fmt: skip
    recognizer = Recognizer.load(run.path, aligned_to="arcface")
    assert recognizer.alignment == run.record["alignment"]
    recognizer.enroll("ada", [drawn.paths[0]])
    assert recognizer.gallery.source == str(tmp_path / "run")
    (one,) = recognizer.identify(drawn.paths[0])
    assert one.candidates[0].score == pytest.approx(1, abs=1e-5)


def test_a_bare_face_is_enrolled_with_masks_and_a_masked_one_as_it_is(colors_model: Any) -> None:
    known = Recognizer(
        colors_model, alignment="arcface", aligned_to="arcface", gallery=Gallery(masks=3)
    )
    bare, masked = (face_to_enroll(known, draw_face(0, 0, worn)) for worn in (False, True))
    assert masked.template is None and masked.to_enroll is masked.embedding
    assert bare.template is not None and bare.to_enroll is bare.template
    covered = known.one_face(draw_face(0, 0, True)).embedding
    assert bare.template @ covered > bare.embedding @ covered
    known.enroll("ada", [draw_face(0, 0, False)])
    np.testing.assert_allclose(known.gallery._now.rows[0], bare.template, atol=1e-6)


def test_a_face_to_identify_gets_no_masks(colors_model: Any) -> None:
    known = Recognizer(
        colors_model, alignment="arcface", aligned_to="arcface", gallery=Gallery(masks=3)
    )
    (face,) = known.embed(draw_face(0, 0, False))
    assert face.template is None
    assert known.one_face(draw_face(0, 0, False)).template is None


def test_no_masks_are_drawn_where_nobody_found_the_mouth(colors_model: Any) -> None:
    known = Recognizer(
        colors_model,
        alignment="arcface",
        detector=told(),
        fall_back="always",
        gallery=Gallery(masks=3),
    )
    face = face_to_enroll(known, draw_face(0, 0, False))
    assert face.aligned_by == "whole image" and face.template is None


def test_a_detector_that_answers_something_else_is_refused(colors_model: Any) -> None:
    for answer in ([], [None], [("a face",)]):
        wrong = Recognizer(colors_model, alignment="arcface", detector=lambda images, a=answer: a)
        with pytest.raises(ValueError, match="detector must return"):
            wrong.embed(draw_face(0, 0, False))


def test_the_librarys_own_detector_finds_a_drawn_face_on_a_photograph(colors_model: Any) -> None:
    pytest.importorskip("ai_edge_litert")
    own = Recognizer(colors_model, alignment="arcface")
    crop = draw_face(0, 0, False, size=160)
    (face,) = own.embed(crop)
    assert face.aligned_by in ("blazeface+aligner", "aligner") and face.confidence is not None
    assert own.embed(np.full((400, 600, 3), 90, np.uint8)) == ()


@pytest.mark.parametrize("shade", [0, 90, 255])
@pytest.mark.parametrize(
    "words", [{"aligned_to": "arcface"}, {"detector": told(), "fall_back": "always"}]
)
def test_an_image_of_one_color_shows_nobody(
    colors_model: Any, shade: int, words: dict[str, Any]
) -> None:
    own = Recognizer(colors_model, alignment="arcface", **words)
    with pytest.raises(FaceError, match="Received: no faces"):
        own.verify(*[np.full((112, 112, 3), shade, np.uint8)] * 2, threshold=0.5)


@pytest.mark.parametrize("threshold", [float("nan"), 60.0, -1.5])
def test_a_threshold_is_checked_before_photographs_are_read(
    recognizer: Recognizer, threshold: float
) -> None:
    for ask in (recognizer.identify, lambda photo, **more: recognizer.verify(photo, photo, **more)):
        with pytest.raises(ValueError, match="threshold must be in"):
            ask("absent.jpg", threshold=threshold)


@pytest.mark.parametrize("kind", ["path", "bytes", "PIL", "PIL, decoded", "array"])
def test_a_photograph_may_come_as_a_path_bytes_a_pil_image_or_an_array(
    recognizer: Recognizer, tmp_path: Path, kind: str
) -> None:
    turned, exif = Image.fromarray(np.rot90(draw_face(0, 0, False)).copy()), Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    turned.save(tmp_path / "a.jpg", exif=exif, quality=95)
    photo: Any = tmp_path / "a.jpg"
    known = recognizer.one_face(photo)
    if kind == "bytes":
        photo = photo.read_bytes()
    elif kind.startswith("PIL"):
        photo = Image.open(io.BytesIO(photo.read_bytes()))
        if kind.endswith("decoded"):
            photo.load()
    elif kind == "array":
        photo = np.asarray(Image.open(photo).transpose(Image.Transpose.ROTATE_270))
    recognizer.enroll("Ada", [photo])
    (found,) = recognizer.identify(photo, threshold=-1.0)
    assert found.face.embedding @ known.embedding == pytest.approx(1, abs=1e-3)
    assert recognizer.verify(photo, tmp_path / "a.jpg").score == pytest.approx(1, abs=1e-3)
    assert draw_faces(photo, []).shape == (112, 112, 3)


def test_what_is_found_can_be_written_as_json(recognizer: Recognizer, tmp_path: Path) -> None:
    recognizer.enroll("Ada", [draw_face(0, 0, False)])
    Image.fromarray(draw_face(0, 0, False)).save(tmp_path / "a.png")
    (result,) = identify_all(recognizer, [str(tmp_path / "a.png")], threshold=0.5, progress=False)
    (face,) = json.loads(json.dumps(result.to_dict()))["faces"]
    assert face["person"] == face["candidates"][0]["person"] == "Ada" and face["threshold"] == 0.5
    assert set(face) >= {"box", "confidence", "aligned_by", "masked"} and "embedding" not in face
    (unknown,) = recognizer.identify(draw_face(0, 0, False))
    assert unknown.to_dict()["person"] is None
    said = json.loads(
        json.dumps(recognizer.verify(tmp_path / "a.png", tmp_path / "a.png").to_dict())
    )
    assert said["same"] is None and len(said["faces"]) == 2


def test_faces_that_one_recognizer_found_another_may_name(colors_model: Any) -> None:
    canvas = np.full((200, 400, 3), 128, np.uint8)
    canvas[30:142, 20:132], canvas[60:172, 250:362] = (draw_face(n, 0, False) for n in range(2))
    finding = Recognizer(
        colors_model,
        alignment="arcface",
        detector=told((20, 30, 132, 142), (250, 60, 362, 172)),
    )
    naming = Recognizer(colors_model, alignment="arcface", detector=told())  # finds nothing itself
    naming.gallery.enroll(["Ada"], finding.embed(canvas)[0].embedding[None])
    _, second = finding.detect(canvas)
    (one,) = naming.identify(canvas, faces=[second])
    assert one.face.box == second.box and one.face.masked == second.masked
    assert naming.identify(canvas) == ()


def test_a_gallery_of_no_model_yet_becomes_the_recognizers(colors_model: Any) -> None:
    gallery = Gallery(masks=3, source="mine")
    made = Recognizer(colors_model, alignment="arcface", gallery=gallery)
    assert (gallery.fingerprint, gallery.alignment) == (made.fingerprint, "arcface")
    nobodys = Gallery()
    nobodys.enroll(["Ada"], np.ones((1, 48)))  # by whatever model
    with pytest.raises(ValueError, match="must be used with the model that made it"):
        Recognizer(colors_model, alignment="arcface", gallery=nobodys)
