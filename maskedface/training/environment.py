"""What a run's exact results depend on besides its arguments: seeds, threads, versions."""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import os
import platform
import random
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from maskedface.compilation_cache import jax_programs_kept
from maskedface.models.settings import in_float32
from maskedface.training.run import RECORD, read_json

_PACKAGES = ("maskedface", "keras", "tensorflow", "numpy", "scikit-learn", "pillow")


@contextlib.contextmanager
def settled(seed: int, threads: int | None, folder: str) -> Iterator[int]:
    """A context that sets seeds, deterministic operations, float32 and the cache of compiled
    programs for a run, and restores all settings afterwards.

    The exception is the number of threads, which TensorFlow fixes once per process.

    Args:
        seed: int >= 0, for Python, NumPy and Keras.
        threads: int >= 1, TensorFlow's threads; None: the number recorded in the run folder, else
            the number of cores.
        folder: the run folder, which may not exist yet.

    Yields:
        The number of threads.

    Raises:
        ValueError: if `threads` is below 1, or differs from that of the run in the folder; and as
            `models.settings.in_float32`.
    """
    gc.collect()  # of earlier runs, whose networks are cycles
    used = _use_threads(threads, folder)
    is_jax = keras.backend.backend() == "jax"
    kept = jax_programs_kept() if is_jax else contextlib.nullcontext()
    with _seeded(seed), _deterministic(), in_float32(), kept:
        yield used


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    python, array = random.getstate(), np.random.get_state()
    places = _places_of_seeds()
    before = [vars(place).get(name) for place, name in places]
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(array)
        for (place, name), value in zip(places, before, strict=True):
            setattr(place, name, value)


def _places_of_seeds() -> list[tuple[Any, str]]:
    """Where `keras.utils.set_random_seed` stores the seed; no public API restores it."""
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR
    from keras.src.utils.module_utils import tensorflow
    from keras.src.utils.rng_utils import GLOBAL_RANDOM_SEED

    tracker = global_state.GLOBAL_STATE_TRACKER
    places = [(tracker, name) for name in (GLOBAL_RANDOM_SEED, GLOBAL_SEED_GENERATOR)]
    if tensorflow.available:  # then Keras seeds it under JAX too
        from tensorflow.python.eager import context

        places += [(context.context(), name) for name in ("_seed", "_rng")]
    return places


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    if keras.backend.backend() == "jax":
        # XLA reads this when it first runs: it has no effect if the process has used JAX before.
        flags = os.environ.get("XLA_FLAGS")
        if "xla_gpu_deterministic_ops" not in (flags or ""):
            os.environ["XLA_FLAGS"] = f"{flags or ''} --xla_gpu_deterministic_ops=true".strip()
        try:
            yield
        finally:
            if flags is None:
                os.environ.pop("XLA_FLAGS", None)
            else:
                os.environ["XLA_FLAGS"] = flags
    elif keras.backend.backend() == "tensorflow":
        from tensorflow.python.framework import config  # no public function restores it

        was = config.is_op_determinism_enabled()
        config.enable_op_determinism()
        try:
            yield
        finally:
            if not was:
                config.disable_op_determinism()
    else:
        yield


def _use_threads(threads: int | None, folder: str) -> int:
    path = os.path.join(folder, RECORD)
    recorded = read_json(path)["threads"] if os.path.exists(path) else None
    if threads is not None and (threads < 1 or recorded not in (None, threads)):
        raise ValueError(
            "threads must be at least 1 and equal to that of the run in the folder. "
            f"Received: threads={threads}, {recorded} in {path!r}"
        )
    wanted = threads or recorded
    # TensorFlow's default: the cores that this process may use.
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    if keras.backend.backend() != "tensorflow":
        return cores
    import tensorflow as tf

    now: int = tf.config.threading.get_intra_op_parallelism_threads() or cores
    if wanted in (None, now):
        return now
    try:
        tf.config.threading.set_intra_op_parallelism_threads(wanted)
        tf.config.threading.set_inter_op_parallelism_threads(wanted)
    except RuntimeError:  # TensorFlow is already initialized
        warnings.warn(
            f"threads should be {wanted}; the last bits of results will differ. Received: a "
            f"process in which TensorFlow already uses {now}; start a new process to change it",
            stacklevel=5,  # past `settled` and its context, to who called `train`
        )
        return now
    return int(wanted)


def surroundings() -> dict[str, Any]:
    """The versions, machine and backend of this process, for run.json."""

    def version(package: str) -> str:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return "not installed"

    packages = (*_PACKAGES, *(("jax",) if keras.backend.backend() == "jax" else ()))
    return {
        "versions": {package: version(package) for package in packages},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "keras_backend": keras.backend.backend(),
    }


@contextlib.contextmanager
def released_memory() -> Iterator[None]:
    """A context that frees the memory which `fit` leaks inside TensorFlow.

    Two lists of TensorFlow 2.21 only grow, together by about 140 MiB per trial of a search:

    - the outermost graph keeps every Python function used by a data set
      (`script_ops._internal_py_func`), and with it the arrays that it reads, such as mapped
      features and queued batches;
    - the gradient registry keeps every gradient written in Python (`custom_gradient`; the sum over
      replicas in Keras' optimizers is one), and with it the traced step, the network and the
      optimizer.

    Entries from before the context are kept. Other backends do not leak.
    """
    functions = {id(function) for function in _functions()}
    gradients = set(_gradients())
    try:
        yield
    finally:
        now = _functions()
        now[:] = [function for function in now if id(function) in functions]
        registered = _gradients()
        for name in set(registered) - gradients:
            del registered[name]


# Both are private: where a later TensorFlow has no such list, there is nothing to let go of.
def _functions() -> list[Any]:
    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    graph = tf.compat.v1.get_default_graph()  # in eager mode the outermost one
    found: list[Any] = getattr(graph, "_py_funcs_used_in_graph", [])
    return found


def _gradients() -> dict[str, Any]:
    if keras.backend.backend() != "tensorflow":
        return {}
    from tensorflow.python.framework import ops

    found: dict[str, Any] = getattr(ops.gradient_registry, "_registry", {})
    return found
