from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from maskedface import datasets, images, layers, synthetic
from maskedface.datasets import Face, FaceIndex, order, tf_dataset
from maskedface.datasets.aligned_faces import read_aligned_face

FLIP = keras.layers.RandomFlip("horizontal")
SMALL = {"image_size": 40, "alignment": "dlib", "batch_size": 5}


def batches(
    index: FaceIndex, epochs: int = 1, **options: Any
) -> list[tuple[np.ndarray, np.ndarray]]:
    read = datasets.as_tf_dataset(index, **{**SMALL, **options})
    return [batch for _ in range(epochs) for batch in read.as_numpy_iterator()]


def same(first: list[Any], second: list[Any]) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(a, b)
        for one, other in zip(first, second, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def test_images_are_rgb_bytes_and_labels_whole_numbers(drawn: FaceIndex) -> None:
    images, labels = batches(drawn)[0]
    assert images.dtype == np.uint8 and images.shape == (5, 40, 40, 3)
    assert labels.dtype == np.int32 and labels.shape == (5,)


def test_without_shuffling_rows_keep_their_order(drawn: FaceIndex) -> None:
    labels = np.concatenate([labels for _, labels in batches(drawn)])
    np.testing.assert_array_equal(labels, drawn.labels())


def test_an_image_is_its_file_warped_to_the_alignment(drawn: FaceIndex) -> None:
    images, _ = batches(drawn)[0]
    chip = read_aligned_face(drawn.paths[0], size=40, alignment="dlib", source="arcface")
    np.testing.assert_array_equal(images[0], chip)


def test_tensorflow_takes_a_batch_over_without_a_copy(
    drawn: FaceIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses, empty = [], tf_dataset._empty

    def noted(shape: tuple[int, ...]) -> np.ndarray:
        images = empty(shape)
        addresses.append(images.ctypes.data)
        return images

    monkeypatch.setattr(tf_dataset, "_empty", noted)
    images, _ = next(iter(datasets.as_tf_dataset(drawn, **SMALL)))
    assert np.asarray(memoryview(images)).ctypes.data in addresses


def test_one_seed_gives_one_sequence(drawn: FaceIndex) -> None:
    options = {"shuffle": True, "augmentation": [FLIP], "epochs": 2}
    assert same(batches(drawn, seed=4, **options), batches(drawn, seed=4, **options))
    assert not same(batches(drawn, seed=4, **options), batches(drawn, seed=5, **options))


def test_reading_again_is_the_next_epoch(drawn: FaceIndex) -> None:
    options = {"shuffle": True, "augmentation": [FLIP]}
    three = batches(drawn, epochs=3, **options)
    steps = len(three) // 3
    assert same(batches(drawn, initial_epoch=2, **options), three[2 * steps :])
    assert not same(three[:steps], three[steps : 2 * steps])
    repeated = datasets.as_tf_dataset(drawn, **SMALL, **options).repeat(3)
    assert same(list(repeated.as_numpy_iterator()), three)


def test_an_epoch_that_is_not_read_to_its_end_does_not_come_again(drawn: FaceIndex) -> None:
    options = {"shuffle": True, "augmentation": [FLIP]}
    read = datasets.as_tf_dataset(drawn, **SMALL, **options)
    next(iter(read))
    assert same(list(read.as_numpy_iterator()), batches(drawn, initial_epoch=1, **options))


@pytest.mark.parametrize("steps_per_epoch", [None, 7])
def test_an_epoch_of_keras_is_one_epoch(
    drawn: FaceIndex, monkeypatch: pytest.MonkeyPatch, steps_per_epoch: int | None
) -> None:
    shown, plan = [], order.plan

    def noted(labels: np.ndarray, seed: int, epoch: int, **options: Any) -> Any:
        shown.append(epoch)
        return plan(labels, seed, epoch, **options)

    monkeypatch.setattr(order, "plan", noted)
    model = keras.Sequential(
        [keras.Input((40, 40, 3)), keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(4)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    read = datasets.as_tf_dataset(drawn, shuffle=True, **SMALL)
    model.fit(read, epochs=3, steps_per_epoch=steps_per_epoch, shuffle=False, verbose=0)
    assert sorted({*shown}) == [0, 1, 2]


@pytest.mark.parametrize("is_read", [False, True])
def test_faces_are_let_go_of_with_the_data_set(drawn: FaceIndex, is_read: bool) -> None:
    chips = datasets.read_aligned_faces(drawn, size=40, alignment="dlib")
    known, read = weakref.ref(chips), datasets.as_tf_dataset(drawn, cache=chips, **SMALL)
    read = read.map(lambda images, labels: images)
    del chips
    if is_read:
        assert len(list(read)) == 7
    assert known() is not None
    del read
    gc.collect()
    assert known() is None


def test_layers_are_let_go_of_with_the_data_set(drawn: FaceIndex) -> None:
    masks = layers.RandomMask(1.0, ["surgical"], alignment="dlib", variants=1)
    known = weakref.ref(masks)
    read = datasets.as_tf_dataset(drawn, augmentation=[masks], **SMALL)
    assert len(list(read.take(1))) == 1
    del masks
    assert known() is not None
    del read
    gc.collect()
    assert known() is None


def test_layers_that_draw_for_themselves_are_called_one_batch_after_the_other(
    drawn: FaceIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their generators are variables, which two batches at a time would share."""
    seen: list[int | None] = []
    map_ = tf.data.Dataset.map

    def noted(self: Any, function: Any, num_parallel_calls: int | None = None, **words: Any) -> Any:
        seen.append(num_parallel_calls)
        return map_(self, function, num_parallel_calls=num_parallel_calls, **words)

    monkeypatch.setattr(tf.data.Dataset, "map", noted)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    for layer in (FLIP, keras.layers.RandomFlip("vertical")):
        datasets.as_tf_dataset(drawn, augmentation=[layer], **SMALL)
    assert [calls for calls in seen if calls is not None] == [3, 3, 3, 1]


# Another process that imports TensorFlow, where nothing is held yet.
@pytest.mark.long
def test_twenty_data_sets_made_and_dropped_take_the_memory_of_one(tmp_path: Path) -> None:
    code = f"""
import gc, re
from maskedface import datasets, images, synthetic
index = synthetic.draw_people({str(tmp_path)!r}, people=8, photos=8, size=64)
def resident():
    gc.collect()
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])
def make():
    # 24 MB of faces, as each is enlarged.
    for _ in datasets.as_tf_dataset(index, image_size=250, cache="memory", shuffle=True): pass
make()
one = resident()
for _ in range(19): make()
print(resident() / one)
"""
    # The C library gives freed arrays back at once, so that what is resident is what is kept.
    surroundings = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=surroundings)
    assert float(done.stdout) < 1.1


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_cache_changes_no_pixel(drawn: FaceIndex, tmp_path: Path, kind: str) -> None:
    cache = "memory" if kind == "memory" else tmp_path
    options = {"shuffle": True, "augmentation": [FLIP], "epochs": 2}
    assert same(batches(drawn, cache=cache, **options), batches(drawn, **options))


def test_a_cache_file_is_read_and_not_made_again(drawn: FaceIndex, tmp_path: Path) -> None:
    first = batches(drawn, cache=tmp_path)
    (file,) = tmp_path.glob("*.npy")
    made = file.stat().st_mtime_ns
    assert same(batches(drawn, cache=tmp_path), first)
    assert file.stat().st_mtime_ns == made


def test_a_changed_image_makes_another_cache_file(tmp_path: Path) -> None:
    index = synthetic.draw_people(tmp_path / "faces", people=1, photos=1, size=64)
    batches(index, cache=tmp_path / "cache")
    image = Path(index.paths[0])
    image.write_bytes(Path(index.paths[1]).read_bytes())
    batches(index, cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 2


def test_a_failure_leaves_no_cache_file(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no image")
    index = FaceIndex(tmp_path, [Face("bad.jpg", "ada", "masked")])
    with pytest.raises(images.ImageError, match=r"bad\.jpg"):
        batches(index, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.npy"))


def test_an_undecodable_file_is_named_without_a_cache(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no image")
    index = FaceIndex(tmp_path, [Face("bad.jpg", "ada", "masked")])
    with pytest.raises(tf.errors.OpError, match=r"bad\.jpg"):
        batches(index)


def test_about_half_of_the_images_are_mirrored(drawn: FaceIndex) -> None:
    plain = np.concatenate([images for images, _ in batches(drawn)])
    flipped = np.concatenate([images for images, _ in batches(drawn, augmentation=[FLIP])])
    kept = (plain == flipped).all(axis=(1, 2, 3))
    mirrored = (plain[:, :, ::-1] == flipped).all(axis=(1, 2, 3))
    assert (kept | mirrored).all() and kept.any() and mirrored.any()


def test_balanced_epochs_show_people_equally_often(drawn: FaceIndex) -> None:
    uneven = drawn.where(lambda face: face.person != drawn.people[0] or face.domain == "masked")
    labels = np.concatenate([labels for _, labels in batches(uneven, sampling="balanced")])
    np.testing.assert_array_equal(np.bincount(labels), [7, 7, 7, 7])


def test_the_number_of_batches_is_known(drawn: FaceIndex) -> None:
    assert int(datasets.as_tf_dataset(drawn, **SMALL).cardinality()) == 7


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"image_size": 0}, {"initial_epoch": -1}])
def test_numbers_out_of_range_are_refused(drawn: FaceIndex, options: dict[str, int]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=f"{name} must be at least"):
        batches(drawn, **options)


def test_an_empty_index_is_refused(drawn: FaceIndex) -> None:
    with pytest.raises(ValueError, match="rows must be at least 1. Received: rows=0"):
        batches(drawn.where(lambda _: False))
