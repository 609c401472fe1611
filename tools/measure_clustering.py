"""How well `maskedface cluster` groups photographs of people who are known: pairwise F1, clusters a person.

    python tools/measure_clustering.py --data D --set lfw --far 0.001
    python tools/measure_clustering.py --data D --set mfr2 --model runs/best
    python tools/measure_clustering.py --data D --set train             (training people: to choose on)

The photographs go through `clustering.cluster_photos` as a user's would, all faces on them. Of each
photograph the face nearest to its middle is the person's that its folder is named for; the others are left
out of the figures, not out of the groups. Pairs of faces: precision is the share of pairs in one group that
show one person, recall the share of one person's pairs that are in one group, F1 their harmonic mean, with
95 % intervals over people (1,000 draws of people, seed 0). `--set train` has nobody who is reported on:
RMFRD's people with fewer than 8 masked images and MLFW's open_set=train, at most 500 people of each.
"""

from __future__ import annotations

import _tool  # isort: skip

import os
from collections import Counter
from collections.abc import Mapping

import numpy as np
from scipy.sparse import coo_matrix

from maskedface import datasets
from maskedface.clustering import Clusters
from maskedface.clustering.photographs import (
    FAR,
    EmbeddedPhotos,
    embed_photos,
    group_photos,
    thresholds_at,
)
from maskedface.datasets import MFR2_PEOPLE, FaceIndex
from maskedface.images import read_image
from maskedface.masking import SEEMS_MASKED
from maskedface.recognition import Recognizer, photo_files

FEW_MASKED = 8  # RMFRD's people with so many masked images are tested on (docs/results.md)
PEOPLE, DRAWS = 500, 1_000


def main() -> None:
    parser = _tool.parser(__doc__)
    parser.add_argument("--data", required=True, help="folder that holds lfw, mfr2, mlfw and rmfrd")
    parser.add_argument("--set", choices=("lfw", "mfr2", "train"), required=True)
    parser.add_argument("--model", default="dlib")
    parser.add_argument("--far", type=float, action="append", help="several may be given")
    parser.add_argument("--people", type=int, help="at most so many, drawn by seed 0")
    args = parser.parse_args()
    recognizer = Recognizer.load(args.model)
    sets = ("rmfrd", "mlfw") if args.set == "train" else (args.set,)
    for name in sets:
        person_of = drawn(people(args.data, name), args.people)
        # MLFW's files are aligned: the whole file is the face.
        of = Recognizer.load(args.model, aligned_to="arcface") if name == "mlfw" else recognizer
        embedded = embed_photos(of, person_of, progress=True)
        truth = faces_named(embedded, person_of)
        for far in args.far or [FAR]:
            found = group_photos(embedded, thresholds_at(of.rates, far), {})
            print(f"{name}, FAR {far:g}: {figures(found, truth)}", flush=True)


def people(data: str, name: str) -> dict[str, str]:
    """{photograph: whom it shows} of a data set."""
    root = f"{data}/{name}"
    if name == "rmfrd":
        index = datasets.rmfrd(root)
        worn = Counter(face.person for face in index.faces if face.domain == "masked")
        return some(index.where(lambda face: 0 < worn[face.person] < FEW_MASKED))
    if name == "mlfw":
        return some(_tool.open_set(root, "train", "arcface").without(MFR2_PEOPLE))
    folder = f"{root}/lfw" if name == "lfw" else root
    photos = (path for path in photo_files(folder) if not path.endswith(".txt"))
    return {path: os.path.basename(os.path.dirname(path)) for path in photos}


def drawn(person_of: dict[str, str], most: int | None) -> dict[str, str]:
    """The photographs of at most so many people."""
    names = np.random.default_rng(0).permutation(sorted({*person_of.values()}))[:most]
    kept = set(names.tolist())
    return {path: person for path, person in person_of.items() if person in kept}


def some(index: FaceIndex) -> dict[str, str]:
    """The photographs of 500 people of an index, drawn by seed 0."""
    names = np.random.default_rng(0).permutation(sorted(index.people))[:PEOPLE]
    index = index.where(lambda face: face.person in set(names.tolist()))
    return {path: face.person for path, face in zip(index.paths, index.faces, strict=True)}


def faces_named(found: EmbeddedPhotos, person_of: Mapping[str, str]) -> dict[int, str]:
    """{number of a face: the person that its photograph is named for}, of the face nearest to the
    middle of each photograph."""
    of = {os.path.abspath(path): person for path, person in person_of.items()}
    named, number = {}, 0
    for path, _, faces in found.photos:
        if faces:
            height, width = read_image(path).shape[:2]
            middle = np.array([width, height]) / 2
            away = [np.hypot(*(np.reshape(face.box, (2, 2)).mean(0) - middle)) for face in faces]
            named[number + int(np.argmin(away))] = of[path]
        number += len(faces)
    return named


def figures(found: Clusters, named: Mapping[int, str]) -> str:
    """The figures in a line."""
    whose = np.unique([named[number] for number in named], return_inverse=True)[1]
    faces = [found.faces[number] for number in named]
    groups = np.unique([face.person for face in faces], return_inverse=True)[1]
    masked = np.array([face.masked >= SEEMS_MASKED for face in faces])
    table = coo_matrix((np.ones(len(whose)), (groups, whose))).tocsr()
    count = table.shape[1]
    # Pairs in one group, of one person and of two, by person; and all pairs of one person.
    together = (table.T @ table).tocoo()
    own = together.row == together.col
    squares = np.zeros(count)
    np.add.at(squares, together.row[own], together.data[own])
    sizes = np.bincount(whose)
    hits, pairs = (squares - sizes) / 2, sizes * (sizes - 1) / 2
    false = (together.row[~own], together.col[~own], together.data[~own] / 2)

    def scores(weights: np.ndarray) -> np.ndarray:
        hit = (weights * hits).sum()
        wrong = (weights[false[0]] * weights[false[1]] * false[2]).sum()
        precision = hit / max(hit + wrong, 1)
        recall = hit / max((weights * pairs).sum(), 1)
        return np.array([2 * precision * recall / max(precision + recall, 1e-9), precision, recall])

    rng = np.random.default_rng(0)
    draws = [
        scores(np.bincount(rng.integers(count, size=count), minlength=count).astype(float))
        for _ in range(DRAWS)
    ]
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    parts = [
        f"{name} {value:.3f} [{low[place]:.3f}, {high[place]:.3f}]"
        for place, (name, value) in enumerate(
            zip(("F1", "precision", "recall"), scores(np.ones(count)), strict=True)
        )
    ]
    several = np.flatnonzero(sizes > 1)
    of_person = np.diff(table.T.tocsr().indptr)[several].mean()
    both = of_both(groups, whose, masked)
    return (
        f"{len(faces)} faces of {count} people ({masked.sum()} masked) in {table.shape[0]} groups; "
        f"{', '.join(parts)}; {of_person:.2f} clusters a person of {len(several)} with two faces or more; "
        f"recall of masked-unmasked pairs {both}"
    )


def of_both(groups: np.ndarray, whose: np.ndarray, masked: np.ndarray) -> str:
    """Of the pairs of one person of whom one face is masked and one is not: the share in one group."""
    hit = total = 0
    for person in np.unique(whose[masked]):
        rows = whose == person
        one, other = groups[rows & masked], groups[rows & ~masked]
        hit += int((one[:, None] == other).sum())
        total += len(one) * len(other)
    return f"{hit / total:.3f} of {total}" if total else "none"


if __name__ == "__main__":
    main()
