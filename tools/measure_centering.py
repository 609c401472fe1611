"""What subtracting a data set's mean embedding is worth to pairs of its masked and unmasked faces.

    python tools/measure_centering.py dlib runs/best/seed-0 --data R --manifest few.csv --protocol few

The mean is that of half of the people, the pairs are the other half's; both ways round, over draws of
the halves. "By domain" subtracts the mean of masked faces from masked ones, that of unmasked ones from
the others. TAR at a FAR of 0.1 / 0.01 over all masked-unmasked pairs, plain cosines; networks have flip
test-time augmentation.
"""

from __future__ import annotations

from collections.abc import Callable

import _tool
import numpy as np

from maskedface import datasets
from maskedface.engines import Embedder, KerasEmbedder
from maskedface.evaluation.scoring import normalized
from maskedface.training.named_models import open_model

FARS = (0.1, 0.01)
Center = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def by_domain(
    faces: np.ndarray, masked: np.ndarray, others: np.ndarray, others_masked: np.ndarray
) -> np.ndarray:
    """Faces less the mean of the others of their domain."""
    means = [others[others_masked == kind].mean(0) for kind in (False, True)]
    return faces - np.stack(means)[masked.astype(int)]


CENTERS: dict[str, Center] = {
    "as they are": lambda faces, masked, others, others_masked: faces,
    "less the mean": lambda faces, masked, others, others_masked: faces - others.mean(0),
    "less the mean by domain": by_domain,
}


def acceptance(faces: np.ndarray, masked: np.ndarray, people: np.ndarray) -> list[float]:
    """TAR at each of `FARS`, of all pairs of a masked and an unmasked face."""
    unit = normalized(faces)
    scores = unit[masked] @ unit[~masked].T
    same = people[masked][:, None] == people[~masked][None]
    return [float((scores[same] > np.quantile(scores[~same], 1 - far)).mean()) for far in FARS]


def main() -> None:
    parser = _tool.parser(__doc__)
    parser.add_argument("models", nargs="+", help="as for maskedface evaluate")
    parser.add_argument("--draws", type=int, default=10)
    _tool.add_protocol(parser, "few")
    args = parser.parse_args()
    parts = _tool.read_protocol(args)
    rows = parts["train"] + parts["test"]
    masked, people = rows.masked, np.array([face.person for face in rows.faces])
    names = np.unique(people)
    print("| network |", " | ".join(CENTERS), "|")
    print("|---" * (1 + len(CENTERS)) + "|")
    for name in args.models:
        opened = open_model(name)
        embedder: Embedder = KerasEmbedder(opened.model, opened.alignment)
        if opened.run is None or not opened.run.recipe.mirror_join:
            embedder = embedder.with_flip()
        faces = embedder(
            datasets.read_aligned_faces(rows, size=embedder.size, alignment=embedder.alignment)
        )
        found: dict[str, list[list[float]]] = {center: [] for center in CENTERS}
        for seed in range(args.draws):
            half = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
            for mine in (np.isin(people, half), ~np.isin(people, half)):
                for center, change in CENTERS.items():
                    moved = change(faces[mine], masked[mine], faces[~mine], masked[~mine])
                    found[center].append(acceptance(moved, masked[mine], people[mine]))
        cells = [
            " / ".join(f"{value:.3f}" for value in np.mean(values, axis=0))
            for values in found.values()
        ]
        print(f"| `{name}` |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
