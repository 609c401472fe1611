"""As many images as RMFRD and its like hold, in a process with little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from maskedface.datasets import FaceIndex
from tests.reliability.conftest import environment

COUNT, LIMIT = 95_000, 2**30
SCRIPT = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT}))
from maskedface import audit, datasets
root, folder = sys.argv[1:]
index = datasets.people_folder(root, "unmasked")
train, test = datasets.split_by_image(index, seed=0)
datasets.write_manifest(f"{{folder}}/m.csv", index, {{"split": {{"train": train, "test": test}}}})
parts = datasets.read_split(f"{{folder}}/m.csv", "split", root=root)
assert sum(map(len, parts.values())) == len(index) == {COUNT}
chips = datasets.read_aligned_faces(index, size=16, alignment="vggface2", cache=folder)
assert chips.shape == ({COUNT}, 16, 16, 3)
report = audit.audit_images(index, progress=False, check_domains=False)
assert report.images == {COUNT} and not report.undecodable
"""


# Two minutes of reading.
@pytest.mark.slow
def test_ninety_five_thousand_images_fit_into_one_gibibyte(
    drawn: FaceIndex, tmp_path: Path
) -> None:
    for number in range(COUNT):
        folder = tmp_path / "faces" / f"person{number % 500}"
        folder.mkdir(parents=True, exist_ok=True)
        os.link(drawn.paths[number % len(drawn)], folder / f"{number}.jpg")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "faces"), str(tmp_path)],
        env=environment(OPENBLAS_NUM_THREADS="1"),  # each of its threads reserves address space
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
