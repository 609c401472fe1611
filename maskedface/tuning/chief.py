"""The chief of several workers: it draws the trials, they run them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def is_chief() -> bool:
    """Whether this process is to serve trials, by Keras Tuner's own rule: KERASTUNER_ORACLE_IP is set
    and KERASTUNER_TUNER_ID says "chief"."""
    name = os.environ.get("KERASTUNER_TUNER_ID", "")
    return "KERASTUNER_ORACLE_IP" in os.environ and "chief" in name


def worker_name() -> str:
    """The name by which Keras Tuner's chief knows this process; "" where it is no worker."""
    named = "KERASTUNER_ORACLE_IP" in os.environ and not is_chief()
    return os.environ.get("KERASTUNER_TUNER_ID", "") if named else ""


def serve(oracle: Any, timeout: float, on_change: Callable[[], None]) -> bool:
    """Serves trials until all are done, or until no worker has spoken for a while.

    Keras Tuner's own loop waits for ever for a worker that died.

    Args:
        oracle: from `tuning.oracles.make_oracle`.
        timeout: float, seconds of silence after which it ends. Workers speak at the start and end of
            each trial and after each epoch.
        on_change: called when a trial has ended.

    Returns:
        Whether all workers were told that the search is over and none was left with a trial.

    Raises:
        OSError: if the address cannot be listened on.
    """
    import grpc
    from keras_tuner.src import protos
    from keras_tuner.src.distribute.oracle_chief import OracleServicer

    address = f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"
    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    servicer = OracleServicer(oracle)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(
            f"the chief must be able to listen. Received: {address!r}, {error}"
        ) from error
    server.start()
    oracle.heard, ended = time.monotonic(), len(oracle.end_order)
    finished = False
    while not finished and time.monotonic() - oracle.heard < timeout:
        time.sleep(0.2)
        finished = servicer.stop_triggered and not oracle.ongoing_trials and not oracle.tuner_ids
        if len(oracle.end_order) > ended:
            ended = len(oracle.end_order)
            on_change()
    server.stop(grace=2).wait()
    return finished
