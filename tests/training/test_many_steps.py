"""Many steps in one call: how many, for whom not, and what each backend makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import pytest

from maskedface.training.expected_time import ExpectedTime
from maskedface.training.many_steps import steps_together


@pytest.mark.parametrize(
    ("steps", "together"),
    [(1, 1), (11, 11), (256, 256), (600, 200), (1000, 250), (257, 257), (562, 281), (4099, 1)],
)
def test_an_epoch_is_one_call_or_some_equal_ones(steps: int, together: int) -> None:
    assert steps_together(steps, []) == together


class OnBatches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        pass


class OnValidationBatches(keras.callbacks.Callback):
    def on_test_batch_end(self, batch: int, logs: object = None) -> None:
        pass


@pytest.mark.parametrize(
    ("callback", "together"),
    [
        (keras.callbacks.EarlyStopping(), 11),
        (keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: None), 11),
        (keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_: None), 1),
        (keras.callbacks.TerminateOnNaN(), 1),
        (OnBatches(), 1),
        (OnValidationBatches(), 1),
        (ExpectedTime(1, 1), 1),
    ],
)
def test_a_callback_that_acts_on_batches_gets_each(
    callback: keras.callbacks.Callback, together: int
) -> None:
    assert steps_together(11, [keras.callbacks.History(), callback]) == together


SCRIPT = """
import jax, keras, numpy as np

calls = []
plain = jax.jit
def counting(function, **words):
    compiled = plain(function, **words)
    def call(*given):
        calls.append(function.__name__)
        return compiled(*given)
    return call

from maskedface.training.many_steps import compile_steps_together

def learned(together):
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dropout(0.2)])
    net.compile("adam", "mse", metrics=["mae"], steps_per_execution=together)
    jax.jit = counting
    if together > 1:
        compile_steps_together(net)
    jax.jit = plain
    x, y = np.random.default_rng(0).random((2, 23, 4), "float32")
    net.fit(x, y[:, :3], batch_size=4, epochs=2, shuffle=False, verbose=0)
    return [*net.get_weights(), *(float(v) for v in net.history.history["loss"])]

for ours, keras_own in zip(learned(6), learned(1), strict=True):
    np.testing.assert_allclose(ours, keras_own, rtol=1e-6)
print(*calls)
"""


# A process imports JAX.
@pytest.mark.long
@pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
def test_on_jax_equal_batches_are_one_call_and_a_smaller_last_one_is_another() -> None:
    surroundings = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["loop", "train_step"] * 2
