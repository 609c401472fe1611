"""Rank-1 accuracy as a Keras metric."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from maskedface.losses.targets import labels_of


@keras.saving.register_keras_serializable(package="maskedface")
class RankOne(keras.metrics.MeanMetricWrapper):
    """Rank-1 accuracy of a closed set: the share of faces whose own person has the highest score.

    Equal to Keras' `SparseCategoricalAccuracy`, but also accepts labels with the domain in a second
    column (`datasets.with_domain`), which Keras' metric does not.

    >>> import numpy as np
    >>> from maskedface import metrics
    >>> rank_one = metrics.RankOne()
    >>> float(rank_one(np.array([0, 1]), np.array([[.9, .1], [.8, .2]])))
    0.5

    Args:
        name: str, the metric's name.
        dtype: the result's dtype; default: Keras' float type.

    Call arguments:
        y_true: int labels, shape (batch,), (batch, 1), or with the domain in a second column.
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
