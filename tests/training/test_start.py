from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, models, training
from maskedface.datasets import FaceIndex
from maskedface.recipes import FROZEN_MEANS
from maskedface.training import last_run


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


def test_the_last_of_several_recipes_runs_is_the_folders(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    def train(name: str, init: str = "") -> training.Run:
        recipe = FROZEN_MEANS.override(name=name, init=init)
        return training.train(
            recipe,
            *datasets.by_image(drawn),
            run_dir=tmp_path / "chain" / name,
            backbone=tiny_backbone,
            progress=False,
        )

    first = train("first")
    assert last_run(tmp_path / "chain").path == last_run(first.path).path == first.path
    second = train("second", init="first")
    assert last_run(tmp_path / "chain").path == second.path
    third = train("third", init=str(tmp_path / "chain"))
    assert third.record["init"] == second.path
    train("fourth", init="first")
    with pytest.raises(FileNotFoundError, match="of which one came last. Received: .*'fourth', 'third'"):
        last_run(tmp_path / "chain")
