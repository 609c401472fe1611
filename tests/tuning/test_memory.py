"""Does a search's memory grow with its trials?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "measure_search.py"


@pytest.mark.slow  # twenty trials of the whole ResNet50 in a process of its own: four minutes
def test_memory_after_twenty_trials_is_that_after_five() -> None:
    done = subprocess.run(
        [sys.executable, TOOL, "memory", "--people", "6", "--photos", "5"],
        capture_output=True,
        text=True,
        check=False,
    )
    # The tool asserts it, within 15 %.
    assert done.returncode == 0, done.stderr[-2000:]
    assert "after 20:" in done.stdout
