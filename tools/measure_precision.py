"""What bfloat16 does to identification: rank-1 of masked probes among unmasked class means.

    python tools/measure_precision.py --data D --manifest D/protocols/manifest.csv --alignment arcface

DlibResNet29 as it is, in float32 and in bfloat16, on the part "test" of the column `open_set`.
"""

from __future__ import annotations

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from maskedface import datasets, models
from maskedface.datasets import FaceIndex


def main() -> int:
    """Measures and prints.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--alignment", default="")
    parser.add_argument("--protocol", default="open_set")
    args = parser.parse_args()
    parts = datasets.read_split(
        args.manifest, args.protocol, root=args.data, alignment=args.alignment
    )
    faces = parts["test"]
    chips = datasets.read_aligned_faces(faces, size=150, alignment="dlib")
    backbone = models.DlibResNet29()
    hits = {}
    for precision in ("float32", "bfloat16"):
        model = models.with_precision(backbone, precision)
        hits[precision] = _rank_1(models.predict(model, chips), faces)
        print(f"{precision}: rank-1 {hits[precision].mean():.4f} of {len(hits[precision])} probes")
    changed = hits["bfloat16"].mean() - hits["float32"].mean()
    print(f"change {changed:+.4f}; {(hits['bfloat16'] != hits['float32']).sum()} probes differ")
    return 0


def _rank_1(embeddings: np.ndarray, faces: FaceIndex) -> np.ndarray:
    embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    masked = faces.masked
    people, labels = np.unique([face.person for face in faces.faces], return_inverse=True)
    gallery = np.zeros((len(people), embeddings.shape[1]), "float32")
    np.add.at(gallery, labels[~masked], embeddings[~masked])
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    return (embeddings[masked] @ gallery.T).argmax(axis=1) == labels[masked]


if __name__ == "__main__":
    sys.exit(main())
