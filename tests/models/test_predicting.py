"""The one path by which a model runs over many faces."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from maskedface import models


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


@pytest.mark.parametrize(("rows", "batch_size"), [(0, 4), (3, 0)])
def test_no_rows_or_an_empty_batch_are_refused(
    model: keras.Model, rows: int, batch_size: int
) -> None:
    with pytest.raises(ValueError, match="inputs must have rows, and batch_size"):
        models.predict(model, np.zeros((rows, 2, 2, 3)), batch_size)
