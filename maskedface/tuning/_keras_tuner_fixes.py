"""Fixes for bugs of Keras Tuner (1.4.7, 1.4.8) that affect searches.

`tests/tuning/test_keras_tuner_fixes.py` reproduces each bug in plain Keras Tuner. Once a newer
version fixes one, its test fails and the fix here can be removed. Issues:
github.com/keras-team/keras-tuner/issues.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras_tuner
from keras_tuner import oracles
from keras_tuner.engine import base_tuner
from keras_tuner.src.distribute.utils import has_chief_oracle, is_chief_oracle

from maskedface.atomic_file import write_text


class WholeFileTuner(base_tuner.BaseTuner):
    """A tuner that writes its file atomically; see `_Fixed.save`."""

    def save(self) -> None:
        if not self._is_worker():
            self.oracle.save()
        write_text(self._get_tuner_fname(), json.dumps(self.get_state()))


class _Fixed(keras_tuner.Oracle):
    """Fixes for all oracles."""

    trials: dict[str, Any]

    def save(self) -> None:
        # Keras Tuner writes its files in place (no issue known): after a kill in the middle none can be
        # read, and every trial is lost.
        write_text(self._get_oracle_fname(), json.dumps(self.get_state()))

    def _save_trial(self, trial: Any) -> None:
        path = f"{self._get_trial_dir(trial.trial_id)}/trial.json"
        write_text(path, json.dumps(trial.get_state()))

    def reload(self) -> None:
        # It writes a trial's file, then its own, and reads every trial's file that is there (like issue
        # 987): a trial between whose two files it was killed would count as run, and never be.
        super().reload()
        known = {*self.start_order, *self.end_order}
        self.trials = {name: trial for name, trial in self.trials.items() if name in known}

    def _random_values(self) -> dict[str, Any] | None:
        # Issue 604: only its grid begins with the defaults, here the recipe's own values. Without, a
        # search could end with a recipe that is worse than the one it was given.
        if self.start_order:
            drawn: dict[str, Any] | None = super()._random_values()
            return drawn
        first = self.get_space()
        return {hp.name: hp.default for hp in first.space if first.is_active(hp)}


class RandomOracle(_Fixed, oracles.RandomSearchOracle):
    """Random search."""


class HyperbandOracle(_Fixed, oracles.HyperbandOracle):
    """Hyperband (Li et al. 2018): many trials with few epochs, of which the best continue."""


class BayesianOracle(_Fixed, oracles.BayesianOptimizationOracle):
    """Bayesian optimization with a Gaussian process."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        with warnings.catch_warnings():
            # scikit-learn's, of a kernel fitted to few trials: a page of them, and nothing to be done.
            warnings.simplefilter("ignore")
            found: dict[str, Any] = super().populate_space(trial_id)
        # Issues 608 and 237: it proposes what was tried where it is sure, also when there is nothing else
        # left. Without, the rest of the trials would be one and the same.
        if found["values"] is not None and self._duplicate(found["values"]):
            found = self._random_populate_space()
        return found


class GridOracle(_Fixed, oracles.GridSearchOracle):
    """Grid search."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        # Issue 1055: its place in the grid is in no file. Without, a search that goes on in another process
        # ends at once, or with a KeyError. Our space is known from the start, so that the next combination
        # follows from the last trial.
        if not self.start_order:
            return {"status": "RUNNING", "values": self._random_values()}
        last = self.trials[self.start_order[-1]].hyperparameters.values
        values = self._get_next_combination(last)
        if values is not None:
            return {"status": "RUNNING", "values": values}
        return {"status": "IDLE" if self.ongoing_trials else "STOPPED", "values": None}


def worker_name() -> str:
    """The name of this process for Keras Tuner's chief; "" if it is not a worker."""
    is_worker = has_chief_oracle() and not is_chief_oracle()
    return os.environ["KERASTUNER_TUNER_ID"] if is_worker else ""


def serve(oracle: Any, timeout: float, on_change: Callable[[], None]) -> bool:
    """Serves trials to workers until all are done, or until no worker has reported for some time.

    Issues 915 and 344: Keras Tuner's `start_server` waits forever for a dead worker.

    Args:
        oracle: an oracle of this module.
        timeout: float, seconds without a report after which it stops. Workers report at the start
            and end of each trial and after each epoch.
        on_change: called when a trial has ended.

    Returns:
        Whether all workers were notified of the end of the search and none has an unfinished trial.

    Raises:
        OSError: if the address cannot be listened on.
    """
    # Keras Tuner, too, imports these only where there are several processes.
    import grpc
    from keras_tuner.src import protos
    from keras_tuner.src.distribute.oracle_chief import OracleServicer, exit_chief

    class Listening(grpc.ServerInterceptor):
        heard = time.monotonic()

        def intercept_service(self, continuation: Any, call: Any) -> Any:
            self.heard = time.monotonic()
            return continuation(call)

    address = f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"
    listening, servicer = Listening(), OracleServicer(oracle)
    server = grpc.server(ThreadPoolExecutor(max_workers=1), interceptors=[listening])
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(
            f"the chief must be able to listen on its address. Received: {address!r}, {error}"
        ) from error
    server.start()
    finished, ended = False, len(oracle.end_order)
    while not finished and time.monotonic() - listening.heard < timeout:
        time.sleep(0.2)
        finished = servicer.stop_triggered and exit_chief(oracle)
        if len(oracle.end_order) > ended:
            ended = len(oracle.end_order)
            on_change()
    server.stop(grace=2).wait()
    return finished


@contextlib.contextmanager
def patient(client: Any, timeout: float) -> Iterator[None]:
    """Sets a worker client's timeout for its chief, and a pause between polls.

    Keras Tuner always waits for an hour (issue 990), and polls without a pause if there is nothing
    to do until other trials end (no known issue), which sends thousands of requests per second to
    the chief.

    Args:
        client: a `keras_tuner` OracleClient.
        timeout: float, seconds.

    Raises:
        OSError: if the chief does not answer.
    """
    import grpc
    from keras_tuner.src.distribute import oracle_client

    def create_trial(tuner_id: str) -> Any:
        trial = create(tuner_id)
        if trial.status == "IDLE":
            time.sleep(1)
        return trial

    create, before = client.create_trial, oracle_client.TIMEOUT
    client.create_trial, oracle_client.TIMEOUT = create_trial, timeout
    try:
        yield
    except grpc.RpcError as error:
        raise OSError(f"the chief must answer in {timeout:g} s. Received: {error}") from error
    finally:
        client.create_trial, oracle_client.TIMEOUT = create, before
