"""Exact nearest neighbor search among many people."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from maskedface.evaluation import Templates
from maskedface.evaluation.scoring import normalized

# From here on the int8 first pass pays off: below, a float32 product takes less than 5 ms.
_MANY_ROWS = 100_000
_STEPS = 127  # a byte's largest value
_BLOCK = 4_096  # rows quantized per block, which fits the processor's cache
_TINY = float(np.finfo("float32").tiny)
_ROUNDING = 1e-5  # above the rounding of any float32 sum here


class ExactSearch:
    """Finds the people whose rows have the highest cosines to a probe.

    "Exact" means that the result is that of a float32 product of the probe with every row. From
    100,000 rows on, a first pass compares 8-bit integers, which reads a quarter of the memory. By
    the Cauchy-Schwarz inequality its error has a known bound; every row that could be among the
    best within this bound is compared again in float32. Without TensorFlow's XLA there is a single
    float32 pass.

    Args:
        templates: the rows that probes are compared with.
        person: int array, shape (rows,), ascending from 0 without gaps: the person of each row.
        quantise: whether to use the 8-bit first pass; default: from 100,000 rows on.
    """

    def __init__(
        self,
        templates: Templates,
        person: np.ndarray,
        *,
        quantise: bool | None = None,
    ) -> None:
        self._templates, rows = templates, templates.vectors
        self._person = person
        self._starts = np.flatnonzero(np.diff(person, prepend=-1))
        several = len(rows) >= _MANY_ROWS if quantise is None else quantise
        self._bytes = _Bytes(rows) if several and _byte_product() is not None else None

    def best(self, probe: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Finds the k most similar people; a person with several rows has the score of the best
        row.

        Args:
            probe: float array, shape (features,); scaled to length 1.
            k: int >= 1.

        Returns:
            (int64 numbers of the people, float32 scores: cosines minus the offsets), each of shape
            (min(k, people),), highest score first, ties by the lower number.

        Raises:
            ValueError: if `k` is below 1, or the probe has another shape or is not finite.
        """
        if k < 1 or np.shape(probe) != self._templates.vectors.shape[1:]:
            raise ValueError(
                f"k must be at least 1 and probe of shape {self._templates.vectors.shape[1:]}. "
                f"Received: k={k}, probe.shape={np.shape(probe)}"
            )
        unit = normalized(np.asarray(probe)[None])[0]
        k = min(k, len(self._starts))
        everybody = slice(None)
        chosen = everybody if self._bytes is None else self._candidates(self._bytes, unit, k)
        people, best = _best_of_each(self._person[chosen], self._templates.scores(unit, chosen))
        if len(people) > k:
            least = _kth(best, k)
            kept = best >= least
            people, best = people[kept], best[kept]
        order = np.lexsort([people, -best])[:k]
        return people[order], best[order]

    def _candidates(self, bytes_: _Bytes, unit: np.ndarray, k: int) -> np.ndarray:
        """Indices of rows that include the best row of each of the k best people."""
        whole, scale, offset, error = bytes_.compare(unit)
        if self._templates.offsets is not None:
            whole, scale = whole * np.float32(scale) - self._templates.offsets, 1.0
        several = len(self._starts) < len(whole)
        people = np.maximum.reduceat(whole, self._starts) if several else whole
        first = np.flatnonzero(whole >= _kth(people, k))
        _, exact = _best_of_each(self._person[first], self._templates.scores(unit, first))
        # k people certainly reach this score: rows that cannot reach it are dropped.
        certain = float(_kth(exact, k))
        least = (certain - error - offset) / scale
        if whole.dtype == "int32":
            least = max(np.floor(least), np.iinfo("int32").min)
        return np.flatnonzero(whole >= whole.dtype.type(least))


class _Bytes:
    """Rows relative to their mean, quantized to 8 bits with one step size.

    With a row x = center + step * b + r and a probe q = step_q * c + s, where b and c are bytes:
    q.x = q.center + step * step_q * b.c + (q - s).r + s.(x - center). The last two are at most
    |q - s| |r| + |s| |x - center|.
    """

    def __init__(self, rows: np.ndarray) -> None:
        self._centre = rows.mean(axis=0, dtype="float64").astype("float32")
        low, high = rows.min(axis=0) - self._centre, rows.max(axis=0) - self._centre
        self._step = max(float(np.abs([low, high]).max()) / _STEPS, _TINY)
        packed = np.empty(rows.shape, "int8")
        self._rest = self._reach = 0.0
        for start in range(0, len(rows), _BLOCK):
            moved = rows[start : start + _BLOCK] - self._centre
            self._reach = max(self._reach, _longest(moved))
            whole = np.rint(moved / np.float32(self._step)).clip(-_STEPS, _STEPS)
            packed[start : start + _BLOCK] = whole
            moved -= whole * np.float32(self._step)
            self._rest = max(self._rest, _longest(moved))
        product = _byte_product()
        assert product is not None
        self._product = product(packed)

    def compare(self, unit: np.ndarray) -> tuple[np.ndarray, float, float, float]:
        """(int32 products, scale, offset, error): scale * product + offset differs from a row's
        cosine to the probe by at most the error."""
        step = max(float(np.abs(unit).max()) / _STEPS, _TINY)
        whole = np.rint(unit / step).clip(-_STEPS, _STEPS)
        lost = float(np.linalg.norm(unit - whole * step))
        error = (1 + lost) * self._rest + lost * self._reach + _ROUNDING
        products = self._product(whole.astype("int8"))
        return products, step * self._step, float(unit @ self._centre), error


def _longest(rows: np.ndarray) -> float:
    return float(np.sqrt(np.einsum("ij,ij->i", rows, rows).max()))


def _kth(values: np.ndarray, k: int) -> Any:
    """The k-th highest value. The k highest are in the k blocks with the highest maxima."""
    width = 1024
    whole = len(values) // width * width
    if whole // width <= 2 * k:
        return np.partition(values, len(values) - k)[len(values) - k]
    blocks = values[:whole].reshape(-1, width)
    top = np.argpartition(blocks.max(axis=1), len(blocks) - k)[-k:]
    few = np.concatenate([blocks[top].ravel(), values[whole:]])
    return np.partition(few, len(few) - k)[len(few) - k]


def _best_of_each(person: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    starts = np.flatnonzero(np.diff(person, prepend=-1))
    if len(starts) == len(scores):
        return person, scores
    return person[starts], np.maximum.reduceat(scores, starts)


@functools.cache
def _byte_product() -> Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]] | None:
    """A function from 8-bit rows to a function from an 8-bit probe to int32 products; None without
    TensorFlow.

    XLA has the only integer product, among the packages installed anyway, that runs at memory speed
    on all cores; NumPy's takes ten times as long. Integer products are exact.
    """
    try:
        import tensorflow as tf
    except ModuleNotFoundError:
        return None

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def multiply(rows: Any, probe: Any) -> Any:
        return tf.linalg.matmul(rows, probe, output_type=tf.int32)

    def of(rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        with tf.device("CPU"):
            kept = tf.constant(rows)

        def product(probe: np.ndarray) -> np.ndarray:
            with tf.device("CPU"):
                return np.asarray(multiply(kept, tf.constant(probe[:, None])))[:, 0]

        return product

    return of
