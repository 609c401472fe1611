"""Many training steps in one compiled call."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras

_MOST = 256  # steps; a call cannot be watched or interrupted
# If only fewer steps than these divide an epoch (a prime number, twice that), a longer call is better
# than many short ones.
_FEW, _MOST_THEN = 16, 4096
_ON_BATCHES = (
    *("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end"),
    *("on_test_batch_begin", "on_test_batch_end"),  # validation takes as many steps
)


def steps_together(steps: int, callbacks: Sequence[keras.callbacks.Callback]) -> int:
    """How many steps are one call, for Keras' `steps_per_execution`.

    >>> from maskedface.training.many_steps import steps_together
    >>> steps_together(44, []), steps_together(600, []), steps_together(281, [])
    (44, 200, 281)

    Args:
        steps: int >= 1, steps per epoch.
        callbacks: the callers' callbacks; one that acts on batches is called after each of them.

    Returns:
        A divisor of `steps`, since a call must not reach into the next epoch: the largest up to
        256, or if that is below 16, the smallest from 257 to 4,096, if there is one. 1 if a
        callback acts on batches.
    """
    if any(_acts_on_batches(callback) for callback in callbacks):
        return 1
    divisors = [count for count in range(1, min(steps, _MOST_THEN) + 1) if steps % count == 0]
    longer = [count for count in divisors if count > _MOST]
    best = max(count for count in divisors if count <= _MOST)
    return longer[0] if longer and best < _FEW else best


def _acts_on_batches(callback: keras.callbacks.Callback) -> bool:
    plain = keras.callbacks.Callback
    return any(
        name in vars(callback) or getattr(type(callback), name) is not getattr(plain, name)
        for name in _ON_BATCHES
    )


def compile_steps_together(model: keras.Model) -> None:
    """Makes `steps_per_execution` one compiled call on JAX too, for the next `fit`.

    Keras 3.15 calls its compiled step that often instead; on TensorFlow, and on JAX in later
    versions, it compiles the loop itself.

    Args:
        model: compiled, with more than one step per execution.
    """
    from keras.src.trainers.data_adapters import data_adapter_utils

    is_jax = keras.backend.backend() == "jax"
    if is_jax and not hasattr(data_adapter_utils, "super_batch_iterator"):
        model.train_function = _scanned(model)


def _scanned(model: keras.Model) -> Callable[[Any, Iterator[Any]], tuple[Any, Any]]:
    """Keras' `train_function` for JAX: equal batches in one loop, an epoch's smaller last one after
    it."""
    import jax

    def body(state: Any, batch: Any) -> tuple[Any, Any]:
        logs, state = model.train_step(state, batch)
        return state, logs

    @functools.partial(jax.jit, donate_argnums=0)
    def loop(state: Any, batches: list[Any]) -> tuple[Any, Any]:
        stacked = jax.tree.map(lambda *parts: jax.numpy.stack(parts), *batches)
        state, logs = jax.lax.scan(body, state, stacked)
        return jax.tree.map(lambda values: values[-1], logs), state

    step = jax.jit(model.train_step, donate_argnums=0)

    def run(state: Any, iterator: Iterator[Any]) -> tuple[Any, Any]:
        batches = list(itertools.islice(iterator, model.steps_per_execution))
        if not batches:
            raise StopIteration
        same = list(itertools.takewhile(lambda batch: _rows(batch) == _rows(batches[0]), batches))
        logs, state = loop(state, same)
        for batch in batches[len(same) :]:
            logs, state = step(state, batch)
        return logs, state

    return run


def _rows(batch: Any) -> int:
    return len(keras.tree.flatten(batch)[0])
