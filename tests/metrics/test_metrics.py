from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from maskedface import evaluation, metrics


def pairs(count: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    same = np.arange(count) % 3 == 0
    scores = rng.normal(np.where(same, 0.5, 0.0), 0.2).clip(-1, 1)
    return same.astype(int), scores.astype("float32")


def streamed(metric: Any, *arrays: np.ndarray, size: int = 700) -> float:
    for start in range(0, len(arrays[0]), size):
        metric.update_state(*(array[start : start + size] for array in arrays))
    return float(metric.result())


@pytest.mark.parametrize("far", [0.001, 0.01, 0.1, 1.0])
def test_tar_at_far_is_the_exact_one_within_a_bin(far: float) -> None:
    same, scores = pairs()
    exact, _ = evaluation.tar_at_far(scores, same > 0, far)
    found = streamed(metrics.TARAtFAR(far), same, scores)
    assert exact - 0.003 <= found <= exact + 1e-6


def test_the_equal_error_rate_is_the_exact_one_within_a_bin() -> None:
    same, scores = pairs()
    exact, _ = evaluation.equal_error_rate(scores, same > 0)
    assert streamed(metrics.EqualErrorRate(), same, scores) == pytest.approx(exact, abs=1e-3)


def test_perfect_and_hopeless_scores() -> None:
    same = np.array([1, 1, 0, 0])
    for scores, eer, tar in (([0.9, 0.8, 0.1, 0.2], 0, 1), ([0.1, 0.2, 0.9, 0.8], 1, 0)):
        assert streamed(metrics.EqualErrorRate(), same, np.array(scores)) == pytest.approx(eer)
        assert streamed(metrics.TARAtFAR(0.4), same, np.array(scores)) == pytest.approx(tar)


def test_embeddings_are_compared_pair_by_pair() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 5, 40)
    embeddings = (np.eye(8)[labels] + rng.normal(0, 0.4, (40, 8))) * rng.uniform(0.5, 3, (40, 1))
    first, second = np.triu_indices(40, 1)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    scores = np.einsum("ij,ij->i", unit[first], unit[second]).astype("float32")
    same = labels[first] == labels[second]
    for domains in (labels, np.stack([labels, labels % 2], 1)):  # also with the domain beside it
        tar = streamed(metrics.TARAtFAR(0.05, from_embeddings=True), domains, embeddings)
        eer = streamed(metrics.EqualErrorRate(from_embeddings=True), domains, embeddings)
        assert tar == pytest.approx(evaluation.tar_at_far(scores, same, 0.05)[0], abs=0.01)
        assert eer == pytest.approx(evaluation.equal_error_rate(scores, same)[0], abs=2e-3)


def test_a_weight_counts_a_pair_again_and_no_number_is_no_likeness() -> None:
    same, scores = np.array([1, 1, 0]), np.array([0.9, 0.1, 0.5])
    tar = metrics.TARAtFAR(0.5)
    tar.update_state(same, scores, sample_weight=np.array([3, 1, 1]))
    assert float(tar.result()) == pytest.approx(0.75)
    tar.reset_state()
    tar.update_state(same, np.array([0.9, np.nan, 0.5]))
    assert float(tar.result()) == pytest.approx(0.5)
    weighted = metrics.TARAtFAR(0.5, from_embeddings=True)
    weighted.update_state([0, 0, 1], np.eye(3), sample_weight=[1, 1, 0])
    assert float(weighted.impostors.numpy().sum()) == 0 and weighted.genuine.numpy().sum() == 1


@pytest.mark.parametrize("kind", [metrics.TARAtFAR, metrics.EqualErrorRate])
def test_one_kind_of_pairs_says_nothing(kind: Any) -> None:
    worst = 1.0 if kind is metrics.EqualErrorRate else 0.0
    assert float(kind().result()) == worst
    for same in (0, 1):
        metric = kind()
        metric.update_state(np.full(3, same), np.array([0.1, 0.5, 0.9]))
        assert float(metric.result()) == worst


def test_rank_one_is_keras_accuracy_and_reads_domains() -> None:
    rng = np.random.default_rng(2)
    labels, scores = rng.integers(0, 4, 50), rng.normal(size=(50, 4)).astype("float32")
    theirs = float(keras.metrics.SparseCategoricalAccuracy()(labels, scores))
    rank_one = metrics.RankOne()
    for given in (labels, labels[:, None], np.stack([labels, labels % 2], 1)):
        rank_one.reset_state()
        assert float(rank_one(given, scores)) == pytest.approx(theirs)
    rank_one.reset_state()
    assert float(rank_one(labels[:2], scores[:2], sample_weight=[0, 1])) in (0.0, 1.0)


def test_a_compiled_model_reports_them_and_comes_back_from_its_file(tmp_path: Any) -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 60)
    faces = (np.eye(3)[labels] + rng.normal(0, 0.1, (60, 3))).astype("float32")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3)])
    model.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[metrics.RankOne(), metrics.TARAtFAR(0.1, from_embeddings=True, name="tar")],
    )
    model.fit(faces, labels, epochs=1, verbose=0)
    found = model.evaluate(faces, labels, verbose=0, return_dict=True)
    right = float((model.predict(faces, verbose=0).argmax(1) == labels).mean())
    assert found["rank_one"] == pytest.approx(right) and 0 <= found["tar"] <= 1
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.evaluate(faces, labels, verbose=0, return_dict=True) == pytest.approx(found)


@pytest.mark.parametrize(
    "metric",
    [
        metrics.RankOne(name="first"),
        metrics.TARAtFAR(0.2, from_embeddings=True, num_bins=50),
        metrics.EqualErrorRate(num_bins=7),
    ],
    ids=lambda metric: type(metric).__name__,
)
def test_they_are_serialized_as_keras_does(metric: Any) -> None:
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()


@pytest.mark.parametrize("far", [0, -0.1, 1.5, float("nan")])
def test_what_is_no_rate_is_refused(far: float) -> None:
    with pytest.raises(ValueError, match="far must be in"):
        metrics.TARAtFAR(far)
    with pytest.raises(ValueError, match="num_bins must be"):
        metrics.EqualErrorRate(num_bins=1)


# A process with another backend.
@pytest.mark.long
def test_jax_computes_the_same() -> None:
    pytest.importorskip("jax")
    code = (
        "import numpy as np; from tests.metrics.test_metrics import *\n"
        "same, scores = pairs()\n"
        "print(streamed(metrics.TARAtFAR(.01), same, scores), "
        "streamed(metrics.EqualErrorRate(), same, scores))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        check=True,
        capture_output=True,
        text=True,
    )
    same, scores = pairs()
    wanted = [streamed(m, same, scores) for m in (metrics.TARAtFAR(0.01), metrics.EqualErrorRate())]
    assert [*map(float, done.stdout.split())] == pytest.approx(wanted, abs=1e-5)
