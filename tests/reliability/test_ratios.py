"""The check of speed ratios fails where it should."""

from __future__ import annotations

import json
import runpy
import time
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "check_ratios.py"


@pytest.fixture(autouse=True)
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool imports its neighbors, as Python does for a script."""
    monkeypatch.syspath_prepend(str(TOOL.parent))


def test_three_times_the_recorded_ratio_is_too_slow() -> None:
    too_slow = runpy.run_path(str(TOOL))["too_slow"]
    recorded = json.loads((TOOL.parent / "ratios.json").read_text())
    assert too_slow(recorded, recorded) == []
    slower = {name: 3.1 * ratio for name, ratio in recorded.items()}
    assert len(too_slow(slower, recorded)) == len(recorded) == 5
    assert too_slow({}, {"scan": 1.0}) == ["scan is recorded or measured alone"]


def test_a_ratio_is_the_median_of_pairs_timed_in_turn() -> None:
    measured = runpy.run_path(str(TOOL))["measured"]
    found = measured({"nap": (lambda: time.sleep(0.04), lambda: time.sleep(0.01))}, 3)
    assert found["nap"] == pytest.approx(4, rel=0.5)
