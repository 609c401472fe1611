from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, models, training
from maskedface.datasets import FaceIndex
from maskedface.recipes import FROZEN_MEANS


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
