"""Each fault of Keras Tuner that is worked around, in plain Keras Tuner and with the fix beside it.

A test that fails here in its half "plain" says that Keras Tuner has mended the fault: the fix can go.
"""

from __future__ import annotations

import importlib
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras_tuner
import pytest
from keras_tuner import oracles
from keras_tuner.src.distribute import oracle_chief, oracle_client
from sklearn.exceptions import ConvergenceWarning

from maskedface.tuning import _keras_tuner_fixes as fixes
from maskedface.tuning.hypermodel import OBJECTIVE

RATE = 0.06670172838379133  # no number of 32 bits


def oracle(kind: Any, folder: Path, choices: tuple[int, ...] = (3, 1, 2), **words: Any) -> Any:
    """An oracle over one choice, whose default is 1."""
    space = keras_tuner.HyperParameters()
    space.Choice("choice", list(choices), default=1)
    made = kind(objective=OBJECTIVE, hyperparameters=space, seed=1, **words)
    made.max_trials, made.verbose = 9, 0
    made._set_project_dir(str(folder), "search")
    return made


def run_trial(oracle: Any, score: float = 0.5) -> Any:
    """Runs a trial.

    Returns:
        The choice, or the status where there is nothing to run.
    """
    trial = oracle.create_trial("tuner")
    if trial.status != "RUNNING":
        return trial.status
    oracle.update_trial(trial.trial_id, {OBJECTIVE.name: score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    return trial.hyperparameters.values["choice"]


def file_numbers(folder: Path) -> list[int]:
    return [
        os.stat(folder / "search" / name).st_ino for name in ("oracle.json", "trial_0/trial.json")
    ]


@pytest.mark.parametrize(
    ("kind", "is_replaced"),
    [(oracles.RandomSearchOracle, False), (fixes.RandomOracle, True)],
    ids=["plain", "fixed"],
)
def test_files_are_replaced_and_not_written_in_place(
    tmp_path: Path, kind: Any, is_replaced: bool
) -> None:
    made = oracle(kind, tmp_path)
    run_trial(made)
    before = file_numbers(tmp_path)
    made.save()
    made._save_trial(made.trials["0"])
    assert [a != b for a, b in zip(before, file_numbers(tmp_path), strict=True)] == [
        is_replaced
    ] * 2


@pytest.mark.parametrize(
    ("kind", "counted"),
    [(oracles.RandomSearchOracle, 2), (fixes.RandomOracle, 1)],
    ids=["plain", "fixed"],
)
def test_a_trial_that_the_oracles_file_does_not_know_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any, counted: int
) -> None:
    made = oracle(kind, tmp_path)
    run_trial(made)

    def killed() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(made, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        made.create_trial("tuner")
    again = oracle(kind, tmp_path)
    # A thread that was killed took its lock with it; this one lives, and would wait for itself.
    importlib.import_module("keras_tuner.src.engine.oracle").THREADS.clear()
    again.reload()
    assert len(again.trials) == counted and len(again.start_order) == 1


@pytest.mark.parametrize(
    ("plain", "fixed"),
    [
        (oracles.RandomSearchOracle, fixes.RandomOracle),
        (oracles.BayesianOptimizationOracle, fixes.BayesianOracle),
        (oracles.HyperbandOracle, fixes.HyperbandOracle),
    ],
)
def test_the_defaults_are_the_first_trial(tmp_path: Path, plain: Any, fixed: Any) -> None:
    assert run_trial(oracle(plain, tmp_path / "plain")) == 3
    assert run_trial(oracle(fixed, tmp_path / "fixed")) == 1


@pytest.mark.parametrize(
    ("kind", "proposed"),
    [(oracles.BayesianOptimizationOracle, {1, 2}), (fixes.BayesianOracle, {"STOPPED"})],
    ids=["plain", "fixed"],
)
def test_what_was_tried_is_not_proposed_again_nor_warned_of(
    tmp_path: Path, kind: Any, proposed: set[Any]
) -> None:
    made = oracle(kind, tmp_path, (1, 2), num_initial_points=2)
    assert {run_trial(made), run_trial(made, 0.6)} == {1, 2}
    is_plain = kind is oracles.BayesianOptimizationOracle
    with pytest.warns(ConvergenceWarning) if is_plain else nullcontext():
        assert {run_trial(made), run_trial(made)} <= proposed


@pytest.mark.parametrize(
    ("kind", "rest"),
    [(oracles.GridSearchOracle, ["STOPPED"]), (fixes.GridOracle, [2, "STOPPED"])],
    ids=["plain", "fixed"],
)
def test_a_grid_goes_on_in_another_process(tmp_path: Path, kind: Any, rest: list[Any]) -> None:
    made = oracle(kind, tmp_path)
    assert [run_trial(made), run_trial(made)] == [1, 3]
    made.save()
    again = oracle(kind, tmp_path)
    again.reload()
    assert [run_trial(again) for _ in rest] == rest


def test_plain_keras_tuners_chief_waits_for_ever_for_a_dead_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`test_workers.py` has ours, which ends."""
    made = oracle(oracles.RandomSearchOracle, tmp_path)
    made.max_trials = 1
    made.create_trial("worker-0")  # and is never heard of again
    assert made.create_trial("worker-1").status == "STOPPED"
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 1000:
            raise TimeoutError

    class Told(oracle_chief.OracleServicer):  # type: ignore[misc]
        def __init__(self, oracle: Any) -> None:
            super().__init__(oracle)
            self.stop_triggered = True

    monkeypatch.setattr(oracle_chief, "OracleServicer", Told)
    monkeypatch.setattr(oracle_chief.time, "sleep", sleep)
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "0")
    with pytest.raises(TimeoutError):
        oracle_chief.start_server(made)
    assert sum(waits) > 3600


class Client:
    """A chief that has nothing to do, then ends."""

    def __init__(self) -> None:
        self.statuses = ["IDLE", "IDLE", "STOPPED"]

    def create_trial(self, tuner_id: str) -> Any:
        return keras_tuner.engine.trial.Trial(
            keras_tuner.HyperParameters(), status=self.statuses.pop(0)
        )


def test_an_idle_worker_asks_once_a_second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slept: list[float] = []
    monkeypatch.setattr(fixes.time, "sleep", slept.append)
    tuner = fixes.WholeFileTuner(
        oracle(oracles.RandomSearchOracle, tmp_path), directory=tmp_path, project_name="search"
    )
    tuner.oracle = Client()
    tuner.search()
    assert not slept  # plain: at once
    tuner.oracle = Client()
    before = oracle_client.TIMEOUT
    with fixes.patient(tuner.oracle, 5):
        assert oracle_client.TIMEOUT == 5
        tuner.search()
    assert slept == [1, 1] and oracle_client.TIMEOUT == before == 3600


def test_values_come_back_from_another_process_as_they_were() -> None:
    """No fault, but once it was taken for one."""
    space = keras_tuner.HyperParameters()
    space.values = {"rate": RATE, "choice": 1e-4, "count": 3, "hidden": "[8]"}
    assert keras_tuner.HyperParameters.from_proto(space.to_proto()).values == space.values
