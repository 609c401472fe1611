from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from maskedface.datasets.augmentation import Augmentation
from maskedface.layers import RandomMask, RandomOcclusion
from maskedface.masking import OCCLUSIONS, MaskBank

WORDS = {"alignment": "arcface", "variants": 2}


def test_occlusions_are_those_that_the_bank_lays(faces: np.ndarray, draws: np.ndarray) -> None:
    layer = RandomOcclusion(0.7, **WORDS, seed=3)
    layer.build((None, 64, 64, 3))
    bank = MaskBank.draw(OCCLUSIONS, alignment="arcface", size=64, variants=2, seed=3)
    expected = bank.lay(faces, layer.choices(draws[:, :3])).astype(int)
    found = np.asarray(layer.transform(faces, draws[:, :3]))
    assert (expected != faces).any() and abs(found - expected).max() <= 1


def test_masked_faces_get_them_too_and_keep_their_domain() -> None:
    masked = np.arange(400) % 2 == 0
    both = Augmentation(
        [RandomMask(0.5, ["cloth"], **WORDS), RandomOcclusion(0.5, **WORDS)],
        alignment="arcface",
        size=64,
    )
    draws = both.draws(np.arange(400), 0, masked)
    mask, occlusion = both.layers
    assert not mask.lays(draws[masked, :3]).any()
    occluded = occlusion.choices(draws[:, 3:]) >= 0
    for kind in (masked, ~masked):
        assert occluded[kind].mean() == pytest.approx(0.5, abs=0.1)
    # Who counts as masked is said by the mask alone.
    np.testing.assert_array_equal(both.lays(draws), mask.lays(draws[:, :3]))


def test_it_is_kept_in_a_configuration_by_the_names_of_its_styles() -> None:
    layer = RandomOcclusion(styles=["hand", "cap"], seed=7)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    assert config["config"]["styles"] == ["hand", "cap"]
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again, RandomOcclusion) and again.get_config() == layer.get_config()


def test_in_prediction_faces_pass_as_they_are(faces: np.ndarray) -> None:
    layer = RandomOcclusion(1.0, **WORDS)
    np.testing.assert_array_equal(layer(faces, training=False), faces)
    assert (np.asarray(layer(faces, training=True)) != faces).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"probability": -0.1}, r"probability must be in \[0, 1\]"),
        (
            {"styles": ["sunglases"]},
            "among .*beanie.* Received: 'sunglases'; did you mean sunglasses",
        ),
        ({"styles": ["surgical"]}, "styles must be among"),  # a mask would make the face masked
    ],
)
def test_bad_words_are_refused_at_once(words: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RandomOcclusion(**words)
