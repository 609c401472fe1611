"""Two recognizers side by side, one for masked faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import models
from maskedface.datasets import draw_face
from maskedface.recognition import ByMask, FaceError, Recognizer, identify_all
from tests.recognition.conftest import told

# Drawn faces whose estimate is on the right side of .5.
BARE, MASKED = draw_face(0, 0, False), draw_face(0, 0, True)


@pytest.fixture
def pair(colors_model: Any, tiny_backbone: Path) -> ByMask:
    other = keras.models.load_model(tiny_backbone, compile=False)
    both = [
        Recognizer(model, alignment="arcface", aligned_to="arcface")
        for model in (colors_model, other)
    ]
    found = ByMask(*both)
    for person in range(3):
        found.enroll(f"p{person}", [draw_face(person, photo, False) for photo in range(2)])
    return found


def test_each_face_is_compared_by_the_network_meant_for_it(pair: ByMask) -> None:
    for photo, meant in ((BARE, pair.bare), (MASKED, pair.masked)):
        (one,) = pair.identify(photo)
        (alone,) = meant.identify(photo)
        assert one.candidates == alone.candidates
        np.testing.assert_array_equal(one.face.embedding, alone.face.embedding)
        assert pair.meant_for(one.face) is meant
    assert pair.identify(BARE)[0].face.masked < 0.5 <= pair.identify(MASKED)[0].face.masked


def test_a_photograph_of_both_kinds_keeps_its_order(pair: ByMask, colors_model: Any) -> None:
    canvas = np.full((200, 560, 3), 128, np.uint8)
    boxes = [(20 + 180 * n, 40, 132 + 180 * n, 152) for n in range(3)]
    for (left, top, right, bottom), face in zip(boxes, (MASKED, BARE, MASKED), strict=True):
        canvas[top:bottom, left:right] = face
    finding = Recognizer(
        colors_model, alignment="arcface", gallery=pair.bare.gallery, detector=told(*boxes)
    )
    found = ByMask(finding, pair.masked).identify(canvas)
    assert [one.face.box for one in found] == boxes
    lengths = [len(one.face.embedding) for one in found]
    assert lengths[0] == lengths[2] != lengths[1]


def test_each_gallery_has_its_own_threshold(pair: ByMask) -> None:
    people = [f"q{n}" for n in range(10)]
    for recognizer in (pair.bare, pair.masked):
        faces = np.stack(
            [recognizer.one_face(draw_face(50 + n, 0, True)).embedding for n in range(10)]
        )
        recognizer.gallery.calibrate(faces, people, fpir=0.1, far=0.1, source="strangers")
    for photo, meant in ((BARE, pair.bare), (MASKED, pair.masked)):
        made = meant.gallery.calibration
        assert made is not None and pair.identify(photo)[0].threshold == made.identify
        assert pair.verify(photo, photo).threshold == made.verify
    assert pair.bare.gallery.calibration != pair.masked.gallery.calibration


def test_a_masked_photograph_is_verified_by_the_masked_network(pair: ByMask) -> None:
    for first, second, meant in (
        (BARE, draw_face(0, 1, False), pair.bare),
        (BARE, MASKED, pair.masked),
        (MASKED, BARE, pair.masked),
    ):
        assert pair.verify(first, second).score == meant.verify(first, second).score


def test_a_refused_photograph_enrolls_with_neither(pair: ByMask) -> None:
    pair.bare._aligned_to, pair.bare._fall_back = "", "never"
    pair.bare._detector = told()  # finds nothing
    with pytest.raises(FaceError, match="must show one face"):
        pair.enroll("new", [BARE])
    assert "new" not in pair.bare.gallery and "new" not in pair.masked.gallery


@pytest.mark.parametrize("which", ["bare", "masked"])
def test_an_embedding_of_zeros_is_enrolled_with_neither(
    pair: ByMask, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = lambda chips: np.zeros((len(chips), 8), "float32")  # noqa: E731
    monkeypatch.setattr(getattr(pair, which), "_embed", zeros)
    with pytest.raises(
        ValueError, match="of which neither network makes zeros. Received: person='new'"
    ):
        pair.enroll("new", [BARE])
    assert "new" not in pair.bare.gallery and "new" not in pair.masked.gallery


def test_other_people_with_one_network_are_refused(pair: ByMask) -> None:
    pair.masked.gallery.remove("p1")
    with pytest.raises(ValueError, match="same people must be enrolled.* 1 with one alone.*'p1'"):
        ByMask(pair.bare, pair.masked)


def test_one_threshold_for_both_is_refused(pair: ByMask) -> None:
    with pytest.raises(ValueError, match=r"threshold must be None.* Received: threshold=0.5"):
        pair.identify(BARE, threshold=0.5)


def test_many_photographs_go_through_both(pair: ByMask, tmp_path: Path) -> None:
    from PIL import Image

    paths = []
    for number, photo in enumerate((BARE, MASKED)):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(photo).save(paths[-1])
    found = list(identify_all(pair, paths, progress=False))
    for result, photo in zip(found, (BARE, MASKED), strict=True):
        assert result.identities[0].candidates == pair.identify(photo)[0].candidates


@pytest.mark.parametrize(
    ("use", "photos", "times"),
    [
        (lambda pair: pair.identify(MASKED), 1, 1),
        (lambda pair: pair.verify(BARE, BARE), 2, 2),
        (lambda pair: pair.verify(BARE, MASKED), 2, 4),  # by either network
        (lambda pair: pair.enroll("new", [BARE]), 1, 2),
    ],
)
def test_a_face_is_found_once_and_embedded_by_those_who_need_it(
    pair: ByMask, use: Any, photos: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, found, places = [], [], pair.bare._find

    def counted(embedder: keras.Model, rows: np.ndarray, plain: Any = models.predict) -> np.ndarray:
        seen.append(len(rows))
        return plain(embedder, rows)

    def finds(image: np.ndarray) -> Any:
        found.append(image)
        return places(image)

    def refused(image: np.ndarray) -> Any:
        raise AssertionError("the masked recognizer must not look for faces")

    monkeypatch.setattr(models, "predict", counted)
    monkeypatch.setattr(pair.bare, "_find", finds)
    monkeypatch.setattr(pair.masked, "_find", refused)
    use(pair)
    assert seen == [1] * times and len(found) == photos


def test_many_photographs_with_one_threshold_for_both_are_refused(pair: ByMask) -> None:
    with pytest.raises(ValueError, match=r"threshold must be None.* Received: threshold=0.5"):
        list(identify_all(pair, ["missing.png"], threshold=0.5, progress=False))


def test_the_masked_gallery_may_want_drawn_masks_alone(pair: ByMask) -> None:
    pair.masked.gallery.masks = 2
    pair.enroll("new", [BARE])
    plain = pair.bare.one_face(BARE).embedding
    number = pair.bare.gallery._now.names.index("new")
    np.testing.assert_allclose(pair.bare.gallery._now.rows[number], plain, atol=1e-6)
    template = pair.masked.face_to_enroll(BARE).template
    number = pair.masked.gallery._now.names.index("new")
    assert template is not None
    np.testing.assert_allclose(pair.masked.gallery._now.rows[number], template, atol=1e-6)
