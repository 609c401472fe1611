"""How well the audit's domain check finds wrong labels: flips some at random and counts.

    python tools/measure_domain_check.py --data DIR --manifest DIR/protocols/manifest.csv
"""

from __future__ import annotations

import argparse

import numpy as np

from maskedface.datasets.domain_check import lower_face, suspect_domains
from maskedface.datasets.images import read_image
from maskedface.datasets.manifest import read_manifest
from maskedface.datasets.reading import read_many

OTHER = {"masked": "unmasked", "unmasked": "masked"}


def main() -> None:
    """Reads the command line, prints a line a seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--share", type=float, default=0.05, help="of the labels that are flipped")
    args = parser.parse_args()
    index = read_manifest(args.manifest, root=args.data)
    read = read_many(lambda path: lower_face(read_image(path)), index.paths, label="reading")
    pictures = np.stack(read)
    for seed in range(3):
        flipped = np.random.default_rng(seed).random(len(index)) < args.share
        faces = [
            face._replace(domain=OTHER[face.domain]) if flip else face
            for face, flip in zip(index.faces, flipped, strict=True)
        ]
        check = suspect_domains(faces, pictures, seed=seed)
        wrong = {face.path for face, flip in zip(faces, flipped, strict=True) if flip}
        found = {suspect.path for suspect in check.suspects}
        print(
            f"seed {seed}: {len(wrong)} flipped, {len(found)} suspects, precision "
            f"{len(found & wrong) / max(1, len(found)):.3f}, recall "
            f"{len(found & wrong) / len(wrong):.3f}, balanced accuracy {check.balanced_accuracy:.3f}"
        )


if __name__ == "__main__":
    main()
