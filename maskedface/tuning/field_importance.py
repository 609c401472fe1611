"""The importance of the searched fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LEAST_TRIALS = 10  # with fewer, a forest explains anything
_TREES, _REPEATS = 100, 10  # shares move by about .01 from seed to seed


def importance(space: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The share of the scores' variance that each field explains.

    A random forest predicts the score from the values; a field's importance is the decrease of R^2
    when its values are shuffled among the trials (permutation importance, Breiman 2001), scaled so
    that all importances sum to 1. It only describes the trials of this search: with few trials, the
    effects of fields that varied together cannot be separated.

    Args:
        space: the searched fields.
        trials: records of trials (`tuning.search_folder.Record`); failed ones are left out.

    Returns:
        {field: share in [0, 1]}, the highest first; {} if fewer than `LEAST_TRIALS` trials ended or
        no variance is explained.
    """
    # scikit-learn takes a while to import.
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    ended = [record for record in trials if record["status"] != "failed"]
    if len(ended) < LEAST_TRIALS:
        return {}
    columns = np.stack([_column(field, ended) for field in space], axis=1)
    scores = np.array([record["score"] for record in ended])
    forest = RandomForestRegressor(_TREES, random_state=0).fit(columns, scores)
    found = permutation_importance(forest, columns, scores, n_repeats=_REPEATS, random_state=0)
    lost = np.maximum(found.importances_mean, 0)
    if not lost.sum() > 0:
        return {}
    shares = lost / lost.sum()
    order = np.argsort(-shares)
    return {list(space)[place]: float(shares[place]) for place in order}


def _column(field: str, trials: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """A field's values as ranks; inactive values get a separate lowest rank."""
    values = [record["values"].get(field) for record in trials]
    known = sorted({value for value in values if value is not None})
    rank = {value: number for number, value in enumerate(known)}
    return np.array([rank.get(value, -1) for value in values])
