"""What it is worth to draw a mask over a probe's mask, as on the enrolled faces.

    python tools/measure_covering.py dlib --data D --manifest D/protocols/manifest.csv --alignment arcface \
        --protocol open_set --people 500
    python tools/measure_covering.py dlib --data R --manifest few.csv

Nothing is trained. Masked probes are searched among the means of all unmasked faces of a person; an
unmasked probe's own photograph is left out. "gallery": templates have as many drawn masks as --numbers
says (`masking.masked_templates`); "both": a masked probe is a mean of its embeddings with and without the
same masks, too. Networks have flip test-time augmentation. TAR at a FAR of 0.1 / 0.01 is of all pairs of a
masked and an unmasked face. "gain" is the paired difference of masked probes to the row above, of
"gallery" to no drawn masks.
"""

from __future__ import annotations

import _tool
import numpy as np
from join_sets import some_people
from measure_adaptation import BLOCK, acceptance, opened_embedder

from maskedface import datasets
from maskedface.cli import data
from maskedface.cli.tables import change
from maskedface.datasets import FaceIndex
from maskedface.engines import Embedder
from maskedface.evaluation import EmbeddedFaces, paired_difference, rank_one_matches
from maskedface.masking import masked_templates
from maskedface.training.named_models import faces_of


def with_masks(
    embedder: Embedder, chips: np.ndarray, embeddings: np.ndarray, count: int
) -> np.ndarray:
    """Each face's mean with and without `count` drawn masks, masked faces too."""
    parts = [slice(at, at + BLOCK) for at in range(0, len(chips), BLOCK)]
    alignment = embedder.alignment
    return np.concatenate(
        [
            masked_templates(
                embedder, chips[part], embeddings[part], count=count, alignment=alignment
            )
            for part in parts
        ]
    )


def measured(rows: FaceIndex, faces: np.ndarray, bare: np.ndarray) -> tuple[str, np.ndarray]:
    """Table cells of rank-1 accuracies and TARs, and which masked probes' own person comes first.

    Args:
        rows: the faces.
        faces: masked faces' embeddings as probes, unmasked faces' as templates.
        bare: embeddings without any drawn mask: unmasked probes are looked up by these.
    """
    masked, people = rows.masked, np.array([face.person for face in rows.faces])
    probes = np.where(masked[:, None], faces, bare)
    matches = rank_one_matches(EmbeddedFaces.of(rows.faces, probes, faces))
    found = {kind: one.hits() for kind, one in matches.items()}
    accuracies = ", ".join(f"{hits.mean():.3f}" for hits in found.values())
    tars = " / ".join(f"{rate:.3f}" for rate in acceptance(faces, masked, people))
    return f"{accuracies} | {tars}", found["masked"]


def main() -> None:
    words = _tool.parser(__doc__)
    words.add_argument("models", nargs="+", help="as for maskedface evaluate")
    words.add_argument("--numbers", type=int, nargs="+", default=(1, 3, 10), help="of masks")
    words.add_argument("--people", type=int, help="drawn by chance (all)")
    words.add_argument("--seed", type=int, default=0, help="of --people (0)")
    _tool.add_rows(words, "train")
    args = words.parse_args()
    (rows,) = data.placed(args, faces_of(args.models[0]), _tool.read_rows(args))
    rows = datasets.with_photo_groups(rows.people_in_both())
    if args.people is not None:
        rows = some_people(rows, args.people, args.seed)
    masked = rows.masked
    people = [face.person for face in rows.faces if face.domain == "masked"]
    print(f"{rows!r}\n\n| network, drawn masks | masked, other photograph, unmasked | TAR | gain |")
    print("|---|---|---|---|")
    for name in args.models:
        embedder = opened_embedder(name)
        chips = datasets.read_aligned_faces(rows, size=embedder.size, alignment=embedder.alignment)
        bare = embedder(chips)
        cells, nothing = measured(rows, bare, bare)
        print(f"| `{name}`, none | {cells} | |", flush=True)
        for count in args.numbers:
            both = with_masks(embedder, chips, bare, count)
            cells, gallery = measured(rows, np.where(masked[:, None], bare, both), bare)
            print(
                f"| {count}, gallery | {cells} | {change(paired_difference(gallery, nothing, people))} |",
                flush=True,
            )
            cells, found = measured(rows, both, bare)
            print(
                f"| {count}, both | {cells} | {change(paired_difference(found, gallery, people))} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
