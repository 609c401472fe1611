"""Keras Tuner's four algorithms, with what they lose or get wrong put right."""

from __future__ import annotations

import json
import time
import warnings
from typing import Any, Literal, get_args

import keras_tuner
from keras_tuner import oracles

from maskedface.tuning.hypermodel import OBJECTIVE
from maskedface.whole_file import write_text

Algorithm = Literal["random", "bayesian", "hyperband", "grid"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)


class _Kept(keras_tuner.Oracle):
    """Mixed into an oracle: files are replaced whole, the recipe's own values come first, and a trial
    that a killed process had not begun is forgotten."""

    trials: dict[str, Any]
    heard = 0.0  # when a worker last spoke, in seconds of time.monotonic

    def save(self) -> None:
        # Keras Tuner writes in place: a kill in the middle loses every trial.
        write_text(self._get_oracle_fname(), json.dumps(self.get_state()))

    def _save_trial(self, trial: Any) -> None:
        path = f"{self._get_trial_dir(trial.trial_id)}/trial.json"
        write_text(path, json.dumps(trial.get_state()))

    def reload(self) -> None:
        super().reload()
        # A trial's file is written before the oracle's: killed in between, the oracle does not
        # know it, and would wait for it for ever.
        known = {*self.start_order, *self.end_order}
        self.trials = {name: trial for name, trial in self.trials.items() if name in known}

    def _random_values(self) -> dict[str, Any] | None:
        if self.start_order:
            drawn: dict[str, Any] | None = super()._random_values()
            return drawn
        first = self.get_space()
        first.values = {}
        for field in first.space:
            if first.is_active(field):
                first.values[field.name] = field.default  # the recipe's own
        return dict(first.values)

    def create_trial(self, tuner_id: str) -> Any:
        self.heard = time.monotonic()
        return super().create_trial(tuner_id)

    def get_trial(self, trial_id: str) -> Any:
        self.heard = time.monotonic()
        return super().get_trial(trial_id)

    def end_trial(self, trial: Any) -> None:
        self.heard = time.monotonic()
        # A worker's values come back rounded to 32 bits, which the grid would not find again.
        trial.hyperparameters = self.trials[trial.trial_id].hyperparameters
        super().end_trial(trial)


class RandomOracle(_Kept, oracles.RandomSearchOracle):
    """Random search."""


class HyperbandOracle(_Kept, oracles.HyperbandOracle):
    """Hyperband (Li et al. 2018): many trials of few epochs, the best of them go on."""


class BayesianOracle(_Kept, oracles.BayesianOptimizationOracle):
    """Bayesian optimization with a Gaussian process."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        with warnings.catch_warnings():
            # Of the kernel's fit, with few trials: its values are good enough to go on.
            warnings.simplefilter("ignore")
            found: dict[str, Any] = super().populate_space(trial_id)
        if found["values"] is not None and self._duplicate(found["values"]):
            found = self._random_populate_space()  # it proposes the same again where it is sure
        return found


class GridOracle(_Kept, oracles.GridSearchOracle):
    """Grid search that goes on where it was killed: the next combination follows from the last trial,
    since the space is known from the start (Keras Tuner's own keeps its place in memory alone)."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if not self.start_order:
            return {"status": "RUNNING", "values": self._random_values()}
        values = self._get_next_combination(
            self.trials[self.start_order[-1]].hyperparameters.values
        )
        if values is not None:
            return {"status": "RUNNING", "values": values}
        return {"status": "IDLE" if self.ongoing_trials else "STOPPED", "values": None}


def make_oracle(algorithm: Algorithm, *, trials: int, epochs: int, seed: int) -> keras_tuner.Oracle:
    """Makes the algorithm that draws the trials.

    Args:
        algorithm: "random", "bayesian", "hyperband" or "grid".
        trials: int >= 1, at most so many; a small grid ends before.
        epochs: int >= 1, of Hyperband's longest trials.
        seed: int >= 0, of the drawing.

    Returns:
        A `keras_tuner.Oracle` that maximises `OBJECTIVE`; no number of failures ends its search.

    Raises:
        ValueError: if there is no such algorithm, or `trials` is below 1.
    """
    if algorithm not in ALGORITHMS or trials < 1:
        raise ValueError(
            f"algorithm must be one of {ALGORITHMS}, trials at least 1. "
            f"Received: algorithm={algorithm!r}, trials={trials}"
        )
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
