"""`maskedface align`: ms a photograph, on crops and on photographs of four faces, against before.

    git worktree add /tmp/before 600e65f
    python -m tools.benchmarks align --before /tmp/before --rmfrd RMFRD --lfw LFW

Commit 600e65f had no `align`: its MTCNN is called on the same photographs, one after the other, as its
`identify` did. Ours reads, finds and keeps, in one process. Each way's first photographs are not timed.
"""

from __future__ import annotations

import argparse
from typing import Any

from ._photographs import add_photographs, in_turn

_CODE = """
import json, os, sys, tempfile, time
import maskedface
paths = open(sys.argv[1]).read().split("\\n")
if hasattr(maskedface, "landmarks"):
    from maskedface import datasets, landmarks
    def find(paths):
        rows = [datasets.Face(os.path.relpath(p, "/"), "x", "unmasked") for p in paths]
        with tempfile.TemporaryDirectory() as folder:
            store = os.path.join(folder, "found.jsonl")
            found = landmarks.align(datasets.FaceIndex("/", rows), store=store, processes=1)
        return sum(face.landmarks is not None for face in found.index.faces)
else:
    from maskedface.datasets import read_image
    from maskedface.recognition import MtcnnDetector
    detector = MtcnnDetector()
    def find(paths):
        return sum(bool(detector(read_image(path))) for path in paths)
find(paths[:64] if hasattr(maskedface, "landmarks") else paths[:4])
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
