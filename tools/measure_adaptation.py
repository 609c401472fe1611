"""What adapting a network to photographs of other people of the same kind is worth (`models.adapt`).

    python tools/measure_adaptation.py dlib runs/best/seed-0 --data R --manifest few.csv --protocol few

A network is adapted to the faces of half of the people, and the other half's are compared; both ways
round, over draws of the halves. Of all pairs of a masked and an unmasked face: TAR at a FAR of 0.1 /
0.01. With a protocol, whose training rows are the gallery, also rank-1 accuracy of its masked /
unmasked test rows among class means. Networks have flip test-time augmentation. "By domain": masked
and unmasked faces less the mean of their own kind. --numbers adapts to some of the faces, half of
them masked if there are as many; --shrinkage to all of them, with another weight.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import _tool
import keras
import numpy as np

from maskedface import datasets, models
from maskedface.cli import data
from maskedface.datasets import FaceIndex
from maskedface.datasets.augmentation import Augmentation
from maskedface.datasets.pairs import PAIR_PROTOCOLS
from maskedface.engines import Embedder, KerasEmbedder
from maskedface.evaluation.scoring import normalized, person_means
from maskedface.layers import RandomMask
from maskedface.models.adaptation import SHRINKAGE
from maskedface.training.named_models import faces_of, open_model

FARS = (0.1, 0.01)
BLOCK = 1024

# (faces, masked, others' faces, others masked) -> faces
Change = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def as_they_are(
    faces: np.ndarray, masked: np.ndarray, others: np.ndarray, others_masked: np.ndarray
) -> np.ndarray:
    return faces


def less_the_mean(
    faces: np.ndarray, masked: np.ndarray, others: np.ndarray, others_masked: np.ndarray
) -> np.ndarray:
    return np.asarray(normalized(faces) - normalized(others).mean(0))


def by_domain(
    faces: np.ndarray, masked: np.ndarray, others: np.ndarray, others_masked: np.ndarray
) -> np.ndarray:
    means = [normalized(others)[others_masked == kind].mean(0) for kind in (False, True)]
    return np.asarray(normalized(faces) - np.stack(means)[masked.astype(int)])


def adapted(
    faces: np.ndarray,
    masked: np.ndarray,
    others: np.ndarray,
    others_masked: np.ndarray,
    shrinkage: float = SHRINKAGE,
    number: int | None = None,
) -> np.ndarray:
    """The faces through `models.adapt` of a network that leaves embeddings as they are."""
    if number is not None:
        kinds = [np.flatnonzero(others_masked), np.flatnonzero(~others_masked)]
        orders = [np.random.default_rng(number).permutation(rows) for rows in kinds]
        first = min(number // 2, len(orders[0]))
        kept = np.concatenate([orders[0][:first], orders[1][: number - first]])
        others, others_masked = others[kept], others_masked[kept]
    embedding = keras.Input((faces.shape[1],))
    network = keras.Model(embedding, keras.layers.Identity()(embedding))
    blocks = range(0, len(others), BLOCK)
    parts = [(others[at : at + BLOCK], others_masked[at : at + BLOCK]) for at in blocks]
    return models.predict(models.adapt(network, parts, shrinkage), faces, batch_size=512)


def acceptance(faces: np.ndarray, masked: np.ndarray, people: np.ndarray) -> list[float]:
    """TAR at each of `FARS`, of all pairs of a masked and an unmasked face."""
    unit = normalized(faces)
    scores = unit[masked] @ unit[~masked].T
    same = people[masked][:, None] == people[~masked][None]
    return [float((scores[same] > np.quantile(scores[~same], 1 - far)).mean()) for far in FARS]


def rank_one(
    faces: np.ndarray, masked: np.ndarray, people: np.ndarray, known: np.ndarray
) -> list[float]:
    """Rank-1 accuracy of masked and of unmasked probes among the class means of known faces."""
    names, means = person_means(faces[known], people[known].tolist())
    found = np.array(names)[(normalized(faces) @ means.T).argmax(1)] == people
    return [float(found[~known & (masked == kind)].mean()) for kind in (True, False)]


def read(args: argparse.Namespace) -> tuple[FaceIndex, np.ndarray | None]:
    """The located faces, and which of them are known, if the protocol says so."""
    known = None
    if args.protocol in PAIR_PROTOCOLS:
        rows = datasets.read_pairs(args.protocol, args.data).index
    elif args.protocol:
        parts = _tool.read_protocol(args)
        rows = parts["train"] + parts["test"]
        train = {face.path for face in parts["train"].faces}
        known = np.array([face.path in train for face in rows.faces])
    else:
        rows = data.read_index(args)
    (rows,) = data.placed(args, faces_of(args.models[0]), rows)
    return rows, known


def opened_embedder(name: str) -> Embedder:
    """A network by its name, with flip test-time augmentation."""
    opened = open_model(name)
    embedder = KerasEmbedder(opened.model, opened.alignment)
    has_flip = opened.run is not None and opened.run.recipe.mirror_join
    return embedder if has_flip else embedder.with_flip()


def embedded(name: str, rows: FaceIndex) -> tuple[np.ndarray, np.ndarray]:
    """The embeddings of all faces, and with a drawn mask on those that wear none."""
    embedder = opened_embedder(name)
    size, alignment = embedder.size, embedder.alignment
    chips = datasets.read_aligned_faces(rows, size=size, alignment=alignment)
    faces, bare = embedder(chips), np.flatnonzero(~rows.masked)
    drawing = Augmentation([RandomMask(1.0)], alignment=alignment, size=size)
    drawn = faces.copy()
    for at in range(0, len(bare), BLOCK):
        part = bare[at : at + BLOCK]
        numbers = drawing.draws(part, 0, np.zeros(len(part), bool))
        drawn[part] = embedder(np.asarray(drawing.apply(chips[part], numbers, None)))
    return faces, drawn


def main() -> None:
    words = _tool.parser(__doc__)
    words.add_argument("models", nargs="+", help="as for maskedface evaluate")
    words.add_argument("--draws", type=int, default=10)
    words.add_argument("--protocol", help="a column of the manifest, or a list of pairs, as mfr2")
    words.add_argument("--numbers", type=int, nargs="*", default=())
    words.add_argument("--shrinkage", type=float, nargs="*", default=())
    data.add_data_arguments(words)
    args = words.parse_args()
    changes: dict[str, Change] = {
        "as they are": as_they_are,
        "less the mean": less_the_mean,
        "by domain": by_domain,
        "adapted": adapted,
        **{f"to {n} faces": partial(adapted, number=n) for n in args.numbers},
        **{f"shrinkage {s}": partial(adapted, shrinkage=s) for s in args.shrinkage},
    }
    rows, known = read(args)
    masked, people = rows.masked, np.array([face.person for face in rows.faces])
    names = np.unique(people)
    rank = "" if known is None else ", rank-1 accuracy"
    print(f"| network | faces | TAR at FAR 0.1 / 0.01{rank} |\n|---|---|---|")
    for name in args.models:
        faces, drawn = embedded(name, rows)
        found: dict[str, list[list[float]]] = {}
        for seed in range(args.draws):
            half = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
            for mine in (np.isin(people, half), ~np.isin(people, half)):
                moved = {
                    label: change(faces[mine], masked[mine], faces[~mine], masked[~mine])
                    for label, change in changes.items()
                }
                bare = ~mine & ~masked
                both = np.concatenate([faces[bare], drawn[bare]])
                flags = np.repeat([False, True], bare.sum())
                moved["to drawn masks"] = adapted(faces[mine], masked[mine], both, flags)
                for label, these in moved.items():
                    values = acceptance(these, masked[mine], people[mine])
                    if known is not None:
                        values += rank_one(these, masked[mine], people[mine], known[mine])
                    found.setdefault(label, []).append(values)
        for label, values_of in found.items():
            means = [f"{value:.3f}" for value in np.mean(values_of, axis=0)]
            cells = ", ".join(" / ".join(means[at : at + 2]) for at in range(0, len(means), 2))
            print(f"| `{name}` | {label} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
