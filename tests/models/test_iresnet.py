"""IResNet and AdaFaceIR: their shapes, stages and arguments. Their numbers: test_iresnet_twins.py."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from maskedface import models

NETWORKS = (models.IResNet, models.AdaFaceIR)
SMALL = {"input_shape": (32, 32, 3), "blocks": (1, 2, 1, 1), "filters": 4, "embedding_size": 8}


@pytest.mark.parametrize("network", NETWORKS)
def test_its_stages_are_frozen_by_name(network: Any) -> None:
    backbone = network(None, **SMALL)
    names = ("stem", "layer1", "layer2", "layer3", "layer4", "embedding")
    assert models.stages(backbone) == names
    models.freeze(backbone, through="layer3")
    learns = {name: False for name in names}
    for variable in backbone.trainable_variables:
        learns[variable.path.split("_")[0]] = True
    assert [name for name in names if learns[name]] == ["layer4", "embedding"]


@pytest.mark.parametrize("network", NETWORKS)
def test_it_states_its_alignment_and_takes_another(network: Any) -> None:
    assert models.alignment_of(network(None, **SMALL)) == "arcface"
    assert models.alignment_of(network(None, **SMALL, alignment="dlib")) == "dlib"


# Sizes that others count in the published networks: 24.0 and 43.6 million.
@pytest.mark.parametrize(
    ("depth", "millions"), [(18, 24.0), pytest.param(50, 43.6, marks=pytest.mark.slow)]
)
def test_a_depth_is_the_published_network(depth: int, millions: float) -> None:
    backbone = models.IResNet(None, depth=depth)
    learned = sum(int(np.prod(v.shape)) for v in backbone.trainable_variables)
    assert round(learned / 1e6, 1) == millions
    assert backbone.name == f"iresnet{depth}" and backbone.output_shape == (None, 512)


# Networks of hundreds of layers.
@pytest.mark.slow
@pytest.mark.parametrize(("network", "depth"), [(models.IResNet, 100), (models.AdaFaceIR, 101)])
def test_the_deepest_of_common_use(network: Any, depth: int) -> None:
    backbone = network(None, depth=depth)
    assert backbone.name.endswith(str(depth))
    convolutions = [one for one in backbone.layers if isinstance(one, keras.layers.Conv2D)]
    assert sum(one.kernel_size == (3, 3) for one in convolutions) == 99


def test_the_scaling_is_inside() -> None:
    layer = models.IResNet(None, **SMALL).get_layer("preprocess")
    found = np.ravel(layer(np.array([[[[0, 127.5, 255]]]], "float32")))
    np.testing.assert_allclose(found, [-1, 0, 1], atol=1e-6)


def test_the_last_gamma_is_no_variable() -> None:
    assert models.IResNet(None, **SMALL).get_layer("embedding_bn").gamma is None
    norm = models.AdaFaceIR(None, **SMALL).get_layer("embedding_bn")
    assert norm.gamma is None and norm.beta is None


@pytest.mark.parametrize("network", NETWORKS)
def test_uint8_images_do(network: Any) -> None:
    backbone = network(None, **SMALL)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), "uint8")
    found = models.predict(backbone, images)
    np.testing.assert_array_equal(found, models.predict(backbone, images.astype("float32")))
    assert found.shape == (2, 8) and found.dtype == np.float32


def test_folded_and_in_bfloat16_it_stays_itself() -> None:
    backbone = models.IResNet(None, **SMALL)
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    right = models.predict(backbone, images)
    folded = models.predict(models.fold_batch_norm(backbone), images)
    np.testing.assert_allclose(folded, right, atol=1e-5 * np.abs(right).max())
    low = models.with_precision(backbone, "bfloat16")
    assert low.get_layer("layer1_0_prelu").compute_dtype == "bfloat16"
    assert low.get_layer("embedding_dense").compute_dtype == "float32"
    assert low.output.dtype == "float32"


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (112, 112, 1)}, "input_shape must be"),
        ({"input_shape": (None, None, 3)}, "input_shape must be"),
        ({"input_shape": (15, 112, 3)}, "ints of at least 16"),
        ({"depth": 20}, r"depth must be one of \[18, 34, 50, "),
        ({"blocks": (3, 4, 6)}, "blocks must be four"),
        ({"weights": "none.pth"}, "weights must be"),
        ({"weights": "dlib"}, "the weights of another network|must go into"),
    ],
)
def test_bad_arguments_are_refused(network: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(**({**SMALL, **arguments} if "weights" in arguments else arguments))
