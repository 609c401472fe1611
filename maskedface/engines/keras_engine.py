"""Keras as an engine, the reference for all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from maskedface.engines.engine import Engine, Precision, Run

if TYPE_CHECKING:
    import keras


class KerasEngine(Engine):
    """Keras itself, in float32 or bfloat16.

    >>> from maskedface import engines
    >>> engines.KerasEngine().precisions
    ('float32', 'bfloat16')
    """

    name: ClassVar[str] = "keras"
    precisions: ClassVar[tuple[Precision, ...]] = ("float32", "bfloat16")

    def version(self) -> str:
        import keras

        return f"{keras.version()} {keras.backend.backend()}"

    def compile(
        self, model: keras.Model, precision: Precision, calibration: np.ndarray | None
    ) -> Run:
        from maskedface import models

        low = models.with_precision(model, "bfloat16") if precision == "bfloat16" else model

        def run(images: np.ndarray) -> np.ndarray:
            return models.predict(low, images).astype("float32", copy=False)

        return run
