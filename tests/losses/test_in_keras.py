"""The losses in ordinary Keras: by object and by registered name, beside Keras' own accuracy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from maskedface import datasets, losses, metrics, models

# Layers, and a loss that needs others.
OTHERS = ("CenterDistances", "ImageQuality", "MarginNoise", "WithEmbeddings")
NAMES = [name for name in losses.__all__ if name not in OTHERS]


def trained(loss: Any, labels: np.ndarray, columns: int) -> dict[str, list[float]]:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(columns)])
    wanted = ["accuracy", metrics.RankOne()]
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=wanted, jit_compile=False)
    images = np.random.default_rng(0).normal(size=(len(labels), 8)).astype("float32")
    found: dict[str, list[float]] = model.fit(images, labels, verbose=0).history
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_registered_name_makes_the_loss(name: str) -> None:
    kind = getattr(losses, name)
    found = keras.losses.get({"class_name": f"maskedface>{name}", "config": {}})
    assert type(found) is kind and found.get_config() == kind().get_config()


# It trains.
@pytest.mark.long
def test_a_loss_by_name_trains_as_the_object_does() -> None:
    labels = np.arange(16) % 3
    by_name = keras.losses.get({"class_name": "maskedface>CosineMargin", "config": {"margin": 0.1}})
    found = [trained(loss, labels, 3) for loss in (by_name, losses.CosineMargin(0.1))]
    assert found[0] == found[1]


# It trains.
@pytest.mark.long
def test_the_domain_beside_the_label_leaves_accuracy_as_it_is() -> None:
    labels, masked = np.arange(16) % 3, np.arange(16) % 2 == 0
    plain = trained(losses.CosineMargin(), labels, 3)
    beside = trained(losses.CosineMargin(), datasets.with_domain(labels, masked, 3), 3)
    for name in ("accuracy", "rank_one", "loss"):
        np.testing.assert_allclose(beside[name], plain[name], rtol=1e-6)


def test_a_loss_says_what_it_needs() -> None:
    asking = {name for name in NAMES if getattr(getattr(losses, name), "wants_domains", False)}
    assert asking == {"DomainRanking", "SelfRestrainedTriplet", "Coral", "PairAlignment"}
    both = losses.WithEmbeddings(losses.CosineMargin(), losses.Coral(), features=4)
    assert both.wants_domains and both.couples_faces
    assert not losses.WithEmbeddings(
        losses.CosineMargin(), losses.CosineMargin(), features=4
    ).wants_domains


# It trains.
@pytest.mark.long
def test_a_cosine_head_trains_by_plain_keras() -> None:
    labels = np.arange(24) % 3
    images = np.eye(3)[labels] + np.random.default_rng(0).normal(0, 0.1, (24, 3))
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), models.CosineHead(3)])
    model.compile(
        keras.optimizers.Adam(0.1),
        losses.CosineMargin(),
        metrics=[metrics.RankOne(), "accuracy"],
        jit_compile=False,
    )
    history = model.fit(images, labels, epochs=20, verbose=0).history
    assert history["rank_one"][-1] == history["accuracy"][-1] == 1.0
    np.testing.assert_allclose(np.linalg.norm(model.layers[-1].centers, axis=0), 1, atol=1e-5)
