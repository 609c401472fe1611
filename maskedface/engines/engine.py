"""What runs a network that does not learn: one class an engine, and the table of their names."""

from __future__ import annotations

import abc
import os
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
    """A program that runs Keras models. One of your own is a class with a name, its precisions and
    `compile`; once in `ENGINES`, recipes and embedders know it by its name.

    >>> from maskedface import engines, models
    >>> class Plain(engines.Engine):
    ...     name, precisions = "plain", ("float32",)
    ...     def compile(self, model, precision, calibration):
    ...         return lambda images: model(images.astype("float32"), training=False).numpy()
    >>> engines.ENGINES["plain"] = Plain()
    >>> del engines.ENGINES["plain"]
    """

    name: ClassVar[str]
    """By which recipes and commands name it."""
    precisions: ClassVar[tuple[Precision, ...]]
    """What it can compute in."""

    def version(self) -> str:
        """The version of the program, of which outputs and kept features depend.

        Raises:
            ModuleNotFoundError: if it is not installed; the message has the pip line.
        """
        return ""

    def why_not(self, precision: Precision) -> str:
        """Why this machine should not compute in a precision; "" where it can.

        Args:
            precision: one of `precisions`.
        """
        return ""

    @abc.abstractmethod
    def compile(
        self, model: keras.Model, precision: Precision, calibration: np.ndarray | None
    ) -> Run:
        """Makes a function of a model.

        Args:
            model: images, RGB, 0-255, shape (N, height, width, 3) -> one array, in float32.
            precision: one of `precisions`.
            calibration: for int8, uint8 array, shape (M, height, width, 3): faces whose activations say
                how far each tensor's values reach; else None.

        Returns:
            A function: uint8 images, any number of them -> float32 array.

        Raises:
            ModuleNotFoundError: as `version`.
            ValueError: if the program cannot run the model.
        """


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
