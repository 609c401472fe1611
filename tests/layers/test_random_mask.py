from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from maskedface.layers import RandomMask
from maskedface.masking import STYLES, MaskBank, MaskStyle, fabric
from maskedface.masking.image_styles import PictureStyle


def gray_levels_apart(found: object, expected: np.ndarray) -> int:
    return int(abs(np.asarray(found).astype(float) - expected).max())


def test_the_masks_are_those_that_the_bank_lays(
    mask: RandomMask, faces: np.ndarray, draws: np.ndarray
) -> None:
    expected = mask.bank.lay(faces, mask.choices(draws[:, :3]))
    found = np.asarray(mask.transform(faces, draws[:, :3]))
    assert found.dtype == np.uint8 and (expected != faces).any()
    assert gray_levels_apart(found, expected) <= 1
    assert (found != expected).mean() < 1e-3


@pytest.mark.parametrize("alignment", ["arcface", "dlib", "vggface2"])
def test_all_styles_of_every_alignment_are_those_of_the_bank(
    alignment: str, faces: np.ndarray
) -> None:
    layer = RandomMask(1.0, alignment=alignment, variants=1)
    layer.build((None, 64, 64, 3))
    draws = np.zeros((len(STYLES), 3), "float32")
    draws[:, 1] = (np.arange(len(STYLES)) + 0.5) / len(STYLES)
    many = np.resize(faces, (len(STYLES), *faces.shape[1:]))
    assert (layer.choices(draws) == np.arange(len(STYLES))).all()
    expected = layer.bank.lay(many, np.arange(len(STYLES)))
    assert gray_levels_apart(layer.transform(many, draws), expected) <= 1


def test_the_bank_is_the_one_of_its_seed_and_alignment(mask: RandomMask) -> None:
    styles = [style for style in STYLES if style.name in ("surgical", "printed")]
    bank = MaskBank.draw(styles, alignment="arcface", size=64, variants=2, seed=3)
    np.testing.assert_array_equal(mask.bank.patches, bank.patches)


def test_a_layer_that_stands_alone_takes_faces_to_be_aligned_as_data_sets_are() -> None:
    alone = RandomMask(styles=["cloth"], variants=1)
    alone.build((64, 64, 3))
    bank = MaskBank.draw(alone.styles, alignment="vggface2", size=64, variants=1)
    np.testing.assert_array_equal(alone.bank.patches, bank.patches)


def test_the_first_number_says_who_is_masked_and_one_means_never(mask: RandomMask) -> None:
    draws = np.array([[0.0, 0, 0], [0.59, 0.6, 0.9], [0.61, 0, 0], [1.0, 0, 0]], "float32")
    assert mask.lays(draws).tolist() == [True, True, False, False]
    assert mask.choices(draws).tolist() == [0, 3, -1, -1]
    every = RandomMask(1.0, ["cloth"])
    assert every.lays(draws).tolist() == [True, True, True, False]


def test_the_share_of_masks_and_of_each_style_is_what_was_asked(mask: RandomMask) -> None:
    choice = mask.choices(np.random.default_rng(1).uniform(size=(8000, 3)))
    assert np.mean(choice >= 0) == pytest.approx(0.6, abs=0.02)
    assert (abs(np.bincount(choice[choice >= 0]) / 8000 - 0.15) < 0.02).all()


def test_images_without_a_mask_are_unchanged_in_any_range(
    mask: RandomMask, faces: np.ndarray
) -> None:
    never = np.ones((len(faces), 3), "float32")
    layer = RandomMask(0.6, mask.styles, alignment="arcface", value_range=(-1, 1), variants=2)
    values = faces.astype("float32") / 127.5 - 1
    np.testing.assert_array_equal(layer.transform(values, never), values)


@pytest.mark.parametrize("style", [STYLES[0], MaskStyle(
    name="mine", outline=STYLES[0].outline, colors=((1, 2, 3),), patterns=(fabric.dots,)
)], ids=["built in", "of numbers"])  # fmt: skip
def test_styles_are_kept_in_the_configuration(style: MaskStyle) -> None:
    layer = RandomMask(styles=[style, "cloth"], seed=7)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    assert config["config"]["styles"][1] == "cloth"
    again = keras.saving.deserialize_keras_object(config)
    assert again.styles == layer.styles and again.get_config() == layer.get_config()


def test_a_style_of_a_picture_is_kept_in_the_configuration() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 12, 4), "uint8")
    style = PictureStyle("mine", picture, np.diag([2.0, 3, 1]))
    config = json.loads(json.dumps(RandomMask(styles=[style]).get_config()))
    (again,) = RandomMask.from_config(config).styles
    assert again.name == "mine"
    np.testing.assert_array_equal(again.picture, picture)
    np.testing.assert_array_equal(again.matrix, style.matrix)


def test_a_style_that_cannot_be_kept_is_refused_when_it_would_have_to_be() -> None:
    class Plain:
        name = "plain"

        def paint(self, sheet: object, rng: object) -> None:
            raise NotImplementedError

    with pytest.raises(ValueError, match="styles must have get_config"):
        RandomMask(styles=[Plain()]).get_config()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"probability": 1.1}, r"probability must be in \[0, 1\]"),
        (
            {"styles": ["clth"]},
            "styles must be among .*cloth.* Received: 'clth'; did you mean cloth",
        ),
        ({"styles": ["sunglasses"]}, "styles must be among"),  # no mask: the face stays unmasked
        ({"styles": []}, "styles must have different names"),
        ({"styles": ["cloth", "cloth"]}, "styles must have different names"),
        ({"styles": [3]}, "styles must be names, or have a method paint"),
        ({"alignment": "dlb"}, "alignment must be one of"),
        ({"variants": 0}, "variants must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"value_range": (1, 1)}, "value_range must be"),
    ],
)
def test_bad_words_are_refused_at_once(words: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RandomMask(**words)


@pytest.mark.parametrize("shape", [(None, 64, 60, 3), (None, None, None, 3), (None, 64, 64, 1)])
def test_images_that_no_bank_can_be_drawn_for_are_refused(shape: tuple[int | None, ...]) -> None:
    with pytest.raises(ValueError, match="images must be square RGB images of known size"):
        RandomMask().build(shape)


def test_images_of_another_size_than_the_masks_are_refused(
    mask: RandomMask, draws: np.ndarray
) -> None:
    with pytest.raises(ValueError, match="images must have the size"):
        mask.transform(np.zeros((12, 48, 48, 3), "uint8"), draws[:, :3])
