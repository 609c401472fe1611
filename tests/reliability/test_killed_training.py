"""`kill -9` of `maskedface train`: the same command ends with the bits of a run never killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from maskedface import training
from maskedface.datasets import FaceIndex
from maskedface.training import Run
from tests.reliability.conftest import QUICK, assert_same_bits, assert_tidy, command, environment

PATIENCE = 600.0  # seconds until a test gives up: a busy machine is slow


def killed_at(moment: str, words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.reliability.killed", moment, *words[3:]],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def finish(parts: tuple[FaceIndex, FaceIndex], backbone: Path, folder: Path) -> Run:
    return training.train(QUICK, *parts, run_dir=folder, backbone=str(backbone), progress=False)


def test_three_kills_change_no_bit(
    whole: Run,
    drawn: FaceIndex,
    parts: tuple[FaceIndex, FaceIndex],
    tiny_backbone: Path,
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    words = command(drawn, tiny_backbone, run)
    killed_at("features", words)
    assert list((run / "features").glob("*.partial")) and not (run / "state.npz").exists()
    killed_at("state", words)  # mid-training: the second epoch's state is half-written
    assert len((run / "history.csv").read_text().splitlines()) == 2
    killed_at("evaluation", words)
    assert not (run / "metrics.json").exists()
    resumed = finish(parts, tiny_backbone, run)
    assert_same_bits(whole, resumed)
    assert_tidy(resumed)


# Two processes more of the same kind.
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["epoch", "metrics"])
def test_a_kill_at_another_moment_changes_no_bit(
    whole: Run,
    drawn: FaceIndex,
    parts: tuple[FaceIndex, FaceIndex],
    tiny_backbone: Path,
    tmp_path: Path,
    moment: str,
) -> None:
    killed_at(moment, command(drawn, tiny_backbone, tmp_path / "run"))
    resumed = finish(parts, tiny_backbone, tmp_path / "run")
    assert_same_bits(whole, resumed)
    assert_tidy(resumed)


# Fifty processes: about ten minutes on two idle cores.
@pytest.mark.slow
def test_fifty_kills_at_random_moments_change_no_bit(
    whole: Run,
    drawn: FaceIndex,
    parts: tuple[FaceIndex, FaceIndex],
    tiny_backbone: Path,
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(0)
    kills, number, ended = 0, 0, []
    longest = 0.0
    while kills < 50:
        folder = tmp_path / f"run{number}"
        words = command(drawn, tiny_backbone, folder)
        process = subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL)
        start = time.monotonic()
        while not (folder / "run.json").exists() and process.poll() is None:
            time.sleep(0.01)  # the imports are no moment of the run
        begun = time.monotonic()
        if not longest:  # the first one is let through, to learn how long one takes
            assert process.wait(PATIENCE) == 0
            longest = time.monotonic() - begun
        try:
            code = process.wait(rng.uniform(0, longest))
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
            kills += 1
            print(f"kill {kills}: {begun - start:.1f} + {time.monotonic() - begun:.2f} s", flush=True)
        if code == 0:
            ended.append(folder)
            number += 1
        else:
            assert code == -signal.SIGKILL
    for folder in {*ended, tmp_path / f"run{number}"}:
        resumed = finish(parts, tiny_backbone, folder)
        assert_same_bits(whole, resumed)
        assert_tidy(resumed)
