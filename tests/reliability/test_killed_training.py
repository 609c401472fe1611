"""`kill -9` of `maskedface train`: the same command ends with the bits of a run never killed."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from maskedface import training
from maskedface.cli.main import main
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


# Three processes that are killed, and one that is not.
@pytest.mark.long
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


def run(words: list[str]) -> None:
    sys.exit(main(words))


def forked(words: list[str]) -> multiprocessing.Process:
    """A process that runs the command, forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["maskedface.cli.train", "maskedface.training"])
    process = context.Process(target=run, args=(words[3:],))
    process.start()
    return process


# Fifty processes and more: minutes.
@pytest.mark.slow
def test_fifty_kills_at_random_moments_change_no_bit(
    whole: Run,
    drawn: FaceIndex,
    parts: tuple[FaceIndex, FaceIndex],
    tiny_backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    rng = np.random.default_rng(0)
    kills, number, is_fresh = 0, 0, True
    longest = PATIENCE  # of a run; the first one is let through, to learn how long one takes
    seen = set()
    while kills < 50:
        run_dir, begun = tmp_path / f"run{number}", time.monotonic()
        process = forked(command(drawn, tiny_backbone, run_dir))
        process.join(rng.uniform(0, longest) if number else PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
            kills, is_fresh = kills + 1, False
            longest *= 1.1  # so that some come through, however busy the machine is now
            there = tuple(sorted(path.name for path in run_dir.glob("*")))
            seen.add(there)
            print(f"kill {kills}: run {number}, {there}", flush=True)
        else:
            assert process.exitcode == 0
            if is_fresh:
                longest = time.monotonic() - begun
            number, is_fresh = number + 1, True
    assert any("state.npz" in there for there in seen)  # some moments were after an epoch
    for folder in tmp_path.glob("run*"):
        resumed = finish(parts, tiny_backbone, folder)
        assert_same_bits(whole, resumed)
        assert_tidy(resumed)
