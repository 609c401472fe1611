"""Keras Tuner's four search algorithms, configured for a recipe."""

from __future__ import annotations

from typing import Literal, get_args

import keras_tuner

from maskedface.tuning._keras_tuner_fixes import (
    BayesianOracle,
    GridOracle,
    HyperbandOracle,
    RandomOracle,
)
from maskedface.tuning.hypermodel import OBJECTIVE

Algorithm = Literal["random", "bayesian", "hyperband", "grid"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)


def make_oracle(algorithm: Algorithm, *, trials: int, epochs: int, seed: int) -> keras_tuner.Oracle:
    """Creates the search algorithm.

    Args:
        algorithm: "random", "bayesian", "hyperband" or "grid".
        trials: int >= 1, the maximum number of trials; a small grid has fewer.
        epochs: int >= 1, the number of epochs of Hyperband's longest trials.
        seed: int >= 0, the random seed.

    Returns:
        A `keras_tuner.Oracle` that maximizes `OBJECTIVE`; failed trials never end its search.
    """
    common = {
        "objective": OBJECTIVE,
        "seed": seed + 1,  # 0 would draw one from the clock
        "max_consecutive_failed_trials": trials + 1,
    }
    oracle: keras_tuner.Oracle
    if algorithm == "hyperband":
        oracle = HyperbandOracle(max_epochs=epochs, hyperband_iterations=None, **common)
        oracle.max_trials = trials  # it has no such argument
    elif algorithm == "bayesian":
        # Keras Tuner draws three random trials a field before it learns: more than most searches have.
        first = max(5, trials // 3)
        oracle = BayesianOracle(max_trials=trials, num_initial_points=first, **common)
    else:
        kind = RandomOracle if algorithm == "random" else GridOracle
        oracle = kind(max_trials=trials, **common)
    oracle.verbose = 0
    return oracle
