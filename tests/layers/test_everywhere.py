"""The random layers give the same wherever Keras runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from maskedface.exporting.writing import write_saved_model
from maskedface.layers import RandomFaceJitter, RandomMask, _compiled

pytestmark = pytest.mark.long  # each test compiles the layers

WORDS = {"styles": ["surgical", "printed"], "alignment": "arcface", "variants": 2}
JITTER = RandomFaceJitter()


def sequential(**words: Any) -> keras.Sequential:
    return keras.Sequential(
        [RandomMask(0.6, **WORDS, seed=3, **words), RandomFaceJitter(seed=4, **words)]
    )


def both(mask: RandomMask, images: Any, draws: Any) -> Any:
    masked = mask.transform(images, draws[:, :3])
    return JITTER.transform(masked, draws[:, 3:])


def batches(mask: RandomMask, faces: np.ndarray, draws: np.ndarray) -> tf.data.Dataset:
    read = tf.data.Dataset.from_tensor_slices((faces, draws)).batch(5).repeat(3)
    return read.map(lambda images, draws: both(mask, images, draws), num_parallel_calls=2)


def test_parallel_maps_give_the_same_as_eager_calls(
    mask: RandomMask, faces: np.ndarray, draws: np.ndarray
) -> None:
    expected = np.asarray(both(mask, faces, draws))
    found = np.concatenate([batch.numpy() for batch in batches(mask, faces, draws)])
    assert found.dtype == np.uint8 and (expected != faces).any()
    np.testing.assert_array_equal(found.reshape(3, *faces.shape), [expected] * 3)


def test_no_python_is_called_in_the_graph(
    mask: RandomMask, faces: np.ndarray, draws: np.ndarray
) -> None:
    variant = tf.data.experimental.to_variant(batches(mask, faces, draws))
    text = tf.raw_ops.DatasetToGraphV2(input_dataset=variant).numpy()
    graph = tf.compat.v1.GraphDef.FromString(text)
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    kinds = {node.op for node in nodes}
    assert "ParallelMapDatasetV2" in kinds and "GatherV2" in kinds
    assert not [kind for kind in kinds if "PyFunc" in kind]


def test_without_a_compiler_the_result_is_the_same_to_one_gray_level(
    mask: RandomMask, faces: np.ndarray, draws: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = np.asarray(both(mask, faces, draws)).astype(int)
    monkeypatch.setattr(_compiled, "_has_xla", lambda: False)
    _compiled._tensorflow_function.cache_clear()
    found = np.asarray(both(mask, faces, draws))
    _compiled._tensorflow_function.cache_clear()
    assert abs(found - expected).max() <= 1


def test_equal_seeds_draw_alike_and_each_call_anew(faces: np.ndarray) -> None:
    one, other = sequential(), sequential()
    first, second = (np.asarray(one(faces, training=True)) for _ in range(2))
    assert (first != second).mean() > 0.5
    np.testing.assert_array_equal(other(faces, training=True), first)
    np.testing.assert_array_equal(other(faces, training=True), second)


def test_images_pass_as_they_are_when_not_training(faces: np.ndarray) -> None:
    np.testing.assert_array_equal(sequential()(faces, training=False), faces)
    np.testing.assert_array_equal(sequential().predict(faces, verbose=0), faces)


@pytest.mark.parametrize("value_range", [(0, 1), (-1, 1)])
def test_images_of_another_range_are_changed_alike(
    value_range: tuple[int, int], mask: RandomMask, faces: np.ndarray, draws: np.ndarray
) -> None:
    low, high = value_range
    scale = (high - low) / 255
    ranged = RandomMask(0.6, **WORDS, seed=3, value_range=value_range)
    jitter = RandomFaceJitter(value_range=value_range)
    found = ranged.transform(faces.astype("float32") * scale + low, draws[:, :3])
    found = np.asarray(jitter.transform(found, draws[:, 3:]))
    expected = np.asarray(both(mask, faces.astype("float32"), draws)) * scale + low
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-3 * scale)


def test_a_single_image_and_a_dictionary_are_taken_as_by_keras_own_layers(
    faces: np.ndarray,
) -> None:
    alone = np.asarray(sequential()(faces[0], training=True))
    np.testing.assert_array_equal(alone, np.asarray(sequential()(faces[:1], training=True))[0])
    labels = np.arange(12)
    found = sequential()({"images": faces, "labels": labels}, training=True)
    np.testing.assert_array_equal(found["labels"], labels)
    np.testing.assert_array_equal(found["images"], sequential()(faces, training=True))


def test_a_sequential_is_mapped_over_a_data_set_image_by_image_too(faces: np.ndarray) -> None:
    read = tf.data.Dataset.from_tensor_slices(faces)
    one_by_one = read.map(sequential(), num_parallel_calls=2).batch(12)
    for dataset in (one_by_one, read.batch(12).map(sequential())):
        (found,) = list(dataset)
        assert found.shape == faces.shape and found.dtype == tf.float32
        assert (found.numpy() != faces).mean() > 0.5


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_model_that_begins_with_them_is_fit(faces: np.ndarray, jit_compile: bool) -> None:
    model = keras.Sequential(
        [*sequential().layers, keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    )
    model.add(keras.layers.Dense(2))
    model.compile("sgd", "mse", jit_compile=jit_compile)
    losses = model.fit(faces, np.zeros((12, 2)), verbose=0, epochs=2).history["loss"]
    assert np.isfinite(losses).all()


def test_they_are_saved_and_loaded_with_a_model_without_the_masks_pixels(
    faces: np.ndarray, tmp_path: Path
) -> None:
    model = sequential(value_range=(0, 255))
    expected = np.asarray(model(faces, training=True))
    model.save(tmp_path / "augment.keras")
    assert not model.weights and (tmp_path / "augment.keras").stat().st_size < 30_000
    again = keras.models.load_model(tmp_path / "augment.keras")
    assert [x.get_config() for x in again.layers] == [x.get_config() for x in model.layers]
    np.testing.assert_array_equal(again(faces, training=True), expected)


def test_an_exported_model_holds_them_as_nothing(faces: np.ndarray, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((64, 64, 3)), *sequential().layers])
    write_saved_model(model, str(tmp_path / "exported"))
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    images = faces.astype("float32")
    np.testing.assert_array_equal(exported.serve(images), images)


def test_an_endpoint_for_training_draws_them(faces: np.ndarray, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((64, 64, 3)), *sequential().layers])
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "train", lambda x: model(x, training=True), [tf.TensorSpec((None, 64, 64, 3))]
    )
    archive.write_out(str(tmp_path / "exported"), verbose=False)
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    found = exported.train(faces.astype("float32")).numpy()
    assert np.isfinite(found).all() and (found != faces).mean() > 0.5


ON_JAX = """
import sys
from importlib.abc import MetaPathFinder

class NoTensorFlow(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorflow":
            raise ModuleNotFoundError("TensorFlow is not there", name=name)

sys.meta_path.insert(0, NoTensorFlow())
import keras, numpy as np
from maskedface.layers import RandomFaceJitter, RandomMask

faces, draws, masked, both = (np.load(sys.argv[1])[name] for name in ("faces", "draws", "masked", "both"))
mask = RandomMask(0.6, ["surgical", "printed"], alignment="arcface", variants=2, seed=3)
jitter = RandomFaceJitter(seed=4)

def near(found, expected):
    assert found.dtype == "uint8" and abs(np.asarray(found).astype(int) - expected).max() <= 1

near(mask.transform(faces, draws[:, :3]), masked)
near(jitter.transform(masked, draws[:, 3:]), both)
model = keras.Sequential([mask, jitter, keras.layers.Flatten(), keras.layers.Dense(2)])
model.compile("sgd", "mse")
assert np.isfinite(model.fit(faces / 255, np.zeros((12, 2)), verbose=0).history["loss"]).all()

sys.meta_path.pop(0)
import tensorflow as tf
read = tf.data.Dataset.from_tensor_slices((faces, draws)).batch(12)
(found,) = read.map(lambda x, d: jitter.transform(mask.transform(x, d[:, :3]), d[:, 3:]))
near(found, both)
(found,) = tf.data.Dataset.from_tensor_slices(faces).batch(12).map(keras.layers.Pipeline([mask, jitter]))
assert isinstance(found, tf.Tensor) and (found.numpy() != faces).mean() > 0.5
"""


# A process imports JAX, TensorFlow and trains.
@pytest.mark.long
@pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
def test_on_jax_and_in_its_tensorflow_pipelines_they_give_the_same(
    mask: RandomMask, faces: np.ndarray, draws: np.ndarray, tmp_path: Path
) -> None:
    masked = np.asarray(mask.transform(faces, draws[:, :3]))
    arrays = {"faces": faces, "draws": draws, "masked": masked, "both": both(mask, faces, draws)}
    np.savez(tmp_path / "given.npz", **arrays)
    done = subprocess.run(
        [sys.executable, "-c", ON_JAX, str(tmp_path / "given.npz")],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
