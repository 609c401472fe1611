from __future__ import annotations

import numpy as np
import pytest

from maskedface import geometry
from maskedface.masking import STYLES, MaskBank
from maskedface.masking.sheet import face_matrix
from tests.faces import draw_face

SIZE = 96
MATRIX = face_matrix("arcface", SIZE, SIZE)


@pytest.fixture(scope="module")
def bank() -> MaskBank:
    return MaskBank.draw(alignment="arcface", size=SIZE, variants=1)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.stack([draw_face(person, 0, False, size=SIZE) for person in range(len(STYLES))])


def flat_bank(gray: int, alpha: int = 255) -> MaskBank:
    """One patch that covers the lower half with one gray, multiplied by alpha already."""
    patch = np.zeros((1, SIZE, SIZE, 4), "uint8")
    patch[:, SIZE // 2 :, :, :3] = gray
    patch[:, SIZE // 2 :, :, 3] = alpha
    return MaskBank(patch, MATRIX)


def test_the_value_is_the_one_derived_by_hand() -> None:
    # An even face of gray 60: light (60 / 150)^.6 = .57708 throughout. Alpha .4 (102), RGB 80
    # (multiplied by alpha): 60 * .6 + 80 * .57708 = 82.17.
    face = np.full((1, SIZE, SIZE, 3), 60, "uint8")
    laid = flat_bank(80, 102).lay(face, np.array([0]))
    assert (laid[:, SIZE // 2 :] == 82).all() and (laid[:, : SIZE // 2] == 60).all()


def test_the_mask_is_lit_from_where_the_face_is() -> None:
    across = np.linspace(40, 180, SIZE)
    face = np.broadcast_to(across[None, None, :, None], (1, SIZE, SIZE, 3)).astype("uint8")
    laid = flat_bank(150).lay(face, np.array([0]))[0, -1, :, 0].astype(int)
    assert laid[10] < 0.75 * laid[-10] and (np.diff(laid) >= 0).all()


def test_a_dark_face_gets_a_dark_mask_and_light_has_bounds() -> None:
    def gray(level: int) -> int:
        face = np.full((1, SIZE, SIZE, 3), level, "uint8")
        return int(flat_bank(200).lay(face, np.array([0]))[0, -1, 0, 0])

    assert [gray(level) for level in (0, 150, 255)] == [70, 200, 210]


def test_minus_one_leaves_an_image_as_it_is(bank: MaskBank, faces: np.ndarray) -> None:
    choice = np.where(np.arange(len(faces)) % 2, -1, np.arange(len(faces)))
    laid = bank.lay(faces, choice)
    same = (laid == faces).all(axis=(1, 2, 3))
    assert (same == (choice < 0)).all()


def test_what_lies_above_the_masks_is_unchanged(bank: MaskBank, faces: np.ndarray) -> None:
    laid = bank.lay(faces, np.arange(len(faces)))
    assert (laid[:, : SIZE // 3] == faces[:, : SIZE // 3]).all()


def test_the_images_given_are_not_written_to(bank: MaskBank, faces: np.ndarray) -> None:
    before = faces.copy()
    bank.lay(faces, np.arange(len(faces)))
    assert (faces == before).all()


def test_many_images_are_laid_as_one_by_one(bank: MaskBank, faces: np.ndarray) -> None:
    many = np.concatenate([faces] * 7)
    choice = np.arange(len(many)) % len(bank)
    whole = bank.lay(many, choice).astype(int)
    single = [bank.lay(many[i : i + 1], choice[i : i + 1])[0] for i in range(len(many))]
    assert np.abs(whole - np.stack(single)).max() <= 1


def test_five_points_of_the_alignment_give_what_the_alignment_gives(
    bank: MaskBank, faces: np.ndarray
) -> None:
    points = np.stack([geometry.alignment_points("arcface", SIZE, SIZE)] * len(faces))
    choice = np.arange(len(faces))
    placed = bank.lay(faces, choice, points).astype(int)
    assert np.abs(placed - bank.lay(faces, choice)).max() <= 2


def test_a_mask_follows_a_face_that_is_moved_and_tilted(bank: MaskBank, faces: np.ndarray) -> None:
    # Turning face and points turns the laid mask: the same picture as turning the masked face.
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.full(2, (SIZE - 1) / 2)
    way = np.column_stack([turn, middle - turn @ middle + (3, -6)])
    points = geometry.alignment_points("arcface", SIZE, SIZE)
    back = (points - way[:, 2]) @ turn  # the inverse of a turn is its transpose
    tilted = geometry.warp(faces[0], way, SIZE)
    laid = bank.lay(tilted[None], np.array([0]), back[None])[0].astype(int)
    expected = geometry.warp(bank.lay(faces[:1], np.array([0]))[0], way, SIZE)
    assert np.abs(laid - expected).mean() < 2.5
    assert np.abs(laid - tilted).mean() > 10


@pytest.mark.parametrize(
    ("images", "choice"),
    [
        (np.zeros((1, SIZE, SIZE + 1, 3), "uint8"), np.zeros(1, int)),
        (np.zeros((SIZE, SIZE, 3), "uint8"), np.zeros(1, int)),
        (np.zeros((2, SIZE, SIZE, 3), "uint8"), np.zeros(1, int)),
        (np.zeros((1, SIZE, SIZE, 3), "uint8"), np.array([len(STYLES)])),
        (np.zeros((1, SIZE, SIZE, 3), "uint8"), np.array([-2])),
    ],
)
def test_bad_arguments_are_refused(bank: MaskBank, images: np.ndarray, choice: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must"):
        bank.lay(images, choice)


@pytest.mark.parametrize(
    "images",
    [
        np.linspace(0, 1, SIZE * SIZE * 3).reshape(1, SIZE, SIZE, 3),
        np.linspace(-1, 1, SIZE * SIZE * 3).reshape(1, SIZE, SIZE, 3),
        np.linspace(0, 65535, SIZE * SIZE * 3).reshape(1, SIZE, SIZE, 3).astype("uint16"),
        np.full((1, SIZE, SIZE, 3), np.nan),
    ],
    ids=["0-1", "-1-1", "16 bits", "no numbers"],
)
@pytest.mark.parametrize("choice", [0, -1])
def test_images_of_another_range_are_refused(images: np.ndarray, choice: int) -> None:
    with pytest.raises(ValueError, match=f"images must be 0-255. Received: {images.dtype} from"):
        flat_bank(80).lay(images, np.array([choice]))


def test_a_black_image_among_others_is_masked_by_its_points(faces: np.ndarray) -> None:
    images = np.concatenate([faces[:1], np.zeros_like(faces[:1])]).astype("float32")
    points = np.stack([geometry.alignment_points("arcface", SIZE, SIZE)] * 2)
    laid = flat_bank(80).lay(images, np.array([0, 0]), points)
    assert (laid[1, SIZE // 2 :] >= 0).all() and np.isfinite(laid).all()
