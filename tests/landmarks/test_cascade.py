"""The cascade's order: crops by the aligner alone, detector and aligner, quarter turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from maskedface.landmarks import Cascade, Detection, blazeface
from maskedface.landmarks.cascade import may_be_crop, turned_back

FIVE = np.array([(20.0, 20), (40, 20), (30, 30), (22, 40), (38, 40)])
BOX = (10.0, 10.0, 50.0, 50.0)
# An image's first pixel says what the fakes see there.
NOTHING, FOUND, CROP, SIDEWAYS, SMALL = range(5)


def image(kind: int, height: int = 100, width: int = 100) -> np.ndarray:
    made = np.full((height, width, 3), 9, np.uint8)
    made[0, 0] = kind
    return made


class Rough:
    """Finds two faces where the upper left pixel says FOUND or SIDEWAYS."""

    def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        two = (
            Detection(BOX, FIVE, 0.3, "rough"),
            Detection((60, 10, 90, 40), FIVE + 50, 0.3, "rough"),
        )
        return [two if image[0, 0, 0] in (FOUND, SIDEWAYS) else () for image in images]


class Sure:
    """Moves points by one pixel; is sure of faces left of 50 px, and of crops that say CROP."""

    def __init__(self) -> None:
        self.alone: list[int] = []

    def refine(
        self, images: Sequence[np.ndarray], points: np.ndarray, *, source: str
    ) -> list[Detection]:
        return [
            Detection(BOX, five + 1, 0.9 if five[0, 0] < 50 else 0.1, source) for five in points
        ]

    def best(self, images: Sequence[np.ndarray]) -> list[Detection]:
        self.alone += [int(image[0, 0, 0]) for image in images]
        kinds = [int(image[0, 0, 0]) for image in images]
        return [
            Detection(
                (10.0, 10.0, 40.0, 40.0) if kind == SMALL else (10.0, 10.0, 50.0, 50.0),
                FIVE,
                0.8 if kind in (CROP, SMALL) else 0.2,
                "aligner",
            )
            for kind in kinds
        ]


def cascade(**options: Any) -> tuple[Cascade, Sure]:
    sure = Sure()
    return Cascade(Rough(), sure, **options), sure  # type: ignore[arg-type]


def test_the_aligner_refines_and_refuses_what_was_found() -> None:
    finds, sure = cascade(turn=False)
    ((face,),) = finds([image(FOUND)])
    np.testing.assert_allclose(face.points, FIVE + 1)
    assert (face.source, face.confidence, sure.alone) == ("rough+aligner", 0.9, [FOUND])


def test_a_crop_goes_to_the_aligner_alone() -> None:
    finds, sure = cascade(turn=False)
    (crop,), nothing, (found,) = finds([image(CROP), image(NOTHING), image(FOUND)])
    assert (crop.source, found.source, nothing) == ("aligner", "rough+aligner", ())
    assert sure.alone == [CROP, NOTHING, FOUND]


def test_a_small_face_alone_is_searched_for_others_first() -> None:
    class Two(Rough):
        def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
            return [(Detection(BOX, FIVE, 0.3, "rough"),) for _ in images]

    assert cascade()[0]([image(SMALL)])[0][0].source == "aligner"  # nothing else was found
    assert Cascade(Two(), Sure())([image(SMALL)])[0][0].source == "rough+aligner"  # type: ignore[arg-type]


def test_what_is_no_crop_and_has_no_face_gives_none() -> None:
    finds, sure = cascade()
    assert finds([image(CROP, 400, 400), image(NOTHING, 100, 200)]) == [(), ()]
    assert sure.alone == []


def test_the_least_confidence_can_be_chosen() -> None:
    assert cascade(turn=False, least=0.85)[0]([image(CROP)]) == [()]
    assert len(cascade(turn=False, least=0.1)[0]([image(NOTHING)])[0]) == 1


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize(("height", "width"), [(100, 100), (400, 700)])
def test_what_lies_on_its_side_is_found_by_quarter_turns(
    quarters: int, height: int, width: int
) -> None:
    upright = image(SIDEWAYS, height, width)
    sideways = np.rot90(upright, -quarters)
    assert cascade(turn=False)[0]([np.ascontiguousarray(sideways)]) == [()]
    ((face,),) = cascade()[0]([np.ascontiguousarray(sideways)])
    (expected,) = cascade()[0]([upright])[0]
    back = turned_back(expected, quarters, *sideways.shape[:2])
    np.testing.assert_allclose(face.points, back.points)
    assert face.box == back.box


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_points_and_boxes_turn_back_to_the_pixel_that_was_marked(quarters: int) -> None:
    x, y = 5, 17
    marked = np.zeros((30, 41), np.uint8)
    marked[y, x] = 1
    ((row, column),) = np.argwhere(np.rot90(marked, quarters))
    box = (float(column), float(row), column + 1.0, row + 1.0)
    turned = Detection(box, np.full((5, 2), (column, row), "float64"), 0.7, "x")
    face = turned_back(turned, quarters, 30, 41)
    assert (face.points == (x, y)).all() and face.box == (x, y, x + 1, y + 1)
    assert (face.confidence, face.source) == (0.7, "x")


@pytest.mark.parametrize(
    ("size", "may"),
    [
        ((112, 112), True),
        ((320, 200), True),
        ((321, 321), False),
        ((161, 100), False),
        ((24, 24), True),
        ((23, 24), False),
    ],
)
def test_which_images_may_be_crops(size: tuple[int, int], may: bool) -> None:
    assert may_be_crop(image(0, *size)) == may == may_be_crop(image(0, *size[::-1]))


def test_without_blazeface_crops_are_found_and_photographs_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_: object) -> None:
        raise ModuleNotFoundError('... must be installed: pip install "maskedface[detect]"')

    monkeypatch.setattr(blazeface, "BlazeFaceDetector", missing)
    finds = Cascade(None, Sure(), turn=False)  # type: ignore[arg-type]
    assert [len(faces) for faces in finds([image(CROP), image(NOTHING)])] == [1, 0]
    with pytest.raises(ModuleNotFoundError, match='pip install "maskedface\\[detect\\]"'):
        finds([image(CROP), image(CROP, 400, 600)])


def test_nothing_is_found_on_no_images() -> None:
    assert cascade()[0]([]) == []


@pytest.mark.parametrize("least", [-0.1, 1.1])
def test_a_confidence_out_of_range_is_refused(least: float) -> None:
    with pytest.raises(ValueError, match=f"least must be in .*Received: least={least}"):
        cascade(least=least)


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="image must be a uint8 array"):
        cascade()[0]([image(CROP).astype("float32")])


class OnItsHead:
    """Sees a face everywhere: at odds of 4 as the image is, at `odds` where it is upside down."""

    def __init__(self, odds: float) -> None:
        self.sure = odds / (1 + odds)

    def best(self, images: Sequence[np.ndarray]) -> list[Detection]:
        return [
            Detection(
                (30.0, 30.0, 70.0, 70.0),
                FIVE,
                0.8 if image[0, 0, 0] == CROP else self.sure,
                "aligner",
            )
            for image in images
        ]


@pytest.mark.parametrize(("odds", "turned"), [(200.0, True), (70.0, False), (0.1, False)])
def test_a_face_on_its_head_counts_where_it_is_much_surer(odds: float, turned: bool) -> None:
    finds = Cascade(Rough(), OnItsHead(odds))  # type: ignore[arg-type]
    ((face,),) = finds([image(CROP)])
    expected = np.array([99.0, 99.0]) - FIVE if turned else FIVE
    np.testing.assert_allclose(face.points, expected)
    (plain,) = Cascade(Rough(), OnItsHead(odds), turn=False)([image(CROP)])  # type: ignore[arg-type]
    np.testing.assert_allclose(plain[0].points, FIVE)


LEFT, RIGHT = (10.0, 10.0, 50.0, 50.0), (150.0, 30.0, 190.0, 70.0)


class OfTwo:
    """Sees a face on the left and one on the right of a photograph of 400 x 200 px, with these
    confidences; upside down one or both, with those."""

    def __init__(self, upright: tuple[float, float], turned: tuple[float, float]) -> None:
        self.upright, self.turned = upright, turned

    def __call__(self, images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        rough = [Detection(box, FIVE, 0.5, "rough") for box in (LEFT, RIGHT)]
        return [tuple(rough) for _ in images]

    def best(self, images: Sequence[np.ndarray]) -> list[Detection]:
        assert not images
        return []

    def refine(
        self, images: Sequence[np.ndarray], points: np.ndarray, *, source: str
    ) -> list[Detection]:
        found = []
        for first, picture in zip((True, False) * (len(images) // 2), images, strict=True):
            is_upright = picture[0, 0, 0] == FOUND
            box = np.array(LEFT if first else RIGHT)
            if not is_upright:
                box = np.array([400, 200, 400, 200]) - box[[2, 3, 0, 1]]
            sure = (self.upright if is_upright else self.turned)[not first]
            found.append(Detection(tuple(box.tolist()), FIVE, sure, source))
        return found


@pytest.mark.parametrize(
    ("upright", "turned", "expected"),
    [
        ((0.8, 0.9), (0.0, 0.999), [0.8, 0.999]),  # the right one alone is on its head
        ((0.8, 0.9999), (0.999, 0.95), [0.999, 0.9999]),  # beside one that is sure
        ((0.8, 0.9), (0.999, 0.999), [0.999, 0.999]),
        ((0.8, 0.9), (0.95, 0.95), [0.8, 0.9]),  # not much surer
        ((0.995, 0.999), (0.9999999, 0.9999999), [0.995, 0.999]),  # nobody is unsure
    ],
)
def test_of_several_faces_each_is_judged_alone(
    upright: tuple[float, float], turned: tuple[float, float], expected: list[float]
) -> None:
    two = OfTwo(upright, turned)
    (faces,) = Cascade(two, two)([image(FOUND, 200, 400)])  # type: ignore[arg-type]
    assert [face.confidence for face in faces] == expected


def test_a_face_that_only_an_upside_down_photograph_shows_comes_with_it() -> None:
    two = OfTwo((0.8, 0.0), (0.999, 0.95))
    (faces,) = Cascade(two, two)([image(FOUND, 200, 400)])  # type: ignore[arg-type]
    assert [face.confidence for face in faces] == [0.999, 0.95]
