"""The one path by which a model runs over many faces."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import models
from maskedface.models.predicting import batch_size_for


@pytest.fixture(scope="module")
def model() -> keras.Model:
    image = keras.Input((2, 2, 3))
    return keras.Model(image, keras.layers.Flatten()(image))


@pytest.mark.parametrize("rows", [1, 4, 9])
def test_every_row_is_given_once_whatever_the_last_batch_holds(
    model: keras.Model, rows: int
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (rows, 2, 2, 3), np.uint8)
    found = models.predict(model, images, batch_size=4)
    np.testing.assert_array_equal(found, images.reshape(rows, -1))


def test_a_sequential_model_that_was_never_called_runs() -> None:
    own = keras.Sequential([keras.Input((2, 2, 3)), keras.layers.Flatten()])
    assert models.predict(own, np.ones((3, 2, 2, 3))).shape == (3, 12)


def test_the_model_keeps_its_own_way_of_compiling() -> None:
    image = keras.Input((2, 2, 3))
    own = keras.Model(image, keras.layers.Flatten()(image))
    own.compile(jit_compile=True)
    models.predict(own, np.zeros((3, 2, 2, 3)))
    assert own.jit_compile and own.predict_function is None


def test_nothing_is_traced_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    class Counted(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            calls.append(0)
            return x

    image = keras.Input((2,))
    own = keras.Model(image, Counted()(image))
    models.predict(own, np.zeros((9, 2)), batch_size=4)
    before = len(calls)
    models.predict(own, np.zeros((9, 2)), batch_size=4)
    assert len(calls) == before


def test_few_rows_make_few_shapes(model: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = set()
    run = keras.Model.predict_on_batch

    def counted(self: keras.Model, batch: np.ndarray) -> np.ndarray:
        rows.add(len(batch))
        return run(self, batch)

    monkeypatch.setattr(keras.Model, "predict_on_batch", counted)
    for count in range(1, 10):
        models.predict(model, np.zeros((count, 2, 2, 3)))
    assert rows == {1, 2, 4, 8, 16}


def test_a_model_is_let_go_of_after_use() -> None:
    image = keras.Input((2,))
    own = keras.Model(image, keras.layers.Dense(2)(image))
    known = weakref.ref(own)
    models.predict(own, np.zeros((3, 2)))
    del own
    gc.collect()
    assert known() is None


@pytest.mark.parametrize(("rows", "batch_size"), [(0, 4), (3, 0)])
def test_no_rows_or_an_empty_batch_are_refused(
    model: keras.Model, rows: int, batch_size: int
) -> None:
    with pytest.raises(ValueError, match="inputs must have rows, and batch_size"):
        models.predict(model, np.zeros((rows, 2, 2, 3)), batch_size)


def test_a_sequential_model_that_was_never_called_predicts() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert models.predict(model, np.zeros((3, 4), "float32")).shape == (3, 2)


@pytest.mark.parametrize(
    ("gib", "rows"), [("0", 32), ("0.004", 32), ("0.006", 64), ("0.01", 128), ("1", 1024)]
)
def test_a_batch_is_as_large_as_the_card_takes(
    monkeypatch: pytest.MonkeyPatch, gib: str, rows: int
) -> None:
    image = keras.Input((20, 20, 3))  # 1,200 values, and 4,000 after the layer
    own = keras.Model(image, keras.layers.Conv2D(10, 1)(image))
    monkeypatch.setenv("MASKEDFACE_DEVICE_MEMORY", gib)
    assert batch_size_for(own) == rows


def test_layers_of_a_model_in_a_model_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKEDFACE_DEVICE_MEMORY", "0.05")
    image, seen = keras.Input((20, 20, 3)), keras.Input((20, 20, 3))
    wide = keras.layers.Conv2D(100, 1)(image)
    inner = keras.Model(image, keras.layers.GlobalAveragePooling2D()(wide))
    assert batch_size_for(keras.Model(seen, inner(seen))) == batch_size_for(inner) < 1024


def test_a_batch_as_large_as_the_card_takes_is_run(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKEDFACE_DEVICE_MEMORY", "1")
    images = np.random.default_rng(0).integers(0, 256, (40, 2, 2, 3), np.uint8)
    np.testing.assert_array_equal(models.predict(model, images), images.reshape(40, -1))
