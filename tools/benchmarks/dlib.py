"""DlibResNet29: ms a face, ours against dlib's own build from PyPI (`pip install dlib-bin`)."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from ._frame import add_images, all_in_turn, random_faces


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own words."""
    add_images(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Runs it, prints its table and returns what is to be kept."""
    import dlib as original

    from maskedface import models
    from maskedface.conversion.dlib import locate

    faces = random_faces(min(args.images, 512), 150)
    theirs = original.face_recognition_model_v1(locate())
    ours = models.DlibResNet29()
    low = models.with_precision(ours, "bfloat16")
    some = [np.ascontiguousarray(face) for face in faces[:32]]
    runs: dict[str, tuple[int, Callable[[], Any]]] = {
        "dlib": (len(some), lambda: theirs.compute_face_descriptor(some)),
        "ours float32": (len(faces), lambda: models.predict(ours, faces)),
        "ours bfloat16": (len(faces), lambda: models.predict(low, faces)),
    }
    return all_in_turn(args, runs, "ms a face", "dlib")
