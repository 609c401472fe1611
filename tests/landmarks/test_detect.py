"""`landmarks.detect`: what a detector of somebody's own may answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskedface.datasets import people_folder
from maskedface.landmarks import Detection, align, detect

IMAGE = np.zeros((50, 60, 3), np.uint8)
POINTS = np.array([(20.0, 20), (40, 20), (30, 30), (22, 40), (38, 40)])
BOX = (10.0, 10.0, 50.0, 50.0)
FACE = Detection(BOX, POINTS, 0.9)
NAN = np.where(np.arange(10).reshape(5, 2) == 3, np.nan, POINTS)


def gives(answer: Any) -> Any:
    return lambda images: answer


def test_a_sound_answer_is_given_on() -> None:
    assert detect(gives([[FACE], ()]), [IMAGE, IMAGE]) == [(FACE,), ()]


def test_points_in_one_place_are_no_face() -> None:
    nothing = Detection(BOX, np.full((5, 2), 7.0), 0.9)
    assert detect(gives([(nothing, FACE)]), [IMAGE]) == [(FACE,)]


@pytest.mark.parametrize("answer", [None, [], [(FACE,)], [(FACE,)] * 3, iter([(), ()])])
def test_another_number_of_lists_is_refused(answer: Any) -> None:
    with pytest.raises(ValueError, match="one list of faces per image. Received: .* for 2 images"):
        detect(gives(answer), [IMAGE, IMAGE])


@pytest.mark.parametrize(
    "faces",
    [
        None,
        FACE,
        (BOX, POINTS, 0.9),
        (Detection(BOX, POINTS[:4], 0.9),),
        (Detection(BOX, POINTS[:, :1], 0.9),),
        (Detection(BOX, NAN, 0.9),),
        (Detection(BOX[:3], POINTS, 0.9),),  # type: ignore[arg-type]
        (Detection((0, 0, np.inf, 1), POINTS, 0.9),),
        (Detection(BOX, POINTS, np.nan),),
        (Detection(BOX, POINTS, 1.5),),
        (Detection(BOX, POINTS, 0.9, None),),  # type: ignore[arg-type]
        (FACE, {"box": BOX}),
    ],
)
def test_faces_of_another_shape_are_refused(faces: Any) -> None:
    with pytest.raises(ValueError, match="detector must return lists of faces with a box"):
        detect(gives([faces]), [IMAGE])


def test_a_search_through_an_index_refuses_it_too(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    Image.fromarray(IMAGE).save(tmp_path / "ada" / "0.png")

    def blind(images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        return []

    with pytest.raises(ValueError, match="Received: 0 lists of .* for 1 images"):
        align(people_folder(tmp_path, "unmasked"), blind)
