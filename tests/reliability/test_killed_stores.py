"""Is a gallery whole where whoever enrolled into it was killed?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recognition.stores.conftest import KINDS, address_of

WORKER = Path(__file__).with_name("store_worker.py")


@pytest.mark.skipif(os.name != "posix", reason="Windows has neither fork nor SIGKILL")
@pytest.mark.parametrize("kind", KINDS)
# A hundred kills take minutes a store.
@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_an_enrollment_that_is_killed_leaves_the_store_whole(
    kind: str, rounds: int, tmp_path: Path
) -> None:
    address = address_of(kind, tmp_path)
    done = subprocess.run(
        [sys.executable, str(WORKER), address, str(rounds)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1, "nobody was enrolled before the end came"
