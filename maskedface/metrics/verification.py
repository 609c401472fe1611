"""Verification metrics for Keras, computed from histograms of genuine and impostor scores."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from maskedface.losses.targets import labels_of

_BINS = 10_000


class _PairScores(keras.metrics.Metric):
    """Counts the scores of genuine and impostor pairs in bins of equal width over [-1, 1]."""

    def __init__(
        self, *, from_embeddings: bool, num_bins: int, name: str, dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if num_bins < 2:
            raise ValueError(f"num_bins must be at least 2. Received: num_bins={num_bins}")
        self.from_embeddings, self.num_bins = from_embeddings, num_bins
        self.genuine = self.add_variable((num_bins,), "zeros", name="genuine")
        self.impostors = self.add_variable((num_bins,), "zeros", name="impostors")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true, y_pred, sample_weight: see the call arguments of the class.
        """
        y_pred = ops.cast(y_pred, self.dtype)
        weights = None if sample_weight is None else ops.cast(sample_weight, self.dtype)
        if self.from_embeddings:
            same, scores, weights = _pairs(labels_of(y_true), y_pred, weights)
        else:
            same, scores = (
                ops.cast(ops.reshape(y_true, (-1,)), self.dtype),
                ops.reshape(y_pred, (-1,)),
            )
            weights = ops.ones_like(scores) if weights is None else ops.reshape(weights, (-1,))
        # Non-finite scores are counted in the lowest bin.
        shares = (ops.where(ops.isfinite(scores), scores, -ops.ones_like(scores)) + 1) / 2
        bins = ops.cast(ops.clip(ops.floor(shares * self.num_bins), 0, self.num_bins - 1), "int32")
        for counts, chosen in ((self.genuine, same), (self.impostors, 1 - same)):
            counts.assign_add(ops.segment_sum(chosen * weights, bins, self.num_bins))

    def _shares(self) -> tuple[Any, Any]:
        """(FAR, TAR) at the lower edge of each bin, highest score first."""

        def accepted(counts: Any) -> Any:
            total = ops.sum(counts)
            return ops.cumsum(ops.flip(counts, 0)) / ops.where(
                total > 0, total, ops.ones_like(total)
            )

        return accepted(self.impostors), accepted(self.genuine)

    def get_config(self) -> dict[str, Any]:
        own = {"from_embeddings": self.from_embeddings, "num_bins": self.num_bins}
        return {**own, "name": self.name, "dtype": self.dtype}


@keras.saving.register_keras_serializable(package="maskedface")
class TARAtFAR(_PairScores):
    """TAR at FAR: the share of genuine pairs accepted at a given share of accepted impostor pairs.

    `evaluation.tar_at_far` computes it exactly, from all scores at once. Here scores are counted in
    bins, for any number of batches, and the threshold is at a bin's edge: the result is never above
    the exact one.

    >>> import numpy as np
    >>> from maskedface import metrics
    >>> tar = metrics.TARAtFAR(far=0.4)
    >>> float(tar(np.array([1, 1, 0, 0]), np.array([.9, .5, .6, .1])))
    0.5

    Args:
        far: float in (0, 1], the false accept rate.
        from_embeddings: whether `y_pred` are embeddings; all pairs in a batch are then scored.
        num_bins: int >= 2, number of bins over [-1, 1]. 10,000 (our choice) give thresholds within
            2e-4.
        name: str, the metric's.
        dtype: the dtype of counts and result; default: Keras' float type. A float32 bin counts up
            to 16.7 million pairs.

    Call arguments:
        y_true: 1 for a genuine pair and 0 for an impostor pair, shape (batch,) or (batch, 1); with
            `from_embeddings` int labels of the people, as for `RankOne`.
        y_pred: float scores in [-1, 1], with the shape of `y_true`; with `from_embeddings` float
            embeddings, shape (batch, features), of any length above 0.
        sample_weight: float, per pair, or per face (a pair has the product of its faces' weights);
            or None.

    Returns:
        float in [0, 1]; 0 until there are pairs of both kinds.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        far: float = 0.01,
        *,
        from_embeddings: bool = False,
        num_bins: int = _BINS,
        name: str = "tar_at_far",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_embeddings=from_embeddings, num_bins=num_bins, name=name, dtype=dtype)
        if not 0 < far <= 1:
            raise ValueError(f"far must be in (0, 1]. Received: far={far}")
        self.far = far
        self._direction = "up"

    def result(self) -> Any:
        far, tar = self._shares()
        # Without impostors the result is 0, and not that everybody is accepted.
        good = ops.logical_and(far <= self.far, ops.sum(self.impostors) > 0)
        return ops.max(ops.where(good, tar, ops.zeros_like(tar)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "far": self.far}


@keras.saving.register_keras_serializable(package="maskedface")
class EqualErrorRate(_PairScores):
    """Equal error rate (EER): the rate at which FAR = 1 - TAR.

    `evaluation.equal_error_rate` computes it exactly; here it is precise to a bin.

    >>> import numpy as np
    >>> from maskedface import metrics
    >>> eer = metrics.EqualErrorRate()
    >>> round(float(eer(np.array([1, 1, 0, 0]), np.array([.9, .5, .6, .1]))), 3)
    0.5

    Args:
        from_embeddings, num_bins, name, dtype: as for `TARAtFAR`.

    Call arguments:
        y_true, y_pred, sample_weight: as for `TARAtFAR`.

    Returns:
        float in [0, 1], interpolated between the two adjacent thresholds; 1 until there are pairs
        of both kinds.

    Raises:
        ValueError: if `num_bins` is below 2.
    """

    def __init__(
        self,
        *,
        from_embeddings: bool = False,
        num_bins: int = _BINS,
        name: str = "equal_error_rate",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_embeddings=from_embeddings, num_bins=num_bins, name=name, dtype=dtype)
        self._direction = "down"

    def result(self) -> Any:
        far, tar = self._shares()
        zero = ops.zeros((1,), far.dtype)
        far, tar = ops.concatenate([zero, far]), ops.concatenate([zero, tar])
        gap = far - (1 - tar)  # ascends from -1 to 1
        after = ops.maximum(ops.argmax(ops.cast(gap >= 0, "int32")), 1)
        below, above = ops.take(gap, after - 1), ops.take(gap, after)
        share = -below / ops.where(above > below, above - below, ops.ones_like(above))
        low, high = ops.take(far, after - 1), ops.take(far, after)
        seen = ops.logical_and(ops.sum(self.genuine) > 0, ops.sum(self.impostors) > 0)
        return ops.where(seen, low + share * (high - low), ops.ones_like(low))


def _pairs(labels: Any, embeddings: Any, weights: Any) -> tuple[Any, Any, Any]:
    """(whether each pair of a batch is genuine, 0 or 1; cosines; weights, 0 for a face with itself
    and for a pair in reverse order)."""
    unit = ops.normalize(embeddings, axis=-1)
    count = ops.shape(unit)[0]
    rows = ops.arange(count)
    once = ops.cast(rows[:, None] < rows[None, :], unit.dtype)
    if weights is not None:
        weights = ops.reshape(weights, (-1,))
        once = once * weights[:, None] * weights[None, :]
    same = ops.cast(labels[:, None] == labels[None, :], unit.dtype)
    scores = ops.matmul(unit, ops.transpose(unit))
    return tuple(ops.reshape(values, (-1,)) for values in (same, scores, once))
