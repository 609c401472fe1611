"""How well the audit's domain check finds wrong labels: flips some at random and counts.

    python tools/measure_domain_check.py --data D --manifest D/protocols/manifest.csv --alignment arcface
    python tools/measure_domain_check.py --data RMFRD --min-masked 8

Faces are looked for where nothing says where they lie.
"""

from __future__ import annotations

import inspect

import _tool
import numpy as np

from maskedface import datasets, images
from maskedface.audit.domain_check import suspect_domains
from maskedface.cli import data
from maskedface.datasets.face_index import Domain
from maskedface.datasets.face_places import is_placed
from maskedface.images.in_threads import read_many
from maskedface.masking import masked_probability

OTHER: dict[Domain, Domain] = {"masked": "unmasked", "unmasked": "masked"}


def main() -> None:
    """Reads the command line, prints a line a seed."""
    parser = _tool.parser(__doc__)
    _tool.add_rows(parser, "test")
    parser.add_argument("--share", type=float, default=0.05, help="of the labels that are flipped")
    parser.add_argument(
        "--threshold",
        type=float,
        default=inspect.signature(suspect_domains).parameters["threshold"].default,
    )
    args = parser.parse_args()
    index = _tool.read_rows(args)
    (index,) = data.placed(args, "aligned", index)
    index = index.where(is_placed)
    masked = read_many(
        lambda row: masked_probability(
            images.read_image(index.paths[row]), datasets.face_source(index.faces[row])
        ),
        range(len(index)),
        label="reading",
    )
    for seed in (None, 0, 1, 2):
        random = np.random.default_rng(seed)
        flipped = random.random(len(index)) < (0 if seed is None else args.share)
        faces = [
            face._replace(domain=OTHER[face.domain]) if flip else face
            for face, flip in zip(index.faces, flipped, strict=True)
        ]
        check = suspect_domains(faces, masked, threshold=args.threshold)
        wrong = {face.path for face, flip in zip(faces, flipped, strict=True) if flip}
        found = {suspect.path for suspect in check.suspects}
        print(
            f"seed {seed}: {len(wrong)} of {len(index)} flipped, {len(found)} suspects, precision "
            f"{len(found & wrong) / max(1, len(found)):.3f}, recall "
            f"{len(found & wrong) / max(1, len(wrong)):.3f}, agreement {check.balanced_accuracy:.3f}"
        )


if __name__ == "__main__":
    main()
