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


ROWS, VGGFACE2, MOST = 300_000, 3_310_000, 2 * 10**9
PLAN = """
import sys
from maskedface import datasets
from maskedface.datasets.augmentation import Augmentation
from maskedface.datasets.epoch_plan import EpochPlan

def peak():
    with open("/proc/self/status") as status:  # ru_maxrss begins with that of the process before
        return 1024 * int(next(line for line in status if line.startswith("VmHWM")).split()[1])

before = peak()
index = datasets.people_folder(sys.argv[1], "unmasked")
train, test = datasets.split_by_image(index, seed=0)
for sampling in ("shuffled", "balanced", "grouped"):
    nothing = Augmentation([], seed=0, alignment="vggface2", size=180)
    plan = EpochPlan(train.labels(), train.masked, nothing, sampling, False, len(train.people))
    elements = plan.elements(0)
    assert len(elements) == len(train) and len(plan.draws(elements, 0)) == len(train)
print(len(index), before, peak())
"""


# It makes 300,000 links, lists and plans them: a minute or two.
@pytest.mark.slow
def test_the_rows_of_vggface2_are_listed_split_and_planned_in_two_gigabytes(
    drawn: FaceIndex, tmp_path: Path
) -> None:
    for number in range(ROWS):
        folder = tmp_path / "faces" / f"n{number // 362:06d}"  # as many a person as VGGFace2 has
        if number % 362 == 0:
            folder.mkdir(parents=True)
        os.link(drawn.paths[number % len(drawn)], folder / f"{number % 362:04d}_01.jpg")
    done = subprocess.run(
        [sys.executable, "-c", PLAN, str(tmp_path / "faces")],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows, before, peak = map(int, done.stdout.split())
    assert rows == ROWS and peak < MOST
    assert before + (peak - before) / ROWS * VGGFACE2 < MOST
