from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from maskedface import geometry


def gradient(height: int = 112, width: int = 112) -> np.ndarray:
    """An image whose red is its column and whose green is its row."""
    image = np.zeros((height, width, 3), "uint8")
    image[..., 0], image[..., 1] = np.arange(width), np.arange(height)[:, None]
    return image


def test_the_warp_from_arcface_to_dlib_is_the_one_that_was_fitted() -> None:
    matrix = geometry.chip_matrix(112, 112, source="arcface", target="dlib", size=150)
    fitted = [[0.6648, 0, 55.96 - 0.6648 * 75], [0, 0.6648, 71.22 - 0.6648 * 75]]
    np.testing.assert_allclose(matrix, fitted, atol=1e-3)


def test_a_warp_takes_each_pixel_from_where_the_matrix_says() -> None:
    matrix = np.array([[0.5, 0, 20], [0, 0.5, 30]])
    chip = geometry.warp(gradient(), matrix, 64).astype(int)
    columns, rows = np.meshgrid(np.arange(64), np.arange(64))
    assert np.abs(chip[..., 0] - (20 + columns / 2)).max() < 1  # Pillow rounds down
    assert np.abs(chip[..., 1] - (30 + rows / 2)).max() < 1


def test_a_warp_repeats_the_edges_beyond_the_image() -> None:
    chip = geometry.warp(gradient(), np.array([[1.0, 0, -20], [0, 1, 60]]), 112)
    assert (chip[:, :20, 0] == 0).all()
    assert (chip[52:, :, 1] == 111).all()


def test_a_rotation_carries_the_five_points_onto_the_alignment() -> None:
    points = geometry.alignment_points("arcface", 112, 112)
    angle = 0.3
    turn = 1.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    seen = points @ turn.T + (40, 25)
    matrix = geometry.chip_matrix(300, 300, source=seen, target="arcface", size=112)
    chip = np.c_[points, np.ones(5)]
    np.testing.assert_allclose(chip @ matrix.T, seen, atol=1e-9)


def test_an_unknown_alignment_fills_the_chip_with_the_whole_image() -> None:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), "uint8"))
    image = np.asarray(coarse.resize((120, 90), Image.Resampling.BICUBIC))
    matrix = geometry.chip_matrix(90, 120, source="", target="dlib", size=150)
    chip = geometry.warp(image, matrix, 150)
    resized = Image.fromarray(image).resize((150, 150), Image.Resampling.BILINEAR)
    assert np.abs(chip.astype(int) - np.asarray(resized)).max() <= 2


def test_a_large_image_is_averaged_before_it_is_warped() -> None:
    stripes = np.zeros((800, 800, 3), "uint8")
    stripes[:, ::2] = 255
    matrix = geometry.chip_matrix(800, 800, source="", target="dlib", size=100)
    chip = geometry.warp(stripes, matrix, 100)
    assert chip.min() >= 120 and chip.max() <= 135
    four = cv2.cvtColor(stripes, cv2.COLOR_RGB2RGBA)
    np.testing.assert_array_equal(geometry.warp(four, matrix, 100), chip)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("shape", [(112, 100), (180, 180), (250, 300)])
def test_a_whole_image_is_resized_as_the_warp_would(shape: tuple[int, int], channels: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, channels), "uint8")
    matrix = geometry.chip_matrix(*shape, source="", target="vggface2", size=180)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    right = cv2.warpAffine(
        noise[:, :, :3], matrix, (180, 180), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    chip = geometry.warp(noise, matrix, 180)
    assert abs(chip.astype(int) - right).max() <= 1
    three = np.ascontiguousarray(noise[:, :, :3])
    np.testing.assert_array_equal(chip, cv2.resize(three, (180, 180)))  # whatever the channels


def test_a_chip_is_opencvs_warp_of_three_channels_to_the_bit() -> None:
    image = np.random.default_rng(0).integers(0, 256, (112, 100, 3), "uint8")
    matrix = geometry.chip_matrix(112, 100, source="arcface", target="vggface2", size=180)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    right = cv2.warpAffine(image, matrix, (180, 180), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    np.testing.assert_array_equal(geometry.warp(image, matrix, 180), right)
    four = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
    np.testing.assert_array_equal(geometry.warp(four, matrix, 180), right)


def test_alignment_points_scale_with_the_image() -> None:
    small = geometry.alignment_points("arcface", 112, 112)
    large = geometry.alignment_points("arcface", 224, 224)
    np.testing.assert_allclose(large, 2 * (small + 0.5) - 0.5)


def test_an_unknown_alignment_is_refused() -> None:
    with pytest.raises(ValueError, match="alignment must be one of .* Received: alignment='face'"):
        geometry.alignment_points("face", 112, 112)


@pytest.mark.parametrize(
    ("source", "message"),
    [(np.zeros((5, 3)), "must both have shape"), (np.ones((5, 2)), "two different points")],
)
def test_points_that_fix_no_similarity_are_refused(source: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        geometry.similarity(source, np.ones((5, 2)))


SQUASH = np.array([[1.3, 0.1, 4.0], [-0.05, 0.8, -3.0]])


def moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def test_an_affine_fit_finds_a_squash() -> None:
    points = geometry.alignment_points("arcface", 112, 112)
    found = geometry.affine(points, moved(SQUASH, points))
    np.testing.assert_allclose(found, SQUASH, atol=1e-9)


@pytest.mark.parametrize("side", ["source", "target"])
def test_an_affine_fit_of_points_on_a_line_is_refused(side: str) -> None:
    points = {"source": np.eye(3, 2), "target": np.eye(3, 2)}
    points[side] = np.array([(0, 0), (1, 2), (2, 4)])
    with pytest.raises(ValueError, match=f"{side} must have three points that are not collinear"):
        geometry.affine(**points)


def test_an_affine_fit_of_two_points_is_refused() -> None:
    with pytest.raises(ValueError, match="must have three points"):
        geometry.affine(np.eye(2), np.eye(2))


def test_a_squashed_face_fills_the_chip_by_an_affine_fit() -> None:
    target = geometry.alignment_points("dlib", 150, 150)
    matrix = geometry.chip_matrix(
        90, 200, source=moved(SQUASH, target), target="dlib", size=150, fit="affine"
    )
    np.testing.assert_allclose(matrix, SQUASH, atol=1e-9)


def test_another_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="fit must be one of .* Received: fit='bent'"):
        geometry.chip_matrix(9, 9, source="", target="dlib", size=9, fit="bent")  # type: ignore[arg-type]


def test_similarities_are_each_ones_similarity() -> None:
    rng = np.random.default_rng(0)
    source, targets = rng.normal(50, 20, (5, 2)), rng.normal(300, 90, (7, 5, 2))
    expected = [geometry.similarity(source, target) for target in targets]
    np.testing.assert_allclose(geometry.similarities(source, targets), expected, atol=1e-9)
    assert geometry.similarities(source, targets[:0]).shape == (0, 2, 3)
