from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import models
from maskedface.conversion import dlib


@pytest.fixture(scope="module")
def backbone() -> keras.Model:
    return models.DlibResNet29(weights="dlib")


@pytest.fixture(scope="module")
def references() -> dict[str, np.ndarray]:
    """Drawn faces and what dlib itself makes of them; see tools/make_dlib_references.py."""
    with np.load(Path(__file__).with_name("dlib_references.npz")) as file:
        return dict(file)


def test_embeddings_equal_dlibs_own(
    backbone: keras.Model, references: dict[str, np.ndarray]
) -> None:
    embeddings = backbone.predict(references["chips"], verbose=0)
    assert np.abs(embeddings - references["embeddings"]).max() < 1e-5


def test_the_references_tell_people_apart(references: dict[str, np.ndarray]) -> None:
    distances = np.linalg.norm(
        references["embeddings"][:, None] - references["embeddings"], axis=-1
    )
    assert distances[~np.eye(6, dtype=bool)].min() > 0.05  # else equality would show little


# A process of its own.
@pytest.mark.long
def test_the_keras_file_opens_in_another_process(
    backbone: keras.Model, references: dict[str, np.ndarray], tmp_path: Path
) -> None:
    backbone.save(tmp_path / "dlib.keras")
    np.save(tmp_path / "chips.npy", references["chips"][:2])
    code = (
        "import keras, maskedface.models, numpy as np\n"
        "model = keras.models.load_model('dlib.keras')\n"
        "np.save('out.npy', model.predict(np.load('chips.npy'), verbose=0))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(
        np.load(tmp_path / "out.npy"), references["embeddings"][:2], atol=1e-5
    )


def test_the_stages_are_named_in_order(backbone: keras.Model) -> None:
    assert models.stages(backbone) == (
        "stem",
        *(f"layer{number}" for number in range(1, 6)),
        "embedding",
    )
    assert models.alignment_of(backbone) == "dlib"


def test_a_missing_package_is_an_error_with_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlib, "PACKAGE", "no_such_package")
    with pytest.raises(ModuleNotFoundError, match=r'pip install "maskedface\[demo\]"'):
        models.DlibResNet29(weights="dlib")


LONG = pytest.mark.long  # the network is built again for each size


@pytest.mark.parametrize(
    "side", [103, pytest.param(112, marks=LONG), 180, pytest.param(181, marks=LONG)]
)
def test_other_sizes_take_the_same_weights(
    backbone: keras.Model, references: dict[str, np.ndarray], side: int
) -> None:
    other = models.DlibResNet29("dlib", (side, side, 3))
    for first, second in zip(other.get_weights(), backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    embeddings = np.asarray(other(keras.layers.Resizing(side, side)(references["chips"][:2])))
    assert embeddings.shape == (2, 128) and np.abs(embeddings[0] - embeddings[1]).max() > 1e-3


@pytest.mark.parametrize(
    "shape", [(102, 102, 3), (150, 180, 3), (150, 150, 1), (150, 150), (None, None, 3)]
)
def test_a_size_that_does_not_work_is_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"input_shape must be \(side, side, 3\).*Received"):
        models.DlibResNet29(None, shape)
