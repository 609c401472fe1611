from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import datasets, models, training
from maskedface.datasets import FaceIndex
from maskedface.recipes import COSINE_MARGIN, FROZEN_MEANS
from maskedface.training import Run


def test_a_keras_application_is_a_backbone() -> None:
    backbone = training.build_backbone("MobileNetV3Small", None, 64)
    face = datasets.draw_face(0, 0, False, size=64)[None]
    found = models.predict(backbone, face)
    assert found.shape == (1, 576) and np.isfinite(found).all()


def test_a_runs_model_is_a_backbone_without_its_head(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    train, test = datasets.by_image(drawn)
    words = {"progress": False}
    run = training.train(
        FROZEN_MEANS, train, test, run_dir=tmp_path / "run", backbone=tiny_backbone, **words
    )
    again = training.build_backbone(tmp_path / "run" / "model.keras", None, 64)
    assert again.output_shape == models.embedder(run.model).output_shape


@pytest.mark.parametrize("name", ["ResNet51", "VGG16", "missing.keras"])
def test_an_unknown_backbone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"backbone must be one of .*EfficientNetV2B0.* Received"):
        training.build_backbone(name, None, 64)


@pytest.fixture(scope="module")
def seeds(drawn: FaceIndex, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of an epoch, which differ by their seed."""
    folder = tmp_path_factory.mktemp("seeds")
    train, test = datasets.by_image(drawn)
    for seed in (0, 1):
        training.train(
            COSINE_MARGIN.override(epochs=1, learning_rate=1e-2),
            train,
            test,
            run_dir=folder / f"seed-{seed}",
            seed=seed,
            backbone=tiny_backbone,
            progress=False,
        )
    return folder


def weights(model: keras.Model) -> np.ndarray:
    return np.asarray(model.get_layer("layer2_conv").get_weights()[0])


@pytest.mark.parametrize(
    ("change", "shares"),
    [
        ({"init_seeds": "mean"}, (0.5, 0.5, 0)),
        ({"init_seeds": "mean", "init_share": 0.8}, (0.4, 0.4, 0.2)),
        ({"init_share": 0.25}, (0, 0.25, 0.75)),
        ({}, (0, 1, 0)),
    ],
)
def test_it_starts_from_a_mean_of_weights(
    drawn: FaceIndex,
    tiny_backbone: Path,
    seeds: Path,
    tmp_path: Path,
    change: dict[str, object],
    shares: tuple[float, float, float],
) -> None:
    train, test = datasets.by_image(drawn)
    recipe = FROZEN_MEANS.override(init=str(seeds), head_init="random", **change)
    words = {"run_dir": tmp_path, "seed": 1, "backbone": tiny_backbone, "progress": False}
    run = training.train(recipe, train, test, **words)
    parts = [Run(f"{seeds}/seed-{seed}").model for seed in (0, 1)]
    parts.append(keras.models.load_model(tiny_backbone, compile=False))
    wanted = sum(share * weights(part) for share, part in zip(shares, parts, strict=True))
    np.testing.assert_allclose(weights(run.model), wanted, rtol=1e-5, atol=1e-7)
    heads = [model.get_layer("head_centres").get_weights()[0] for model in (run.model, parts[1])]
    assert np.array_equal(*heads) == (shares == (0, 1, 0))


def test_what_any_of_several_runs_was_trained_on_is_no_test(
    drawn: FaceIndex, tiny_backbone: Path, seeds: Path, tmp_path: Path
) -> None:
    train, test = datasets.by_image(drawn)
    recipe = FROZEN_MEANS.override(init=str(seeds), init_seeds="mean", train_on={"unmasked": 1})
    words = {"backbone": tiny_backbone, "progress": False}
    first = training.train(recipe, train, test, run_dir=tmp_path / "first", **words)
    assert first.record["init"] == str(seeds)
    # Neither saw a masked training row itself; the runs at the start did.
    for start in (recipe, recipe.override(init=first.path, init_seeds="same")):
        with pytest.raises(ValueError, match="no row may be in both") as said:
            training.train(start, test, train.only("masked"), run_dir=tmp_path / "other", **words)
        assert "seed-0' trains on" in str(said.value)


def test_seeds_that_are_not_all_finished_have_no_mean(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    train, test = datasets.by_image(drawn)
    words = {"backbone": tiny_backbone, "progress": False}
    training.train(FROZEN_MEANS, train, test, run_dir=tmp_path / "runs" / "seed-0", **words)
    (tmp_path / "runs" / "seed-1").mkdir()
    recipe = FROZEN_MEANS.override(init=str(tmp_path / "runs"), init_seeds="mean")
    with pytest.raises(FileNotFoundError, match="finished run's folder"):
        training.train(recipe, train, test, run_dir=tmp_path / "mean", **words)
