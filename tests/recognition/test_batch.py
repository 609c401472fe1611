"""Many photographs at once: each as it is alone, whatever lies beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskedface.landmarks import Detection
from maskedface.recognition import Gallery, Recognizer, identify_all
from maskedface.recognition.enrollment import face_to_enroll, read_people
from tests.faces import draw_face
from tests.recognition.conftest import told


@pytest.fixture
def folder(tmp_path: Path) -> list[str]:
    """Seven photographs; the fourth is none, the sixth black."""
    paths = []
    for number in range(7):
        path = tmp_path / f"{number}.png"
        Image.fromarray(draw_face(number, 0, number == 2)).save(path)
        paths.append(str(path))
    (tmp_path / "3.png").write_bytes(b"no image")
    Image.new("RGB", (112, 112)).save(tmp_path / "5.png")
    return paths


class Counting:
    """Finds the whole of an image as a face, none on a black one; refuses one certain image."""

    def __init__(self, refused: np.ndarray | None = None) -> None:
        self.calls: list[int] = []
        self._refused, self._find = refused, told((0, 0, 112, 112))

    def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        self.calls.append(len(images))
        for image in images:
            if self._refused is not None and (image == self._refused).all():
                raise ValueError("this one I will not look at")
        found = self._find(images)
        return [faces if image.any() else () for image, faces in zip(images, found, strict=True)]


def known(colors_model: Any, detector: Counting, **words: Any) -> Recognizer:
    recognizer = Recognizer(
        colors_model, alignment="arcface", detector=detector, gallery=Gallery(**words)
    )
    recognizer.enroll("Ada", [draw_face(0, 0, False)])
    detector.calls.clear()
    return recognizer


def test_a_file_that_is_no_image_costs_no_other_its_place(
    colors_model: Any, folder: list[str]
) -> None:
    detector = Counting()
    recognizer = known(colors_model, detector)
    results = list(identify_all(recognizer, folder, progress=False))
    assert [result.path for result in results] == folder
    assert [bool(result.error) for result in results] == [n == 3 for n in range(7)]
    assert "must be an image" in results[3].error and results[5].identities == ()
    assert detector.calls == [6]  # in one go
    for path, result in zip(folder, results, strict=True):
        if not result.error:
            alone = recognizer.identify(path)
            assert [one.candidates for one in alone] == [
                one.candidates for one in result.identities
            ]


def test_what_a_detector_refuses_is_refused_alone(colors_model: Any, folder: list[str]) -> None:
    recognizer = known(colors_model, Counting(draw_face(1, 0, False)))
    results = list(identify_all(recognizer, folder, progress=False))
    assert [n for n, result in enumerate(results) if result.error] == [1, 3]
    assert results[1].error == "this one I will not look at"
    assert [len(result.identities) for result in results] == [1, 0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("masks", [0, 3])
def test_people_are_read_together_as_each_alone(
    colors_model: Any, folder: list[str], masks: int
) -> None:
    detector = Counting()
    recognizer = known(colors_model, detector, masks=masks)
    rows = read_people(recognizer, {path: f"person {n}" for n, path in enumerate(folder)})
    assert [row.path for row in rows] == folder and detector.calls == [6]
    assert "must be an image" in rows[3].error and "Received: no faces" in rows[5].error
    for row in rows:
        if row.face is None:
            continue
        alone = face_to_enroll(recognizer, row.path)
        for name in ("embedding", "template", "covered", "hashes"):
            one, other = getattr(row.face, name), getattr(alone, name)
            assert (one is None) == (other is None), name
            if one is not None:
                np.testing.assert_allclose(one, other, atol=1e-6)
        assert row.face.photo == alone.photo
