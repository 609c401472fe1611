"""What a run's bits depend on besides its words: seeds, threads, versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import warnings
from typing import Any

import keras

from maskedface.training.run import RECORD, read_json

_PACKAGES = ("maskedface", "keras", "tensorflow", "numpy", "scikit-learn", "pillow")


def set_seeds_and_threads(seed: int, threads: int | None, folder: str) -> int:
    """Sets seeds, deterministic operations and threads.

    Args:
        seed: int >= 0, of Python, NumPy and Keras.
        threads: int >= 1, TensorFlow's; None: those that the folder's record names, else the cores.
        folder: the run's, which may not exist yet.

    Returns:
        The number of threads.

    Raises:
        ValueError: if `threads` is below 1, or not that of the run in the folder.
    """
    if keras.backend.backend() == "jax":
        # XLA reads this when it first runs: a process that has used JAX before keeps its ways.
        flags = os.environ.get("XLA_FLAGS", "")
        if "xla_gpu_deterministic_ops" not in flags:
            os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()
    used = _use_threads(threads, folder)
    keras.utils.clear_session()  # layer names, and so seeds, do not depend on earlier models
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    return used


def _use_threads(threads: int | None, folder: str) -> int:
    path = os.path.join(folder, RECORD)
    recorded = read_json(path)["threads"] if os.path.exists(path) else None
    if threads is not None and (threads < 1 or recorded not in (None, threads)):
        raise ValueError(
            "threads must be at least 1, and those of the run that the folder holds. "
            f"Received: threads={threads}, {recorded} in {path!r}"
        )
    wanted = threads or recorded
    # What TensorFlow takes by itself: the cores that this process may use.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if keras.backend.backend() != "tensorflow":
        return cores
    import tensorflow as tf

    now: int = tf.config.threading.get_intra_op_parallelism_threads() or cores
    if wanted in (None, now):
        return now
    try:
        tf.config.threading.set_intra_op_parallelism_threads(wanted)
        tf.config.threading.set_inter_op_parallelism_threads(wanted)
    except RuntimeError:  # TensorFlow runs already
        warnings.warn(
            f"threads should be {wanted}: the last bits will differ. Received: a process in which "
            f"TensorFlow runs with {now} already; a new one can have others",
            stacklevel=3,
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
