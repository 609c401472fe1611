"""Seconds of `maskedface identify` on one photograph in a fresh process, and of the import, against before.

    git worktree add /tmp/before 600e65f
    python -m tools.benchmarks start_up --before /tmp/before --rounds 5

dlib's network, a gallery of 1,000 people, one photograph of a drawn face; "first" is the command that keeps
the network for those after it (`recognition/quick_start.py`), "without" the command where that is off.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from ._frame import ROOT, interleaved, report, timed
from ._photographs import child

_GALLERY = """
import sys
import numpy as np
from maskedface import models, recognition
if hasattr(recognition.Recognizer, "load"):
    recognizer = recognition.Recognizer.load("dlib")
else:
    recognizer = recognition.Recognizer(models.DlibResNet29(), source="dlib")
rows = np.random.default_rng(0).standard_normal((1000, 128)).astype("float32")
recognizer.gallery.enroll([f"person {n}" for n in range(1000)], rows)
recognizer.gallery.save(sys.argv[1])
print("{}")
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own words."""
    parser.add_argument("--before", metavar="DIR", help="a checkout to compare with")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Runs it, prints its table and returns what is to be kept."""
    from PIL import Image

    from maskedface.synthetic import draw_face

    trees = {"ours": str(ROOT), **({"before": args.before} if args.before else {})}
    with tempfile.TemporaryDirectory() as folder:
        photo = f"{folder}/photo.jpg"
        Image.fromarray(draw_face(0, 0, False, size=224)).save(photo)
        for name, tree in trees.items():
            child(tree, _GALLERY, f"{folder}/{name}.npz")

        def python(name: str, *words: str, **environment: str) -> float:
            own = {"PYTHONPATH": trees[name], "MASKEDFACE_CACHE": f"{folder}/cache"}
            env = {**os.environ, **own, **environment}
            command = [sys.executable, *words]
            return timed(
                lambda: subprocess.run(command, env=env, cwd=trees[name], capture_output=True)
            )

        def identify(name: str, **environment: str) -> float:
            words = ("-m", "maskedface", "identify", "--gallery", f"{folder}/{name}.npz", photo)
            return python(name, *words, **environment)

        identify("ours")  # it keeps the network
        ways: dict[str, Callable[[], float]] = {
            "identify, ours": lambda: identify("ours"),
            "identify, without": lambda: identify("ours", MASKEDFACE_QUICK_START="0"),
            "identify, first": lambda: identify(
                "ours", MASKEDFACE_CACHE=tempfile.mkdtemp(dir=folder)
            ),
            "import, ours": lambda: python("ours", "-c", "import maskedface.recognition"),
            "Recognizer, ours": lambda: python(
                "ours", "-c", "from maskedface.recognition import Recognizer"
            ),
        }
        if args.before:
            ways["identify, before"] = lambda: identify("before")
            ways["import, before"] = lambda: python("before", "-c", "import maskedface.recognition")
        times = interleaved(ways, args.rounds)
    kept: dict[str, Any] = {"unit": "s", "times": {}, "medians": {}}
    for names in (("identify",), ("import", "Recognizer")):
        own = {name: of for name, of in times.items() if name.startswith(names)}
        made = report(own, "s", [f"{names[0]}, before"] if args.before else [])
        kept["times"] |= made["times"]
        kept["medians"] |= made["medians"]
    return kept
