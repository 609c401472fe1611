"""A chief and its workers, by Keras Tuner's own environment variables."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maskedface import tuning
from maskedface.datasets import FaceIndex
from maskedface.tuning import Search
from tests.tuning.fake_training import RECIPE, SPACE, fake_training

PATIENCE = 600.0  # seconds until a test gives up: a busy machine is slow


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def waited(condition: Callable[[], bool], processes: list[subprocess.Popen[bytes]]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end and not any(process.poll() for process in processes)
        time.sleep(0.05)


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def ongoing(folder: Path) -> dict[str, str]:
    if not (folder / "oracle.json").exists():
        return {}
    found: dict[str, str] = json.loads((folder / "oracle.json").read_text())["ongoing_trials"]
    return found


# Three processes search, a minute.
@pytest.mark.slow
def test_a_killed_worker_comes_back_to_its_trial(
    drawn: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    started: list[subprocess.Popen[bytes]],
) -> None:
    folder, port = tmp_path / "s", free_port()
    (tmp_path / "recipe.json").write_text(
        json.dumps({**json.loads(RECIPE.override(epochs=5).to_json()), "space": SPACE})
    )
    words = ["tune", "--data", drawn.root, "--alignment", "arcface"]
    words += ["--recipe", str(tmp_path / "recipe.json")]
    words += ["--backbone", str(tiny_backbone), "--search", str(folder), "--algorithm", "random"]
    words += ["--trials", "4", "--keep-hopeless", "--timeout", "120"]
    words += ["--cache", str(tmp_path / "cache")]

    def start(name: str) -> subprocess.Popen[bytes]:
        variables = {
            "KERASTUNER_TUNER_ID": name,
            "KERASTUNER_ORACLE_IP": "127.0.0.1",
            "KERASTUNER_ORACLE_PORT": port,
        }
        command = [sys.executable, "-m", "maskedface", *words]
        process = subprocess.Popen(command, env={**os.environ, **variables})
        started.append(process)
        return process

    chief, worker, _ = start("chief"), start("worker-0"), start("worker-1")
    waited(lambda: "worker-0" in ongoing(folder), started)
    trial = ongoing(folder)["worker-0"]
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    started.remove(worker)
    assert ongoing(folder).get("worker-0") == trial  # nobody else gets it
    again = start("worker-0")
    assert [process.wait(PATIENCE) for process in (again, *started)] == [0] * 4
    assert chief.returncode == 0
    done = Search(str(folder)).trials
    assert [record["trial"] for record in done] == ["0", "1", "2", "3"]
    assert {record["status"] for record in done} == {"completed"}
    assert (folder / "best.json").exists()
    # One feature store for all: the training and the held-out faces, each computed once.
    assert len(list((tmp_path / "cache").glob("features-*.npy"))) == 2


# It waits for a time-out.
@pytest.mark.long
def test_a_chief_ends_by_its_time_out_and_keeps_what_is_done(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = fake_training(monkeypatch, lambda recipe: 0.5)
    for name, value in (("TUNER_ID", "chief"), ("ORACLE_IP", "127.0.0.1")):
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", free_port())

    def worker() -> None:
        """Ends a trial, takes another and is never heard of again."""
        from keras_tuner.src.distribute.oracle_client import OracleClient

        client = OracleClient(None)
        trial = client.create_trial("worker")
        client.update_trial(trial.trial_id, {"val_accuracy": 0.5})
        record = {"trial": "0", "values": {}, "status": "completed", "score": 0.5, "loss": 1.0}
        record |= {"seconds": 1.0}
        (tmp_path / "s" / "trial_0" / "record.json").write_text(json.dumps(record))
        trial.status = "COMPLETED"
        client.end_trial(trial)
        client.create_trial("worker")

    def searched(trials: int) -> Search:
        return tuning.search(
            RECIPE,
            drawn,
            space=SPACE,
            search_dir=tmp_path / "s",
            backbone=str(tiny_backbone),
            algorithm="random",
            trials=trials,
            timeout=3,
            progress=False,
        )

    thread = threading.Thread(target=worker)
    thread.start()
    found = searched(3)
    thread.join()
    assert [record["trial"] for record in found.trials] == ["0"]
    assert (tmp_path / "s" / "best.json").exists()
    # The same search goes on, here without workers; the lost trial is the next.
    for name in ("TUNER_ID", "ORACLE_IP", "ORACLE_PORT"):
        monkeypatch.delenv(f"KERASTUNER_{name}")
    assert [record["trial"] for record in searched(3).trials] == ["0", "1", "2"]
    assert len(fits) == 2


def test_a_worker_without_a_chief_ends_by_the_time_out(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training(monkeypatch, lambda recipe: 0.5)
    for name, value in (("TUNER_ID", "worker"), ("ORACLE_IP", "127.0.0.1")):
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", free_port())
    with pytest.raises(OSError, match="the chief must answer in 1 s"):
        tuning.search(
            RECIPE,
            drawn,
            space=SPACE,
            search_dir=tmp_path / "s",
            backbone=str(tiny_backbone),
            timeout=1,
            progress=False,
        )


def test_an_address_in_use_is_refused(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training(monkeypatch, lambda recipe: 0.5)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
        monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
        monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(listener.getsockname()[1]))
        with pytest.raises(OSError, match="the chief must be able to listen"):
            tuning.search(
                RECIPE,
                drawn,
                space=SPACE,
                search_dir=tmp_path / "s",
                backbone=str(tiny_backbone),
                progress=False,
            )
