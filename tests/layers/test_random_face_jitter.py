from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskedface.layers import RandomFaceJitter

TOOLS = Path(__file__).resolve().parents[2] / "tools"
STILL = np.full((1, 6), 0.5, "float32")  # nothing moves


def moved(image: np.ndarray, **draws: float) -> np.ndarray:
    """An image under one change: -1 to 1 of the largest."""
    names = ["turn", "zoom", "right", "down", "contrast", "brightness"]
    row = STILL.copy()
    for name, value in draws.items():
        row[0, names.index(name)] = (value + 1) / 2
    return np.asarray(RandomFaceJitter().transform(image[None], row))[0]


def test_it_computes_what_opencv_does(
    faces: np.ndarray, draws: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmark_layers import numpy_jitter

    expected = numpy_jitter(faces, draws[:, 3:]).astype(int)
    found = np.asarray(RandomFaceJitter().transform(faces, draws[:, 3:]))
    assert found.dtype == np.uint8 and abs(expected - faces).mean() > 5
    # OpenCV rounds to gray levels before the light as well as after: 1.3 * .5 + .5 at most.
    assert abs(found - expected).max() <= 1


def test_the_middle_of_every_draw_changes_nothing(faces: np.ndarray) -> None:
    still = np.repeat(STILL, len(faces), axis=0)
    np.testing.assert_array_equal(RandomFaceJitter().transform(faces, still), faces)


def test_strength_zero_changes_nothing_and_half_is_half(faces: np.ndarray) -> None:
    far, near = np.full((12, 6), 1.0, "float32"), np.full((12, 6), 0.75, "float32")
    np.testing.assert_array_equal(RandomFaceJitter(0.0).transform(faces, far), faces)
    np.testing.assert_array_equal(
        RandomFaceJitter(0.5).transform(faces, far), RandomFaceJitter().transform(faces, near)
    )


def test_each_number_moves_what_it_says() -> None:
    image = np.full((50, 100, 3), 100, "uint8")
    image[20:30, 40:60] = 200
    before = np.argwhere(image[..., 0] > 150)

    def bright(**draws: float) -> np.ndarray:
        return np.argwhere(moved(image, **draws)[..., 0] > 150)

    # The place read moves right and down, so what is seen moves left and up: .04 * 100 px.
    np.testing.assert_allclose(bright(right=1).mean(0) - before.mean(0), [0, -4], atol=0.1)
    np.testing.assert_allclose(bright(down=1).mean(0) - before.mean(0), [-4, 0], atol=0.1)
    assert len(bright(zoom=1)) < len(before) < len(bright(zoom=-1))
    y, x = (bright(turn=1) - before.mean(0)).T
    assert (
        np.polyfit(x, y, 1)[0] < -0.05 < 0.05 < np.polyfit(*(bright(turn=-1) - 0.0).T[::-1], 1)[0]
    )


def test_light_is_what_the_numbers_say() -> None:
    image = np.full((20, 20, 3), 100, "uint8")
    image[:, :10] = 60  # the mean is 80
    assert set(moved(image, brightness=1).ravel()) == {130, 90}
    assert set(moved(image, contrast=1).ravel()) == {106, 54}
    assert set(moved(image, contrast=-1).ravel()) == {94, 66}
    assert moved(np.full((20, 20, 3), 250, "uint8"), brightness=1).max() == 255


def test_edges_are_repeated_where_an_image_is_moved_in() -> None:
    image = np.tile(np.arange(0, 200, 2, dtype="uint8")[:, None, None], (1, 100, 3))
    found = moved(image, down=1)[..., 0]
    assert (found[-4:] == 198).all() and (found[:96] == image[4:, :, 0]).all()


def test_a_negative_strength_is_refused() -> None:
    with pytest.raises(ValueError, match="strength must be at least 0"):
        RandomFaceJitter(-0.1)


@pytest.mark.parametrize("shape", [(12, 64, 64), (12, 64, 64, 1)])
def test_what_is_no_batch_of_rgb_images_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="images must have shape"):
        RandomFaceJitter().transform(np.zeros(shape, "uint8"), np.zeros((12, 6), "float32"))
