"""Verification metrics (1:1) on genuine and impostor pairs: ROC, EER, TAR at FAR, k-fold
accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import roc_curve

from maskedface.evaluation.pair_bootstrap import DRAWS, pair_intervals
from maskedface.evaluation.scoring import threshold_at
from maskedface.reprs import Report


def roc(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The receiver operating characteristic (scikit-learn's `roc_curve`, every step kept).

    Args:
        scores: float array, shape (pairs,), higher means more similar.
        same: bool array, shape (pairs,): whether both faces are of the same person.

    Returns:
        (FAR, TAR, thresholds), float64 arrays of equal length, FAR ascending from 0 to 1: FAR is
        the share of impostor pairs, TAR of genuine pairs, with a score >= the threshold.

    Raises:
        ValueError: if there are no genuine or no impostor pairs, or the shapes differ.
    """
    scores, same = _checked(scores, same)
    far, tar, thresholds = roc_curve(same, scores, drop_intermediate=False)
    return far, tar, thresholds


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> tuple[float, float]:
    """The equal error rate, at which FAR = 1 - TAR.

    Args:
        scores: float array, shape (pairs,), higher means more similar; see `cosine_scores`.
        same: bool array, shape (pairs,): whether both faces are of the same person.

    Returns:
        (rate in [0, 1], threshold), floats, interpolated between the two steps of the ROC around it.

    Raises:
        ValueError: if there are no genuine or no impostor pairs, or the shapes differ.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> scores, same = np.array([0.9, 0.4, 0.6, 0.1]), np.array([True, True, False, False])
    >>> rate, threshold = evaluation.equal_error_rate(scores, same)
    >>> rate
    0.5
    """
    far, tar, thresholds = roc(scores, same)
    gap = far - (1 - tar)  # ascends from -1 to 1
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    rate = far[after - 1] + share * (far[after] - far[after - 1])
    before = thresholds[after - 1] if after > 1 else thresholds[after]  # the first one is infinite
    return float(rate), float(before + share * (thresholds[after] - before))


def tar_at_far(scores: np.ndarray, same: np.ndarray, far: float) -> tuple[float, float]:
    """The true accept rate at a false accept rate of at most `far`.

    Args:
        scores, same: as for `equal_error_rate`.
        far: float in [1 / impostors, 1], false accept rate.

    Returns:
        (TAR in [0, 1], threshold), floats.

    Raises:
        ValueError: if there are too few impostor pairs for this rate, or as `equal_error_rate`.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> scores = np.array([0.9, 0.5, 0.7, 0.1, 0.2, 0.3])
    >>> same = np.array([True, True, False, False, False, False])
    >>> tar, threshold = evaluation.tar_at_far(scores, same, far=0.25)
    >>> tar  # one of four impostors may pass
    1.0
    """
    scores, same = _checked(scores, same)
    threshold = threshold_at(scores[~same], far)
    return float((scores[same] >= np.float32(threshold)).mean()), threshold


def fold_accuracies(
    scores: np.ndarray, same: np.ndarray, folds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy as defined by LFW: each fold is evaluated at the best threshold of the others.

    (Huang et al. 2007, "Labeled Faces in the Wild", section IV, View 2.) Of several equally
    good thresholds the middle one is used.

    Args:
        scores, same: as for `roc`.
        folds: int array, shape (pairs,), fold numbers with at least two different values; LFW has
            ten.

    Returns:
        (float64 accuracies in [0, 1], one per fold in ascending order; bool array, shape (pairs,),
        whether each pair was classified correctly).

    Raises:
        ValueError: if there are fewer than two folds, the pairs outside a fold are all genuine or
            all impostor pairs, or as `roc`.
    """
    scores, same = _checked(scores, same)
    numbers = np.unique(folds)
    if len(folds) != len(scores) or len(numbers) < 2:
        raise ValueError(
            "folds must have one value per pair, and at least two different values. "
            f"Received: {len(folds)} for {len(scores)} pairs, {len(numbers)} different"
        )
    right = np.empty(len(scores), bool)
    for fold in numbers:
        held_out = np.asarray(folds) == fold
        threshold = _best_threshold(scores[~held_out], same[~held_out])
        right[held_out] = (scores[held_out] >= threshold) == same[held_out]
    return np.array([right[folds == fold].mean() for fold in numbers]), right


def verification_report(
    scores: np.ndarray,
    same: np.ndarray,
    people: tuple[Sequence[str], Sequence[str]],
    *,
    fars: Sequence[float] = (1e-1, 1e-2, 1e-3),
    folds: np.ndarray | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """Scores a list of pairs. Intervals are 95 % bootstrap intervals over people.

    Args:
        scores, same: as for `equal_error_rate`.
        people: the people of the pairs' first and second faces, one string per pair each.
        fars: floats in (0, 1], the false accept rates to report; those below 1 / impostors are
            listed in "refused".
        folds: int array, shape (pairs,), for LFW's accuracy (`fold_accuracies`); None omits it.
        draws: int >= 1, bootstrap resamples; thresholds are chosen in each.
        seed: int, random seed of the bootstrap.

    Returns:
        {"genuine", "impostors", "people": int; "eer": {"value", "low", "high", "threshold"};
        "tar_at_far": {far: the same}; "refused": [far, ...]; and with folds "accuracy": {"value",
        "low", "high", "standard_error", "folds"}, LFW's mean and standard error of the mean}.

    Raises:
        ValueError: if the shapes differ, or there are no genuine or no impostor pairs.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> scores, same = np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, True, False, False])
    >>> people = ["ada", "bo", "ada", "bo"], ["ada", "bo", "bo", "ada"]
    >>> report = evaluation.verification_report(scores, same, people, fars=(0.5, 0.01), draws=100)
    >>> report["eer"]["value"], report["tar_at_far"][0.5]["value"], report["refused"]
    (0.0, 1.0, [0.01])
    """
    scores, same = _checked(scores, same)
    lowest = 1 / np.count_nonzero(~same)
    told = sorted({far for far in fars if far >= lowest}, reverse=True)
    ordered = _Ordered(scores, same)
    first, second = (np.asarray(names, object)[ordered.order] for names in people)
    bounds = pair_intervals(
        lambda weights: ordered.figures(weights, told), first, second, draws=draws, seed=seed
    )
    values = [equal_error_rate(scores, same), *(tar_at_far(scores, same, far) for far in told)]
    eer, *tars = (
        {"value": value, **interval, "threshold": threshold}
        for (value, threshold), interval in zip(values, bounds, strict=True)
    )
    report: dict[str, Any] = {
        "genuine": int(same.sum()),
        "impostors": int((~same).sum()),
        "people": len({*people[0], *people[1]}),
        "eer": eer,
        "tar_at_far": dict(zip(told, tars, strict=True)),
        "refused": sorted({*fars} - {*told}, reverse=True),
    }
    if folds is not None:
        report["accuracy"] = _fold_report(scores, same, folds, people, draws, seed)
    return Report(report)


def tar_difference(
    scores: np.ndarray,
    baseline: np.ndarray,
    same: np.ndarray,
    people: tuple[Sequence[str], Sequence[str]],
    *,
    far: float,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, float]:
    """The difference in TAR between two recognizers on the same pairs at the same FAR.

    Args:
        scores, baseline: float arrays, shape (pairs,), of the two recognizers, in the same order of
            pairs.
        same, people: as for `verification_report`.
        far: float in [1 / impostors, 1]; each recognizer has its own threshold for it.
        draws, seed: as for `verification_report`; both use the same resamples.

    Returns:
        {"difference": TAR minus the baseline's, "low": 2.5 %, "high": 97.5 %}, a bootstrap interval
        over people. The difference is significant if the interval excludes 0.

    Raises:
        ValueError: as `tar_at_far`, or if the shapes differ.
    """
    tars = [tar_at_far(one, same, far)[0] for one in (scores, baseline)]
    ordered = [_Ordered(*_checked(one, same)) for one in (scores, baseline)]

    def difference(weights: np.ndarray) -> np.ndarray:
        ours, theirs = (one.figures(weights[one.order], [far])[1:] for one in ordered)
        return np.asarray(ours - theirs)

    (interval,) = pair_intervals(difference, *people, draws=draws, seed=seed)
    return {"difference": tars[0] - tars[1], **interval}


def _fold_report(
    scores: np.ndarray,
    same: np.ndarray,
    folds: np.ndarray,
    people: tuple[Sequence[str], Sequence[str]],
    draws: int,
    seed: int,
) -> dict[str, Any]:
    accuracies, right = fold_accuracies(scores, same, folds)

    def accuracy(weights: np.ndarray) -> np.ndarray:
        return np.array([weights @ right / weights.sum() if weights.any() else np.nan])

    (interval,) = pair_intervals(accuracy, *people, draws=draws, seed=seed)
    return {
        "value": float(accuracies.mean()),
        **interval,
        "standard_error": float(accuracies.std(ddof=1) / np.sqrt(len(accuracies))),
        "folds": len(accuracies),
    }


class _Ordered:
    """Pairs sorted by descending score, impostors first, so that a bootstrap draw needs two sums
    and no sorting. Equivalent to `roc_curve(sample_weight=...)`."""

    def __init__(self, scores: np.ndarray, same: np.ndarray) -> None:
        impostor, genuine = (
            np.flatnonzero(kind)[np.argsort(-scores[kind], kind="stable")] for kind in (~same, same)
        )
        self.order = np.concatenate([impostor, genuine])
        self._impostors = len(impostor)
        # Number of impostors at or above each genuine score, and of genuine pairs above each
        # impostor.
        self._accepted = np.searchsorted(-scores[impostor], -scores[genuine], "right")
        self._above = np.searchsorted(-scores[genuine], -scores[impostor], "left")

    def figures(self, weights: np.ndarray, fars: Sequence[float]) -> np.ndarray:
        """EER and TAR at each FAR, for pair weights in `order`."""
        impostors = np.cumsum(weights[: self._impostors], dtype="float64")
        genuine = np.cumsum(weights[self._impostors :], dtype="float64")
        if not impostors[-1] or not genuine[-1]:
            return np.full(1 + len(fars), np.nan)
        far = np.concatenate([[0], impostors])[self._accepted] / impostors[-1]
        missed = 1 - genuine / genuine[-1]
        crossing = int(np.argmax(far >= missed))
        figures = [(far[crossing] + missed[crossing]) / 2]
        for rate in fars:
            # The first impostor that exceeds the rate: higher scores are accepted.
            refused = np.searchsorted(impostors, rate * impostors[-1] * (1 + 1e-9), "right")
            above = self._above[refused] if refused < len(impostors) else len(genuine)
            figures.append(genuine[above - 1] / genuine[-1] if above else 0.0)
        return np.array(figures)


def _best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    far, tar, thresholds = roc(scores, same)
    genuine = same.mean()
    accuracy = tar * genuine + (1 - far) * (1 - genuine)
    best = np.flatnonzero(accuracy >= accuracy.max() - 1e-12)
    chosen = int(best[len(best) // 2])
    if chosen == 0:
        return float("inf")
    # Half-way to the next lower score, so that it does not depend on a single pair.
    below = thresholds[chosen + 1] if chosen + 1 < len(thresholds) else thresholds[chosen]
    return float((thresholds[chosen] + below) / 2)


def _checked(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores, same = np.asarray(scores, "float32"), np.asarray(same, bool)
    if scores.shape != same.shape or scores.ndim != 1 or same.all() or not same.any():
        raise ValueError(
            "scores and same must have shape (pairs,), with genuine and impostor pairs. "
            f"Received: {scores.shape} and {same.shape}, {int(same.sum())} genuine"
        )
    return scores, same
