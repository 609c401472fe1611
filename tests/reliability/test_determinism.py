"""One seed, one result: on one core or two, with the recorded number of threads."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from maskedface import training
from maskedface.datasets import FaceIndex
from maskedface.training import Run
from tests.reliability.conftest import QUICK, assert_same_bits, command, environment

CORES = sorted(os.sched_getaffinity(0))


def trained(words: list[str], cores: list[int]) -> None:
    pin = f"import os, runpy; os.sched_setaffinity(0, {cores}); "
    pin += "runpy.run_module('maskedface', run_name='__main__')"
    subprocess.run([words[0], "-c", pin, *words[3:]], env=environment(), check=True)


# Processes that train.
@pytest.mark.long
@pytest.mark.skipif(len(CORES) < 2, reason="it needs two cores")
def test_one_core_gives_the_bits_of_two(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    for name, cores in (("two", CORES[:2]), ("one", CORES[:1])):
        (tmp_path / name).mkdir()
        words = command(drawn, tiny_backbone, tmp_path / name / "run")
        trained([*words, "--threads", "2"], cores)
    one, two = (Run(str(tmp_path / name / "run")) for name in ("one", "two"))
    assert one.record["threads"] == two.record["threads"] == 2
    assert_same_bits(one, two)


# Two processes more of the same kind.
@pytest.mark.slow
@pytest.mark.skipif(len(CORES) < 2, reason="it needs two cores")
def test_a_run_begun_on_two_cores_goes_on_on_one_with_its_threads(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    words = command(drawn, tiny_backbone, tmp_path / "run")
    trained(words, CORES[:2])
    whole = Run(str(tmp_path / "run"))
    begun = tmp_path / "begun"
    begun.mkdir()
    for name in ("recipe.json", "manifest.csv", "run.json"):
        (begun / name).write_bytes((tmp_path / "run" / name).read_bytes())
    words[words.index("--run") + 1] = str(begun)
    trained(words, CORES[:1])
    assert_same_bits(whole, Run(str(begun)))


def test_other_threads_than_the_runs_are_refused(
    parts: tuple[FaceIndex, FaceIndex], tiny_backbone: Path, tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"threads": 2}))
    for threads in (1, 0):
        with pytest.raises(ValueError, match=f"threads must be .* Received: threads={threads}"):
            training.train(QUICK, *parts, run_dir=tmp_path, backbone=tiny_backbone, threads=threads)


# A process of its own imports TensorFlow.
@pytest.mark.long
def test_threads_that_cannot_be_had_are_said(
    whole: Run, parts: tuple[FaceIndex, FaceIndex], tiny_backbone: Path, tmp_path: Path
) -> None:
    with pytest.warns(
        UserWarning, match="threads should be 17; the last bits of results will differ"
    ):
        run = training.train(
            QUICK.override(epochs=0),
            *parts,
            run_dir=tmp_path / "run",
            backbone=tiny_backbone,
            threads=17,
            progress=False,
        )
    assert run.record["threads"] == whole.record["threads"]
