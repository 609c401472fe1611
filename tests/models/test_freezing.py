from __future__ import annotations

import keras
import numpy as np
import pytest

from maskedface import models


def tiny() -> keras.Model:
    keras.utils.set_random_seed(0)
    return models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))


def trainable(model: keras.Model) -> int:
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def test_the_papers_counts_of_trainable_parameters() -> None:
    backbone = models.ResNet50(None, (180, 180, 3))
    models.freeze(backbone, through="layer3")
    assert trainable(backbone) == 14_964_736
    models.freeze(backbone, through="all")
    assert trainable(backbone) == 0
    assert trainable(models.classifier(backbone, num_classes=77)) == 157_773


def test_both_readings_of_batch_norm_train_the_same_parameters() -> None:
    backbone = tiny()
    models.freeze(backbone, through="layer3", batch_norm="frozen")
    frozen = {variable.path for variable in backbone.trainable_variables}
    models.freeze(backbone, through="layer3", batch_norm="update")
    assert {variable.path for variable in backbone.trainable_variables} == frozen


def step(batch_norm: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Every variable of a tiny classifier before and after one training step."""
    backbone = tiny()
    models.freeze(backbone, "layer3", batch_norm)  # type: ignore[arg-type]
    model = models.classifier(backbone, num_classes=3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=False)
    before = {v.path: keras.ops.convert_to_numpy(v).copy() for v in backbone.variables}
    rng = np.random.default_rng(0)
    model.train_on_batch(rng.integers(0, 256, (8, 64, 64, 3)).astype("float32"), np.arange(8) % 3)
    return {v.path: (before[v.path], keras.ops.convert_to_numpy(v)) for v in backbone.variables}


def frozen(path: str) -> bool:
    return not path.startswith("layer4")


# It traces or trains a whole network.
@pytest.mark.long
def test_frozen_variables_keep_their_bits_and_the_others_move() -> None:
    for path, (before, after) in step("frozen").items():
        assert np.array_equal(before, after) == frozen(path), path


# Real fits.
@pytest.mark.long
def test_update_moves_the_statistics_of_frozen_stages_alone() -> None:
    for path, (before, after) in step("update").items():
        statistics = "moving_" in path
        assert np.array_equal(before, after) == (frozen(path) and not statistics), path


def test_freezing_again_starts_afresh() -> None:
    backbone = tiny()
    everything = trainable(backbone)
    models.freeze(backbone, "all", "update")
    models.freeze(backbone, "none")
    assert trainable(backbone) == everything


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("layer9",), "through must be 'none', 'all' or one of"),
        (("layer3", "thawed"), "batch_norm must be"),
    ],
)
def test_unknown_names_are_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        models.freeze(tiny(), *arguments)  # type: ignore[arg-type]
