"""`maskedface identify` of a folder: ms a photograph, on crops and on photographs of four faces.

    git worktree add /tmp/before 600e65f
    python -m tools.benchmarks identify --before /tmp/before --rmfrd RMFRD --lfw LFW

dlib's network in a gallery of 1,000 people, start-up and the first photographs not timed.
"""

from __future__ import annotations

import argparse
from typing import Any

from ._photographs import add_photographs, in_turn

_CODE = """
import json, sys, time
import numpy as np
from maskedface import models, recognition
paths = open(sys.argv[1]).read().split("\\n")
words = {"fall_back": "never"}
recognizer = recognition.Recognizer(models.DlibResNet29(), **words)
rows = np.random.default_rng(0).standard_normal((1000, 128)).astype("float32")
recognizer.gallery.enroll([f"person {n}" for n in range(1000)], rows)
def find(paths):
    found = recognition.identify_all(recognizer, paths, progress=False)
    return sum(len(one.identities) for one in found)
find(paths[:32] if "maskedface.landmarks" in sys.modules else paths[:4])
start = time.perf_counter()
faces = find(paths)
print(json.dumps({"ms": 1000 * (time.perf_counter() - start) / len(paths), "faces": faces}))
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own words."""
    add_photographs(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Runs it, prints its table and returns what is to be kept."""
    return in_turn(args, _CODE)
