from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import models, recipes, synthetic, training
from maskedface.datasets import split_by_image


@pytest.fixture(scope="module")
def backbone() -> keras.Model:
    keras.utils.set_random_seed(0)
    return models.ResNet50(None, (64, 64, 3), filters=4, blocks=(1, 1, 1, 1))


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.stack([synthetic.draw_face(n, 0, n % 2 == 0, size=64) for n in range(8)])


def test_the_histogram_is_of_the_upper_half_of_the_stages_map(
    backbone: keras.Model, faces: np.ndarray
) -> None:
    bag = models.bag_of_features(backbone, "layer1", codewords=5, faces=faces)
    maps = models.predict(keras.Model(backbone.input, _map(backbone, "layer1")), faces)
    codebook = bag.get_layer("bag_codebook")
    half = maps[:, : maps.shape[1] // 2]
    np.testing.assert_allclose(
        models.predict(bag, faces), 5 * np.asarray(codebook(half)), rtol=1e-4
    )
    assert not np.allclose(np.asarray(codebook(maps)), np.asarray(codebook(half)), rtol=1e-3)


def test_what_lies_far_below_the_half_is_not_seen(backbone: keras.Model, faces: np.ndarray) -> None:
    # A place of the first stage's map sees 35 px; the upper quarter of 64 px ends well above the chin.
    bag = models.bag_of_features(backbone, "stem", codewords=5, upper=0.25, faces=faces)
    covered = faces.copy()
    covered[:, 40:] = 0
    np.testing.assert_array_equal(models.predict(bag, covered), models.predict(bag, faces))


def test_the_backbone_is_left_as_it_is(backbone: keras.Model, faces: np.ndarray) -> None:
    bag = models.bag_of_features(backbone, "layer2", codewords=3, faces=faces)
    assert models.alignment_of(bag) == models.alignment_of(backbone)
    assert models.stages(bag) == ("stem", "layer1", "layer2", "bag")
    before = backbone.get_weights()
    bag.set_weights([weights + 1 for weights in bag.get_weights()])
    for one, other in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# It traces or trains a whole network.
@pytest.mark.long
def test_a_classifier_trains_the_codebook_behind_a_frozen_stage(
    backbone: keras.Model, faces: np.ndarray, tmp_path: Path
) -> None:
    bag = models.bag_of_features(backbone, "layer2", codewords=6, faces=faces)
    models.freeze(bag, through="layer2")
    head = models.LinearHead(hidden=[16], dropout=0.0)
    model = models.classifier(bag, 4, head=head)
    before = {variable.path: np.array(variable) for variable in bag.variables}
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    model.fit(faces, np.arange(8) % 4, verbose=0)
    moved = {v.path.split("/")[-2] for v in bag.variables if (np.array(v) != before[v.path]).any()}
    assert moved == {"bag_codebook"}
    model.save(tmp_path / "bag.keras")
    again = keras.models.load_model(tmp_path / "bag.keras")
    np.testing.assert_array_equal(models.predict(again, faces), models.predict(model, faces))


# It traces or trains a whole network.
@pytest.mark.long
def test_a_recipe_trains_it(backbone: keras.Model, tmp_path: Path) -> None:
    index = synthetic.draw_people(tmp_path / "faces", people=3, photos=3)
    train, test = split_by_image(index, train_fraction=0.7, seed=0)
    bag = models.bag_of_features(backbone, "layer2", codewords=6)
    recipe = recipes.Recipe(
        name="hariri",
        head=models.LinearHead(hidden=[8]),
        freeze_through="layer2",
        optimizer=keras.optimizers.Adam(1e-3),
        epochs=1,
    )
    run = training.train(
        recipe, train, test, run_dir=tmp_path / "run", backbone=bag, progress=False
    )
    assert {"masked", "unmasked"} <= set(run.metrics)


def test_what_cannot_be_built_is_refused(backbone: keras.Model) -> None:
    with pytest.raises(ValueError, match="stage must be one of"):
        models.bag_of_features(backbone, "layer9")
    with pytest.raises(ValueError, match=r"upper must be in \(0, 1\]"):
        models.bag_of_features(backbone, "layer2", upper=0)
    with pytest.raises(ValueError, match="stage must output a feature map"):
        models.bag_of_features(models.DlibResNet29(None), "embedding")


def _map(backbone: keras.Model, stage: str) -> keras.KerasTensor:
    return [layer for layer in backbone.layers if layer.name.startswith(f"{stage}_")][-1].output
