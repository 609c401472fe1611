from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import losses, models


@pytest.fixture(scope="module")
def embeddings() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(64, 6)).astype("float32")


def test_it_is_the_network_of_the_authors_code() -> None:
    model = models.embedding_unmasking(512)
    kinds = [type(layer).__name__ for layer in model.layers if layer.name.startswith("unmask_")]
    block = ["Dense", "BatchNormalization", "LeakyReLU"]
    assert [kind for kind in kinds if kind != "UnitNormalization"] == block * 3 + block[:2]
    # Four layers of 512 x 512 and a bias; four batch norms of gamma and beta.
    trained = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert trained == 4 * (512 * 512 + 512) + 4 * 2 * 512


def test_with_a_residual_it_starts_from_the_embedding(embeddings: np.ndarray) -> None:
    model = models.embedding_unmasking(6, width=32, depth=2, residual=True)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    np.testing.assert_allclose(models.predict(model, embeddings), unit, atol=1e-6)


# It traces or trains a whole network.
@pytest.mark.long
@pytest.mark.parametrize("residual", [False, True])
def test_fit_moves_masked_embeddings_to_the_bare_ones(
    embeddings: np.ndarray, residual: bool
) -> None:
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(1)
    masked = embeddings[:, ::-1] + rng.normal(0, 0.05, embeddings.shape)
    labels = np.stack([embeddings, np.roll(embeddings, 7, axis=0)], axis=1)
    model = models.embedding_unmasking(6, width=32, depth=2, residual=residual)
    model.compile(keras.optimizers.Adam(0.01), losses.SelfRestrainedTriplet(), jit_compile=False)
    again = [np.tile(rows, (40, *[1] * (rows.ndim - 1))) for rows in (masked, labels)]
    model.fit(*again, epochs=3, batch_size=64, shuffle=False, verbose=0)  # 120 times the 64 rows

    def cosine(found: np.ndarray) -> float:
        unit = found / np.linalg.norm(found, axis=1, keepdims=True)
        bare = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        return float((unit * bare).sum(axis=1).mean())

    found = models.unmask(model, masked, np.ones(64, bool))
    assert cosine(masked) < 0.5 < 0.8 < cosine(found)


def test_only_masked_faces_go_through_it(embeddings: np.ndarray) -> None:
    model = models.embedding_unmasking(6)
    masked = np.arange(64) % 3 == 0
    found = models.unmask(model, embeddings, masked)
    np.testing.assert_array_equal(found[~masked], embeddings[~masked])
    expected = models.predict(model, embeddings[masked])
    np.testing.assert_allclose(found[masked], expected, rtol=1e-5)
    nobody = models.unmask(model, embeddings, np.zeros(64, bool))
    np.testing.assert_array_equal(nobody, embeddings)


def test_it_opens_with_keras_alone(embeddings: np.ndarray, tmp_path: Path) -> None:
    model = models.embedding_unmasking(6, residual=True)
    model.save(tmp_path / "eum.keras")
    again = keras.models.load_model(tmp_path / "eum.keras")
    np.testing.assert_array_equal(again(embeddings), model(embeddings))


def test_wrong_arguments_are_refused(embeddings: np.ndarray) -> None:
    with pytest.raises(ValueError, match="depth and width must be at least 1"):
        models.embedding_unmasking(6, depth=0)
    for masked in (np.ones(63, bool), np.ones(64, int)):
        with pytest.raises(ValueError, match="masked must be 64 bools"):
            models.unmask(models.embedding_unmasking(6), embeddings, masked)
