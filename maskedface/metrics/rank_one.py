"""The share of faces whose own person comes first."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from maskedface.losses.targets import labels_of


@keras.saving.register_keras_serializable(package="maskedface")
class RankOne(keras.metrics.MeanMetricWrapper):
    """The share of faces whose own person has the highest score: rank-1 accuracy of a closed set.

    Keras' `SparseCategoricalAccuracy`, which also reads labels with the domain beside them
    (`datasets.with_domain`), of which Keras' own makes nothing right.

    >>> import numpy as np
    >>> from maskedface import metrics
    >>> rank_one = metrics.RankOne()
    >>> float(rank_one(np.array([0, 1]), np.array([[.9, .1], [.8, .2]])))
    0.5

    Args:
        name: str, the metric's.
        dtype: of the result; by default Keras' own.

    Call arguments:
        y_true: int labels, shape (batch,), (batch, 1), or with the domain beside it.
        y_pred: float scores or logits, shape (batch, people).
        sample_weight: float, shape (batch,), or None.
    """

    def __init__(self, name: str = "rank_one", dtype: Any = None) -> None:
        super().__init__(_comes_first, name=name, dtype=dtype)
        self._direction = "up"

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}


def _comes_first(y_true: Any, y_pred: Any) -> Any:
    return ops.equal(labels_of(y_true), ops.cast(ops.argmax(y_pred, axis=-1), "int32"))
