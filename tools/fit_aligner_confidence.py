"""Fits the confidence of the aligner: five numbers of evidence (`Aligner.look_thrice`) to a probability.

  python tools/fit_aligner_confidence.py --rmfrd RMFRD --lfw LFW

Faces are those of RMFRD's people with fewer than 8 masked images whom the aligner was not trained on, all
masked ones and as many others; images without a face those of `tools/no_faces.py`, from LFW's people
that the aligner was trained on.
The intercept is set so that 0.5 refuses 0.992 of the latter. Prints what `landmarks/aligner.py` holds.
"""

from __future__ import annotations

import argparse

import numpy as np
from no_faces import no_faces
from sklearn.linear_model import LogisticRegression
from train_aligner import taught_people

from maskedface import datasets
from maskedface.datasets import read_image
from maskedface.landmarks import Aligner

REFUSED = 0.992


def main() -> None:
    """Reads the command line, prints intercept and slopes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rmfrd", required=True)
    parser.add_argument("--lfw", required=True)
    args = parser.parse_args()
    index = datasets.rmfrd(args.rmfrd)
    chosen = set(taught_people(index)[1::2])
    index = index.where(lambda face: face.person in chosen)
    masked = [read_image(path) for path in index.only("masked").paths]
    bare = index.only("unmasked").paths
    faces = masked + [read_image(path) for path in bare[:: len(bare) // len(masked)]]
    manifest = f"{args.lfw}/protocols/manifest.csv"
    trained = datasets.read_split(manifest, "open_set", root=args.lfw)["train"]
    photographs = [read_image(path) for path in trained.paths[:2400:2]]
    kinds = no_faces(photographs, seed=99, count=600)
    nothing = [image for images in kinds.values() for image in images]
    seen, empty = evidence(faces), evidence(nothing)
    values = np.concatenate([seen, empty])
    truth = np.repeat([1, 0], [len(seen), len(empty)])
    scale = values.std(axis=0)
    fitted = LogisticRegression(C=0.01, class_weight="balanced").fit(values / scale, truth)
    slopes = (fitted.coef_[0] / scale).round(3)
    intercept = -float(np.quantile(empty @ slopes, REFUSED))
    print(f"_INTERCEPT, _SLOPES = {intercept:.3f}, {tuple(slopes.tolist())}")
    passed = seen @ slopes + intercept >= 0
    print(f"faces: {passed.mean():.4f} of {len(seen)} (masked {passed[: len(masked)].mean():.4f})")
    for (kind, images), part in zip(
        kinds.items(),
        np.split(empty, np.cumsum([len(images) for images in kinds.values()])[:-1]),
        strict=True,
    ):
        print(f"{kind}: refused {(part @ slopes + intercept < 0).mean():.4f} of {len(images)}")


def evidence(images: list[np.ndarray]) -> np.ndarray:
    """Of each image as the crop of one face: float64, shape (images, 5)."""
    aligner = Aligner(least=0.0)
    points = np.stack([face.points for face in aligner.best(images)])
    return aligner.look_thrice(images, points)[1]


if __name__ == "__main__":
    main()
