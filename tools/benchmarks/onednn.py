"""A training step of DlibResNet29, ms of processor time an image: TensorFlow's oneDNN on and off."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Any

from ._frame import ROOT, interleaved, report

_STEP = """
import time, keras, numpy as np
from maskedface import losses, models
model = models.classifier(models.DlibResNet29(None), 1000, head="cosine")
model.compile("adam", losses.CosineMargin(), jit_compile=False)
faces = np.random.default_rng(0).integers(0, 256, (64, 150, 150, 3), np.uint8)
for _ in range(2):
    model.train_on_batch(faces, np.arange(64))
cpu = time.process_time()
for _ in range(5):
    model.train_on_batch(faces, np.arange(64))
print(1000 * (time.process_time() - cpu) / 320)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own words."""


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Runs it, prints its table and returns what is to be kept."""

    def run(switch: str) -> float:
        done = subprocess.run(
            [sys.executable, "-c", _STEP],
            env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": switch},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return float(done.stdout.split()[-1])

    return report(
        interleaved({"off": lambda: run("0"), "on": lambda: run("1")}, args.rounds), "ms", ["off"]
    )
