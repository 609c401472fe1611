"""The interface of inference engines, and helpers to implement them."""

from __future__ import annotations

import abc
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    import keras

Precision = Literal["float32", "bfloat16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)  # the most exact first
AUTO = "auto"
BATCH = 32  # images at a time; more are no faster on two cores

# uint8 images, shape (N, height, width, 3), N >= 1 -> float32 array, shape (N, ...).
Run = Callable[[np.ndarray], np.ndarray]


class Engine(abc.ABC):
    """An inference engine for Keras models. A custom engine is a class with a name, its precisions
    and `compile`; once it is added to `ENGINES`, recipes and embedders can use it by its name.

    >>> from maskedface import engines, models
    >>> class Plain(engines.Engine):
    ...     name, precisions = "plain", ("float32",)
    ...     def compile(self, model, precision, calibration):
    ...         return lambda images: model(images.astype("float32"), training=False).numpy()
    >>> engines.ENGINES["plain"] = Plain()
    >>> del engines.ENGINES["plain"]
    """

    name: ClassVar[str]
    """The name used in recipes and commands."""
    precisions: ClassVar[tuple[Precision, ...]]
    """The supported precisions."""

    def version(self) -> str:
        """The version of the engine, on which outputs and cached features depend.

        Raises:
            ModuleNotFoundError: if it is not installed; the message has the pip command.
        """
        return ""

    def why_not(self, precision: Precision) -> str:
        """The reason why this machine does not support a precision; "" if it does.

        Args:
            precision: one of `precisions`.
        """
        return ""

    @abc.abstractmethod
    def compile(
        self, model: keras.Model, precision: Precision, calibration: np.ndarray | None
    ) -> Run:
        """Compiles a model to a function.

        Args:
            model: images, RGB, 0-255, shape (N, height, width, 3) -> one array, in float32.
            precision: one of `precisions`.
            calibration: for int8, uint8 array, shape (M, height, width, 3): faces whose activations
                determine each tensor's range; else None.

        Returns:
            A function: any number of uint8 images -> float32 array. Slow steps may be deferred to
            its first call (`Later`), during which Keras computes the reference outputs.

        Raises:
            ModuleNotFoundError: as `version`.
            ValueError: if the engine cannot run the model.
        """


def cores() -> int:
    """The number of cores available to this process."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Scratch:
    """A temporary folder, deleted with this object or at the end of a `with` block.

    Attributes:
        path: str, the folder's path.
    """

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="maskedface-")
        # Not `TemporaryDirectory`, which warns where it is left to this.
        self._end = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()


class Later:
    """A function that is created on its first call, by one thread while others wait.

    Args:
        make: a function that creates it.
    """

    def __init__(self, make: Callable[[], Run]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._run: Run | None = None

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Runs the function."""
        with self._lock:
            if self._run is None:
                self._run = self._make()
                del self._make  # and what it holds
        return self._run(images)


def in_batches(run: Run, images: np.ndarray) -> np.ndarray:
    """Processes images in batches of `BATCH`.

    Args:
        run: a function of a batch, whose result is copied.
        images: uint8 array, shape (N, height, width, 3), N >= 1.

    Returns:
        float32 array, shape (N, ...).
    """
    found = None
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        made = run(batch)
        if found is None:
            found = np.empty((len(images), *made.shape[1:]), "float32")
        found[start : start + len(batch)] = made
    if found is None:
        raise ValueError(f"images must not be empty. Received: {len(images)} rows")
    return found
