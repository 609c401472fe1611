"""Frozen features of N, 2N and 4N images: marginal cost, anonymous memory."""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
from typing import Any

import numpy as np

from ._frame import SIZE, add_images, interleaved, megabytes, random_faces, report, timed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own words."""
    add_images(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Runs it, prints its table and returns what is to be kept."""
    from maskedface import models, recipes
    from maskedface.datasets.augmentation import Augmentation
    from maskedface.training.feature_cache import read_features
    from maskedface.training.frozen_layers import frozen_prefix

    base = args.images // 4
    with tempfile.TemporaryDirectory() as folder:
        faces = np.lib.format.open_memmap(
            os.path.join(folder, "faces.npy"), "w+", "uint8", (4 * base, SIZE, SIZE, 3)
        )
        for start in range(0, len(faces), 256):
            faces[start : start + 256] = random_faces(len(faces[start : start + 256]))
        backbone = models.ResNet50(None, (SIZE, SIZE, 3))
        models.freeze(backbone, "layer3")
        nothing = Augmentation(alignment="vggface2", size=SIZE)
        prefix = frozen_prefix(recipes.PAPER_MASKED, backbone, nothing)
        assert not isinstance(prefix, str)
        models.predict(prefix.model, faces[:32])
        memory = {}

        def run(count: int) -> float:
            with tempfile.TemporaryDirectory() as kept:
                seconds = timed(
                    lambda: read_features(prefix, faces[:count], mirrors=False, folder=kept)
                )
            memory[count] = megabytes("RssAnon")
            return seconds

        counts = [base, 2 * base, 4 * base]
        ways = {str(n): functools.partial(run, n) for n in counts}
        result = report(interleaved(ways, args.rounds), "s", [])
    one, two, four = (result["medians"][str(n)] for n in counts)
    first, second = (two - one) / base, (four - two) / (2 * base)
    print(
        f"an image more costs {1000 * first:.2f} ms from N to 2N, {1000 * second:.2f} from 2N to 4N"
    )
    print("anonymous memory:", ", ".join(f"{n} images {m:.0f} MB" for n, m in memory.items()))
    return result | {"marginal_ms": [1000 * first, 1000 * second], "anonymous_mb": memory}
