"""Each write of a training run fails once: a clear error, and the same command ends with the same bits."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from maskedface import training
from maskedface.datasets import FaceIndex
from maskedface.training import Run
from tests.reliability.conftest import QUICK, assert_same_bits, assert_tidy


# A run for each of its writes.
@pytest.mark.long
def test_a_failure_at_each_write_loses_nothing(
    whole: Run,
    parts: tuple[FaceIndex, FaceIndex],
    tiny_backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rename, failed, kept = os.replace, [], []

    def replace(source: Any, target: Any) -> None:
        name = os.path.basename(target)
        key = (name, kept.count(name) if name == "state.npz" else 0)
        if key not in failed:
            failed.append(key)
            raise OSError(errno.ENOSPC, "No space left on device")
        kept.append(name)
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace)

    def run() -> Run | None:
        given = {"run_dir": tmp_path / "run", "cache": tmp_path / "cache", "progress": False}
        try:
            return training.train(QUICK, *parts, backbone=tiny_backbone, **given)
        except OSError as error:
            assert error.errno == errno.ENOSPC
            return None

    finished = None
    while finished is None:
        finished = run()
    names = [name for name, _ in failed]
    assert names.count("state.npz") == QUICK.epochs and "history.csv" in names
    assert sum(name.startswith("chips-") for name in names) == 2  # of two parts
    assert sum(name.startswith("features-") for name in names) == 6  # made, marked, filled
    assert {"manifest.csv", "recipe.json", "run.json"} <= set(names)
    assert {"model.keras", "predictions.npz", "metrics.json"} <= set(names)
    assert_same_bits(whole, finished)
    assert_tidy(finished)
