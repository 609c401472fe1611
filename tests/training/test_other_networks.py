"""Networks of other programs are trained for masks by the same recipes as ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, models, synthetic, training
from maskedface.conversion import weights_h5
from maskedface.datasets import FaceIndex
from maskedface.models import weights
from maskedface.recipes import COSINE_MARGIN, MASKED_BEST
from maskedface.training.backbones import build_backbone

SMALL = {"input_shape": (32, 32, 3), "blocks": (1, 1, 2, 1), "filters": 4, "embedding_size": 16}
QUICK = ("epochs=1", "batch_size=8")


@pytest.fixture(scope="module")
def iresnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small IResNet's weights, as `maskedface weights convert` leaves them."""
    path = tmp_path_factory.mktemp("iresnet") / "small.weights.h5"
    backbone = models.IResNet(None, **SMALL)
    words = {**SMALL, "input_shape": list(SMALL["input_shape"]), "blocks": list(SMALL["blocks"])}
    weights_h5.save(
        backbone,
        str(path),
        {
            **weights._UNKNOWN,
            "layout": "test",
            "channels": "RGB",
            "source": {"name": "small", "size": 0, "sha256": "0"},
            "architecture": "IResNet",
            "arguments": words,
        },
    )
    return path


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> FaceIndex:
    return synthetic.draw_people(tmp_path_factory.mktemp("p"), people=8, photos=2, size=64)


# A training or more.
@pytest.mark.long
def test_a_backbone_has_the_depth_and_size_of_its_weights(iresnet: Path) -> None:
    backbone = build_backbone("IResNet", iresnet, image_size=180)
    assert backbone.input_shape == (None, 32, 32, 3) and backbone.output_shape == (None, 16)
    assert models.alignment_of(backbone) == "arcface"


@pytest.mark.parametrize(
    "words",
    [
        # Each compiles a network of its own, a minute.
        pytest.param(("freeze_through=layer3",), marks=pytest.mark.slow),
        pytest.param(("freeze_through=none", "precision=bfloat16"), marks=pytest.mark.slow),
        pytest.param(
            ("freeze_through=none", "optimizer.gradient_accumulation_steps=2"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["frozen stages", "bfloat16", "gradient accumulation"],
)
def test_iresnet_learns_masked_best(
    iresnet: Path, people: FaceIndex, tmp_path: Path, words: tuple[str, ...]
) -> None:
    parts = datasets.split_by_person(people, train_fraction=0.5, seed=0)
    recipe = MASKED_BEST.override(*QUICK, *words)
    run = training.train(
        recipe,
        *parts,
        run_dir=tmp_path / "run",
        backbone="IResNet",
        weights=iresnet,
        progress=False,
    )
    assert run.record["alignment"] == "arcface" and run.record["image_size"] == 32
    before = models.IResNet.from_preset(iresnet).get_layer("layer4_0_conv1").get_weights()[0]
    trained = models.embedder(run.model)
    layers = {layer.name: layer for layer in trained._flatten_layers()}
    assert np.abs(layers["layer4_0_conv1"].get_weights()[0] - before).max() > 0
    frozen = models.IResNet.from_preset(iresnet).get_layer("layer1_0_conv1").get_weights()[0]
    moved = np.abs(layers["layer1_0_conv1"].get_weights()[0] - frozen).max()
    assert (moved == 0) == (words == ("freeze_through=layer3",))


# A training or more.
@pytest.mark.long
def test_frozen_features_of_iresnet_are_used(
    iresnet: Path, people: FaceIndex, tmp_path: Path
) -> None:
    recipe = COSINE_MARGIN.override(*QUICK, "freeze_through=layer3")
    run = training.train(
        recipe,
        *datasets.split_by_image(people, seed=0),
        run_dir=tmp_path / "run",
        backbone="IResNet",
        weights=iresnet,
        progress=False,
    )
    assert run.record["frozen_features"]["used"]
