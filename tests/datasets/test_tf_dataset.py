from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from maskedface import datasets
from maskedface.datasets import Face, FaceIndex, order

SMALL = {"image_size": 40, "alignment": "dlib", "batch_size": 5}


def batches(index: FaceIndex, **options: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(datasets.as_tf_dataset(index, **{**SMALL, **options}).as_numpy_iterator())


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
    chip = datasets.read_chip(
        drawn.paths[0], size=40, alignment="dlib", source="arcface"
    )
    np.testing.assert_array_equal(images[0], chip)


def test_tensorflow_takes_a_batch_over_without_a_copy(
    drawn: FaceIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = []

    def noted(images: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        addresses.append(images.ctypes.data)
        return images

    monkeypatch.setattr(order, "mirror", noted)
    images, _ = next(iter(datasets.as_tf_dataset(drawn, **SMALL)))
    assert np.asarray(memoryview(images)).ctypes.data in addresses


def test_one_seed_gives_one_sequence(drawn: FaceIndex) -> None:
    options = {"shuffle": True, "flip": True, "epochs": 2}
    assert same(batches(drawn, seed=4, **options), batches(drawn, seed=4, **options))
    assert not same(batches(drawn, seed=4, **options), batches(drawn, seed=5, **options))


def test_an_epoch_asked_for_by_number_is_that_epoch(drawn: FaceIndex) -> None:
    options = {"shuffle": True, "flip": True}
    three = batches(drawn, epochs=3, **options)
    steps = len(three) // 3
    assert same(batches(drawn, initial_epoch=2, **options), three[2 * steps :])
    assert not same(three[:steps], three[steps : 2 * steps])


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_cache_changes_no_pixel(drawn: FaceIndex, tmp_path: Path, kind: str) -> None:
    cache = "memory" if kind == "memory" else tmp_path
    options = {"shuffle": True, "flip": True, "epochs": 2}
    assert same(batches(drawn, cache=cache, **options), batches(drawn, **options))


def test_a_cache_file_is_read_and_not_made_again(drawn: FaceIndex, tmp_path: Path) -> None:
    first = batches(drawn, cache=tmp_path)
    (file,) = tmp_path.glob("*.npy")
    made = file.stat().st_mtime_ns
    assert same(batches(drawn, cache=tmp_path), first)
    assert file.stat().st_mtime_ns == made


def test_a_changed_image_makes_another_cache_file(tmp_path: Path) -> None:
    index = datasets.draw_people(tmp_path / "faces", people=1, photos=1, size=64)
    batches(index, cache=tmp_path / "cache")
    image = Path(index.paths[0])
    image.write_bytes(Path(index.paths[1]).read_bytes())
    batches(index, cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 2


def test_a_failure_leaves_no_cache_file(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no image")
    index = FaceIndex(tmp_path, [Face("bad.jpg", "ada", "masked")])
    with pytest.raises(datasets.ImageError, match=r"bad\.jpg"):
        batches(index, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.npy"))


def test_an_undecodable_file_is_named_without_a_cache(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no image")
    index = FaceIndex(tmp_path, [Face("bad.jpg", "ada", "masked")])
    with pytest.raises(tf.errors.OpError, match=r"bad\.jpg"):
        batches(index)


def test_about_half_of_the_images_are_mirrored(drawn: FaceIndex) -> None:
    plain = np.concatenate([images for images, _ in batches(drawn)])
    flipped = np.concatenate([images for images, _ in batches(drawn, flip=True)])
    kept = (plain == flipped).all(axis=(1, 2, 3))
    mirrored = (plain[:, :, ::-1] == flipped).all(axis=(1, 2, 3))
    assert (kept | mirrored).all() and kept.any() and mirrored.any()


def test_balanced_epochs_show_people_equally_often(drawn: FaceIndex) -> None:
    uneven = drawn.where(lambda face: face.person != drawn.people[0] or face.domain == "masked")
    labels = np.concatenate([labels for _, labels in batches(uneven, sampling="balanced")])
    np.testing.assert_array_equal(np.bincount(labels), [7, 7, 7, 7])


def test_the_number_of_batches_is_known(drawn: FaceIndex) -> None:
    assert int(datasets.as_tf_dataset(drawn, epochs=3, **SMALL).cardinality()) == 21


@pytest.mark.parametrize(
    "options", [{"batch_size": 0}, {"image_size": 0}, {"epochs": 0}, {"initial_epoch": -1}]
)
def test_numbers_out_of_range_are_refused(drawn: FaceIndex, options: dict[str, int]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=f"{name} must be at least"):
        batches(drawn, **options)


def test_an_empty_index_is_refused(drawn: FaceIndex) -> None:
    with pytest.raises(ValueError, match="the number of rows must be at least 1"):
        batches(drawn.where(lambda _: False))
