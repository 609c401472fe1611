"""Does a finished fit leave anything behind in TensorFlow?"""

from __future__ import annotations

import gc
import weakref

import keras
import numpy as np
import pytest
from maskedface.training.releasing import released_memory

from maskedface.training import releasing


class Batches(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        return np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


def fitted() -> tuple[weakref.ref[Batches], weakref.ref[keras.optimizers.Optimizer]]:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("adam", "mse", jit_compile=False)
    batches = Batches()
    model.fit(batches, epochs=1, verbose=0)
    return weakref.ref(batches), weakref.ref(model.optimizer)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others keep nothing")
def test_batches_and_traced_steps_are_gone_after_a_fit() -> None:
    functions, gradients = len(releasing._functions()), len(releasing._gradients())

    with released_memory():
        batches, optimizer = fitted()
        assert len(releasing._functions()) > functions  # or there is nothing to let go of any more
        assert len(releasing._gradients()) > gradients
    gc.collect()

    assert batches() is None and optimizer() is None
    assert len(releasing._functions()) == functions
    assert len(releasing._gradients()) == gradients


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others keep nothing")
def test_a_data_set_that_was_there_before_goes_on() -> None:
    import tensorflow as tf

    numbers = iter(tf.data.Dataset.from_generator(lambda: iter(range(5)), tf.int32))
    assert int(next(numbers)) == 0
    with released_memory():
        fitted()
    gc.collect()
    assert [int(number) for number in numbers] == [1, 2, 3, 4]


def test_what_is_inside_may_fail() -> None:
    with pytest.raises(ZeroDivisionError), released_memory():
        raise ZeroDivisionError
