"""Fits the coefficients of the mask estimate on one part of a protocol and measures them on another.

    python tools/fit_mask_estimate.py --data D --manifest D/protocols/manifest.csv --alignment arcface

writes maskedface/recognition/mask_coefficients.py; with `--check` it writes nothing. With `--detect`
the test faces are found by landmarks.Cascade in place of the alignment, as in use; those not found are left out.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from maskedface import datasets
from maskedface.datasets import FaceIndex
from maskedface.datasets.reading import read_many
from maskedface.landmarks import Cascade
from maskedface.recognition.mask_estimate import lower_face_features, masked_probability

MODULE = Path(__file__).parents[1] / "maskedface" / "recognition" / "mask_coefficients.py"
INVERSE_PENALTY = 0.1  # of the logistic regression, on features of variance 1; not searched for


def main() -> None:
    """Fits, writes, measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--alignment", default="")
    parser.add_argument("--protocol", default="open_set")
    parser.add_argument("--check", action="store_true", help="measure what is there, fit nothing")
    parser.add_argument("--detect", action="store_true", help="find the test faces by landmarks.Cascade")
    args = parser.parse_args()
    parts = datasets.read_split(
        args.manifest, args.protocol, root=args.data, alignment=args.alignment
    )
    if args.check:
        measure(parts["test"], args.detect)
        return
    features, masked = _features(parts["train"])
    model = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=5000),
    ).fit(features, masked)
    scaler, regression = model[0], model[1]
    coefficients = regression.coef_[0] / scaler.scale_
    intercept = float(regression.intercept_[0] - coefficients @ scaler.mean_)
    people = len(parts["train"].people)
    numbers = [f"{value:.5f}" for value in coefficients]
    lines = [f"    {', '.join(numbers[row : row + 8])}," for row in range(0, len(numbers), 8)]
    MODULE.write_text(
        f'"""Written by tools/fit_mask_estimate.py: a logistic regression on {len(masked)} faces of '
        f'{people} people\n(MLFW, open_set=train)."""\n\n'
        f"INTERCEPT = {intercept:.5f}\n"
        "# fmt: off\nCOEFFICIENTS = (\n" + "\n".join(lines) + "\n)\n# fmt: on\n"
    )
    print(f"{MODULE.name}: {len(numbers)} coefficients from {len(masked)} faces of {people} people")
    print("run again with --check to measure it")


def _features(index: FaceIndex) -> tuple[np.ndarray, np.ndarray]:
    def read(row: int) -> np.ndarray:
        return lower_face_features(datasets.read_image(index.paths[row]), index.faces[row].alignment)

    rows = read_many(read, range(len(index)), label="reading")
    return np.stack(rows), np.array([face.domain == "masked" for face in index.faces])


def measure(index: FaceIndex, detect: bool) -> None:
    """Prints how often the estimate agrees with the labels, by domain."""
    detector = Cascade() if detect else None
    right: dict[str, list[bool]] = {"masked": [], "unmasked": []}
    lost = 0
    for face, path in zip(index.faces, index.paths, strict=True):
        image = datasets.read_image(path)
        source: str | np.ndarray = face.alignment
        if detector:
            (found,) = detector([image])
            if not found:
                lost += 1
                continue
            source = max(found, key=lambda one: one.confidence).points
        seems = masked_probability(image, source) >= 0.5
        right[face.domain].append(seems == (face.domain == "masked"))
    for domain, answers in right.items():
        print(f"{domain}: {np.mean(answers):.4f} of {len(answers)} faces right")
    print(f"{lost} faces not found")


if __name__ == "__main__":
    main()
