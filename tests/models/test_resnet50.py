from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import models


@pytest.fixture(scope="module")
def tiny() -> keras.Model:
    keras.utils.set_random_seed(0)
    return models.ResNet50(None, (None, None, 3), filters=2, blocks=(1, 1, 1, 1))


def test_the_real_size_is_resnet_50() -> None:
    backbone = models.ResNet50(None, (180, 180, 3))
    assert backbone.output_shape == (None, 2048)
    # 23,508,032 that can learn and twice 26,560 batch-norm statistics.
    assert sum(int(np.prod(v.shape)) for v in backbone.trainable_variables) == 23_508_032
    assert backbone.count_params() == 23_508_032 + 53_120


@pytest.mark.parametrize("side", [61, 64, 180])
def test_any_size_gives_one_embedding(tiny: keras.Model, side: int) -> None:
    images = np.zeros((2, side, side, 3), "uint8")
    assert tiny.predict(images, verbose=0).shape == (2, 64)


def test_stride_is_in_the_first_convolution_of_a_stage(tiny: keras.Model) -> None:
    assert tiny.get_layer("layer2_0_conv1").strides == (2, 2)
    assert tiny.get_layer("layer2_0_conv2").strides == (1, 1)


def test_batch_norm_has_pytorchs_constants(tiny: keras.Model) -> None:
    norm = tiny.get_layer("stem_bn")
    assert (norm.epsilon, norm.momentum) == (1e-5, 0.9)


def test_the_mean_is_taken_off_inside(tiny: keras.Model) -> None:
    out = tiny.get_layer("preprocess")(np.full((1, 1, 1, 3), 131.0912, "float32"))
    np.testing.assert_allclose(
        np.ravel(out), [0, 131.0912 - 103.8827, 131.0912 - 91.4953], atol=1e-4
    )


def test_gray_levels_survive_bfloat16() -> None:
    backbone = models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))
    backbone = models.with_precision(backbone, "bfloat16")
    assert backbone.get_layer("preprocess").compute_dtype == "float32"
    assert backbone.get_layer("stem_conv").compute_dtype == "bfloat16"
    assert backbone.output.dtype == "float32"


def test_weights_are_read_from_its_own_file(
    tiny: keras.Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "maskedface")
    tiny.save_weights(tmp_path / "own.weights.h5")
    other = models.ResNet50(
        str(tmp_path / "own.weights.h5"), (64, 64, 3), filters=2, blocks=(1, 1, 1, 1)
    )
    assert "unverified" in caplog.text  # no sidecar says where it comes from
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), "uint8")
    np.testing.assert_array_equal(other.predict(images, verbose=0), tiny.predict(images, verbose=0))


# A process of its own.
@pytest.mark.long
def test_the_keras_file_opens_in_another_process(tiny: keras.Model, tmp_path: Path) -> None:
    tiny.save(tmp_path / "tiny.keras")
    code = (
        "import keras, maskedface.models\nprint(keras.models.load_model('tiny.keras').output_shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "(None, 64)"


# It traces or trains a whole network.
@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (180, 180, 1)}, "input_shape must be"),
        ({"input_shape": (31, 180, 3)}, "input_shape must be at least"),
        ({"blocks": (3, 4, 6)}, "blocks must be four"),
        ({"weights": "none.weights.h5"}, "weights must be"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        models.ResNet50(**arguments)  # type: ignore[arg-type]
