"""What a training sets and leaves in its process: all of it is as it was afterwards."""

from __future__ import annotations

import gc
import os
import random
import weakref
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config

from maskedface import datasets, training
from maskedface.datasets import FaceIndex
from maskedface.recipes import Recipe
from maskedface.training import environment
from maskedface.training.environment import released_memory, settled

RECIPE = Recipe(name="quick", epochs=1, batch_size=8)


def traces() -> dict[str, Any]:
    """All that a run sets, by value."""
    return {
        "deterministic operations": config.is_op_determinism_enabled(),
        "Keras' precision": keras.config.dtype_policy().name,
        "TensorFlow's threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "the environment": dict(os.environ),
        "numbers drawn by Python": random.getstate(),
        "numbers drawn by NumPy": np.random.get_state()[1].tolist(),
    }


@pytest.fixture(scope="module")
def seen(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """`traces` before a training, in it and after it, the process set otherwise than a run is."""
    inside: dict[str, Any] = {}

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            inside.update(traces())

    before_all = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        before = traces()
        training.train(
            RECIPE,
            *datasets.split_by_image(drawn),
            run_dir=tmp_path_factory.mktemp("traces") / "run",
            backbone=tiny_backbone,
            callbacks=[Look()],
            progress=False,
        )
        return before, inside, traces()
    finally:
        keras.config.set_dtype_policy(before_all)


# A training or more.
@pytest.mark.long
@pytest.mark.parametrize("trace", traces())
def test_a_training_leaves_no_trace(seen: tuple[dict[str, Any], ...], trace: str) -> None:
    before, _, after = seen
    assert after[trace] == before[trace]


# A training or more.
@pytest.mark.long
def test_a_training_is_deterministic_and_in_float32(seen: tuple[dict[str, Any], ...]) -> None:
    assert seen[1]["deterministic operations"] and seen[1]["Keras' precision"] == "float32"


def test_the_callers_draws_go_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    def draws(is_between: bool) -> list[float]:
        keras.utils.set_random_seed(3)
        first = [float(tf.random.uniform(())), float(keras.random.uniform(()))]
        if is_between:
            with settled(5, None, str(tmp_path)):
                float(tf.random.uniform(())), float(keras.random.uniform(()))
        return [*first, float(tf.random.uniform(())), float(keras.random.uniform(()))]

    assert draws(True) == draws(False)


def test_names_of_the_callers_layers_go_on(tmp_path: Path) -> None:
    first = keras.layers.Dense(1).name
    with settled(5, None, str(tmp_path)):
        pass
    assert keras.layers.Dense(1).name != first


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
    functions, gradients = len(environment._functions()), len(environment._gradients())

    with released_memory():
        batches, optimizer = fitted()
        assert (
            len(environment._functions()) > functions
        )  # or there is nothing to let go of any more
        assert len(environment._gradients()) > gradients
    gc.collect()

    assert batches() is None and optimizer() is None
    assert len(environment._functions()) == functions
    assert len(environment._gradients()) == gradients


# A training or more.
@pytest.mark.long
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
