from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable

import numpy as np
import pytest

from maskedface import geometry
from maskedface.landmarks import Detection, MtcnnDetector
from tests.faces import draw_face

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mtcnn") is None, reason="needs the extra mtcnn"
)
# A drawn face that mtcnn takes for a face; it refuses many that are drawn as simply.
PERSON, SIZE, PLACE = 0, 112, (150, 90)


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    return MtcnnDetector()


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    image = np.full((340, 400, 3), 200, np.uint8)
    left, top = PLACE
    image[top : top + SIZE, left : left + SIZE] = draw_face(PERSON, 0, False, size=SIZE)
    return image


def test_the_points_are_where_the_face_was_drawn(
    detector: MtcnnDetector, photograph: np.ndarray
) -> None:
    ((face,),) = detector([photograph])
    centre = face.points.mean(axis=0) - PLACE
    assert np.abs(centre - 0.5 * SIZE).max() < 0.25 * SIZE
    eyes, mouth = face.points[:2, 1].mean(), face.points[3:, 1].mean()
    assert eyes < face.points[2, 1] < mouth and face.points[0, 0] < face.points[1, 0]
    assert face.box[0] < face.points[0, 0] < face.box[2] and face.confidence > 0.9
    assert face.source == "mtcnn"


def chip(image: np.ndarray, face: Detection) -> np.ndarray:
    matrix = geometry.chip_matrix(*image.shape[:2], source=face.points, target="arcface", size=56)
    return geometry.warp(image, matrix, 56).astype("float32")


# MTCNN's networks run on several photographs.
@pytest.mark.long
@pytest.mark.parametrize("quarters", [1, 3])
def test_a_photograph_on_its_side_gives_the_same_chip(
    detector: MtcnnDetector, photograph: np.ndarray, quarters: int
) -> None:
    ((upright,),) = detector([photograph])
    turned = np.ascontiguousarray(np.rot90(photograph, quarters))
    face = max(detector([turned])[0], key=lambda face: face.confidence)
    # Upside down or on its side the chip differs from itself by far more.
    there, here = chip(photograph, upright), chip(turned, face)
    assert np.abs(there - here).mean() < 0.3 * np.abs(there - there[::-1]).mean()


def test_a_large_image_is_searched_small_and_answered_large(
    detector: MtcnnDetector, photograph: np.ndarray
) -> None:
    large_photograph = np.repeat(np.repeat(photograph, 6, axis=0), 6, axis=1)
    (small,), (large,) = detector([photograph, large_photograph])
    assert np.abs(large.points / 6 - small.points).max() < 0.1 * SIZE


@pytest.mark.parametrize("shape", [(200, 200, 3), (1, 1, 3), (30, 900, 3)])
def test_nothing_is_found_where_nothing_is(detector: MtcnnDetector, shape: tuple[int, ...]) -> None:
    assert detector([np.full(shape, 90, np.uint8)]) == [()]


@pytest.mark.parametrize(
    "image", [np.zeros((50, 50), np.uint8), np.zeros((50, 50, 3)), np.zeros((50, 50, 4), np.uint8)]
)
def test_what_is_no_rgb_image_is_refused(detector: MtcnnDetector, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="image must be a uint8 array"):
        detector([image])


def test_a_missing_package_is_an_error_with_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mtcnn", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install .*maskedface\[mtcnn\]"):
        MtcnnDetector()


def searches(found: dict[int, list[Detection]]) -> tuple[MtcnnDetector, Callable[[], int]]:
    """A detector whose n-th search finds what it is told."""
    detector = MtcnnDetector.__new__(MtcnnDetector)
    detector._turn, asked = True, []

    def search(image: np.ndarray) -> list[Detection]:
        asked.append(image.shape)
        return found.get(len(asked) - 1, [])

    detector._search = search  # type: ignore[method-assign]
    return detector, lambda: len(asked)


def face(box: tuple[float, ...], confidence: float) -> Detection:
    return Detection(box, np.tile(np.array(box[:2]), (5, 1)), confidence, "mtcnn")  # type: ignore[arg-type]


def test_a_sure_face_is_not_searched_for_again() -> None:
    detector, asked = searches({0: [face((10, 10, 50, 60), 0.999)]})
    assert len(detector([np.zeros((100, 200, 3), np.uint8)])[0]) == 1 and asked() == 1


def test_a_doubtful_face_gives_way_to_a_surer_one_in_its_place() -> None:
    # On the image turned by a half, the same place lies at 200 - 50, 100 - 60.
    surer = face((150, 40, 190, 90), 0.98)
    detector, asked = searches({0: [face((10, 10, 50, 60), 0.9)], 2: [surer]})
    ((found,),) = detector([np.zeros((100, 200, 3), np.uint8)])
    assert asked() == 4 and found.confidence == 0.98 and found.box == (10, 10, 50, 60)
