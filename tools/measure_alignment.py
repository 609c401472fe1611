"""Measures what finds faces, and what their points are worth (docs/alignment.md, docs/results.md).

  python tools/measure_alignment.py no_faces --lfw LFW            (the confidence that refuses 99 % of them)
  python tools/measure_alignment.py found --data RMFRD            (images with points, ms an image)
  python tools/measure_alignment.py drawn --lfw LFW               (held-out people, masks drawn on them)
  python tools/measure_alignment.py taught --lfw LFW              (LFW's pairs, people taught or not)
  python tools/measure_alignment.py hard --lfw LFW                (faces turned, small, half hidden)
  python tools/measure_alignment.py stretch --lfw LFW             (how wide faces seem that nobody squashed)
  python tools/measure_alignment.py choose --data RMFRD           (people with fewer than 8 masked images)
  python tools/measure_alignment.py table --rmfrd RMFRD --mfr2 MFR2 --lfw LFW --pairs 1200

`drawn`, `taught`, `choose` and `table` embed with dlib's network, image and mirror added.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections import Counter
from typing import Any

import _tool
import cv2
import numpy as np
from mesh import MeshDetector
from no_faces import no_faces
from points_worth import DETECTORS, Points, distance, embed, points_of, rank_one

from maskedface import datasets, evaluation, geometry, landmarks
from maskedface.datasets import FaceIndex
from maskedface.datasets.pairs import PairList
from maskedface.evaluation.verification import fold_accuracies
from maskedface.images import read_image
from maskedface.landmarks.aligner import SURE
from maskedface.masking import STYLES, mask_photo

HARD = 300  # photographs of `hard`
PROBES = 1000  # masks drawn a seed by `drawn`
PARTS = (0.25, 0.5, 0.75)  # of the way from the teacher's points to the aligner's, in `drawn`


def main() -> None:
    """Reads the command line and prints one measurement."""
    parser = _tool.parser(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("no_faces", "drawn", "taught", "hard", "stretch"):
        commands.add_parser(name).add_argument("--lfw", required=True)
    for name in ("found", "choose"):
        commands.add_parser(name).add_argument("--data", required=True)
    table = commands.add_parser("table")
    for name in ("rmfrd", "mfr2", "lfw"):
        table.add_argument(f"--{name}", required=True)
    table.add_argument("--pairs", type=int, default=6000, help="the first pairs of LFW alone")
    table.add_argument("--unmasked", type=int, default=200, help="first ones of each RMFRD person")
    args = parser.parse_args()
    if args.command == "table" and args.pairs <= 600:
        parser.error(
            f"--pairs must be above 600, one fold of LFW's. Received: --pairs {args.pairs}"
        )
    measure = {
        "no_faces": refuse,
        "found": found,
        "drawn": drawn,
        "taught": lfw_pairs,
        "hard": hard,
        "stretch": stretch,
        "choose": choose,
        "table": table_of,
    }
    measure[args.command](args)


def held_out(folder: str) -> FaceIndex:
    """LFW's people whom neither the aligner nor any network here was trained on."""
    index = datasets.read_manifest(f"{folder}/protocols/manifest.csv", root=folder)
    trained = set(_tool.open_set(folder, "train").people)
    return index.where(lambda face: face.person not in trained)


# --- images without a face


def refuse(args: argparse.Namespace) -> None:
    """Confidences of a set of images without a face, by kind."""
    photographs = [read_image(path) for path in held_out(args.lfw).paths[:400]]
    upright, cascade = landmarks.Cascade(least=0.0, turn=False), landmarks.Cascade()
    every, refused = [], []
    for kind, images in no_faces(photographs, seed=7).items():
        sure = [max((f.confidence for f in faces), default=0.0) for faces in upright(images)]
        empty = [not faces for faces in cascade(images)]  # turned images are looked at, too
        print(f"{kind}: {len(images)} images, refused {np.mean(empty):.3f}")
        every += sure
        refused += empty
    print(
        f"all: {len(every)} images, refused at {SURE} {np.mean(refused):.4f}; upright "
        f"0.99 are refused at a confidence of {np.quantile(every, 0.99):.4f}"
    )


# --- found


def found(args: argparse.Namespace) -> None:
    """How many images get points, by domain, and the processor's time without reading."""
    index = datasets.rmfrd(args.data)
    cascade, states, spent = landmarks.Cascade(), Counter[tuple[str, str]](), 0.0
    cascade([read_image(index.paths[0])] * 64)  # compiled before the clock starts
    for start in range(0, len(index), 64):
        images = [read_image(path) for path in index.paths[start : start + 64]]
        begun = time.process_time()
        faces = cascade(images)
        spent += time.process_time() - begun
        for face, seen in zip(index.faces[start : start + 64], faces, strict=True):
            states[face.domain, seen[0].source if seen else "not found"] += 1
            if not seen:
                print("not found:", face.path)
    for (domain, state), count in sorted(states.items()):
        print(f"{domain}: {state}: {count}")
    for domain in ("masked", "unmasked"):
        total = sum(n for (d, _), n in states.items() if d == domain)
        print(f"{domain}: points on {1 - states[domain, 'not found'] / total:.4f} of {total}")
    print(f"{1000 * spent / len(index):.1f} ms of processor time an image")


def stretch(args: argparse.Namespace) -> None:
    """The median stretch of 1,000 training people's photographs: what `landmarks.squash` calls usual."""
    index = _tool.open_set(args.lfw, "train")
    faces = landmarks.Cascade()([read_image(path) for path in index.paths[::9][:1000]])
    logs = [-np.log(geometry.pixel_aspect(seen[0].points)) for seen in faces if seen]
    low, middle, high = np.quantile(logs, (0.25, 0.5, 0.75))
    print(f"{len(logs)} faces: median {middle:.3f}, quartiles {low:.3f} to {high:.3f}")


# --- what points are worth


def drawn(args: argparse.Namespace) -> None:
    """Rank-1 of held-out people under drawn masks, by the aligner's points on the masked photograph and by
    the teacher's on the same photograph without a mask; paired, three draws of masks. Also by points a
    part of the way from the teacher's to the aligner's, as a better aligner's would lie, and in a
    gallery of the cascade's alignment; the others' is the teacher's."""
    index = held_out(args.lfw).with_at_least(2)
    images = [read_image(path) for path in index.paths]
    teacher = points_of(MeshDetector(mirror=True), images)
    kept = [n for n, five in enumerate(teacher) if five is not None]
    images, teacher = [images[n] for n in kept], [teacher[n] for n in kept]
    people = np.array([index.faces[n].person for n in kept])
    cascade = landmarks.Cascade()
    gallery, own_gallery = embed(images, teacher), embed(images, points_of(cascade, images))
    print(f"{len(images)} photographs of {len(set(people))} people, {PROBES} of them masked a seed")
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows = rng.choice(len(images), PROBES, replace=False)
        taught = [teacher[row] for row in rows]
        masked = [
            mask_photo(
                images[row], five, STYLES[rng.integers(len(STYLES))], seed=int(rng.integers(2**31))
            )
            for row, five in zip(rows, taught, strict=True)
            if five is not None
        ]
        found = points_of(cascade, masked)
        base = rank_one(embed(masked, taught), gallery, people, rows)
        away = [distance(one, five) for one, five in zip(found, taught, strict=True)]
        print(
            f"seed {seed}: the teacher's points {base.mean():.4f}; the cascade's are "
            f"{np.nanmean(away):.2f} % of a face from them, {np.isnan(away).sum()} not found"
        )
        ways = {f"{part:.2f} of the way": (toward(taught, found, part), gallery) for part in PARTS}
        ways |= {"the cascade's": (found, gallery), "in its own gallery": (found, own_gallery)}
        for name, (points, others) in ways.items():
            hits = rank_one(embed(masked, points), others, people, rows)
            apart = evaluation.paired_difference(hits, base, people[rows].tolist())
            print(
                f"seed {seed}: {name} {hits.mean():.4f}, {apart['difference']:+.4f} "
                f"[{apart['low']:+.4f}, {apart['high']:+.4f}]",
                flush=True,
            )


def toward(some: Points, others: Points, part: float) -> Points:
    """Points a part of the way from some to others, where both are known."""
    return [
        one if one is None or other is None else one + part * (other - one)
        for one, other in zip(some, others, strict=True)
    ]


def lfw_pairs(args: argparse.Namespace) -> None:
    """Accuracy on LFW's pairs, by how many of the two people the aligner was trained with."""
    pairs = datasets.read_pairs("lfw", args.lfw)
    images = [read_image(path) for path in pairs.index.paths]
    embeddings = embed(images, points_of(landmarks.Cascade(), images))
    scores = evaluation.cosine_scores(embeddings, pairs.first, pairs.second)
    _, right = fold_accuracies(scores, pairs.same, pairs.folds)
    known = set(_tool.open_set(args.lfw, "train").people)
    is_known = np.array([face.person in known for face in pairs.index.faces])
    number = is_known[pairs.first].astype(int) + is_known[pairs.second]
    for name, rows in (("any", number >= 0), ("nobody", number == 0), ("both", number == 2)):
        for kind in (True, False):
            of_kind = rows & (pairs.same == kind)
            print(
                f"{name} taught, {'genuine' if kind else 'impostors'}: {of_kind.sum()} pairs, "
                f"{right[of_kind].mean():.4f}"
            )


def hard(args: argparse.Namespace) -> None:
    """Faces of held-out people that are turned, small or half hidden, on a canvas: how many are found,
    with points within a tenth of a face of where the teacher saw them on the photograph as it is."""
    photographs = [read_image(path) for path in held_out(args.lfw).paths[:HARD]]
    teacher = points_of(MeshDetector(mirror=True), photographs)
    seen = [
        (image, five) for image, five in zip(photographs, teacher, strict=True) if five is not None
    ]
    ways: dict[str, dict[str, Any]] = {"as it is": {}}
    ways |= {f"turned by {angle} degrees": {"angle": angle} for angle in (20, 45, 90, 135, 180)}
    ways |= {f"{size} px from eyes to mouth": {"reach": size} for size in (30, 20, 12)}
    halves = {"left": (-1, 0), "upper": (0, -1), "lower": (0, 1)}
    ways |= {f"{side} half hidden": {"hidden": half} for side, half in halves.items()}
    cascade = landmarks.Cascade()
    for name, words in ways.items():
        pairs = [on_large_canvas(image, five, **words) for image, five in seen]
        found = points_of(cascade, [image for image, _ in pairs])
        away = np.array([distance(one, five) for one, (_, five) in zip(found, pairs, strict=True)])
        print(f"{name}: found {(away < 10).mean():.3f} of {len(away)}, {np.isnan(away).sum()} none")


def on_large_canvas(
    image: np.ndarray,
    points: np.ndarray,
    *,
    angle: float = 0,
    reach: float = 60,
    hidden: tuple[int, int] = (0, 0),
) -> tuple[np.ndarray, np.ndarray]:
    """The photograph on a gray canvas of 640 x 640 px, and its points there: the face in the middle,
    turned, so many pixels from eyes to mouth, and the half in one direction (right, down) under gray."""
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    middle, size = (eyes + mouth) / 2, float(np.linalg.norm(mouth - eyes))
    if any(hidden):
        way = np.array(hidden)
        low = np.where(way > 0, middle, middle - 1.1 * size)
        high = np.where(way < 0, middle, middle + 1.1 * size)
        first, second = (corner.round().astype(int).tolist() for corner in (low, high))
        image = cv2.rectangle(image.copy(), first, second, (128, 128, 128), -1)
    matrix = cv2.getRotationMatrix2D(middle.tolist(), angle, reach / size)
    matrix[:, 2] += 320 - middle
    if reach < size:  # the warp alone would leave out pixels
        image = cv2.GaussianBlur(image, (0, 0), 0.5 * size / reach)
    canvas = cv2.warpAffine(image, matrix, (640, 640), borderValue=(128,) * 3)
    return canvas, points @ matrix[:, :2].T + matrix[:, 2]


def choose(args: argparse.Namespace) -> None:
    """What the cascade was chosen by: each way on RMFRD's people with fewer than 8 masked images, rank-1
    among the means of their unmasked images (12 at most, 3 at least)."""
    index = datasets.rmfrd(args.data).people_in_both()
    often = set(index.with_at_least(8, "masked").people)
    index = index.where(lambda face: face.person not in often)
    chosen = [face for face in index.faces if face.domain == "masked"]
    for person in index.people:
        bare = [f for f in index.faces if f.person == person and f.domain == "unmasked"]
        chosen += bare[:12] if len(bare) >= 3 else []
    with_bare = {face.person for face in chosen if face.domain == "unmasked"}
    index = FaceIndex(index.root, [face for face in chosen if face.person in with_bare])
    masked = index.masked
    people = np.array([face.person for face in index.faces])
    images = [read_image(path) for path in index.paths]
    print(f"{masked.sum()} masked and {(~masked).sum()} unmasked images of {len(with_bare)} people")
    for name, make in DETECTORS.items():
        detector = make()
        begun = time.process_time()
        points = points_of(detector, images)
        spent = 1000 * (time.process_time() - begun) / len(images)
        has = np.array([five is not None for five in points])
        for fit in ("similarity", "affine"):
            seen = embed(images, points, fit)
            gallery = np.where(masked[:, None], 0, seen)
            hits = rank_one(seen, gallery, people, np.arange(len(people)))
            print(
                f"{name}, {fit}: found {has[masked].mean():.3f} / {has[~masked].mean():.3f}, "
                f"{spent:.1f} ms, rank-1 {hits[masked].mean():.3f} / {hits[~masked].mean():.3f}",
                flush=True,
            )


def table_of(args: argparse.Namespace) -> None:
    """One line a way of aligning: found, ms an image, accuracy on four sets. Images are warped as they
    are: what the commands do beyond it with squashed ones is not in the table."""
    rmfrd = datasets.rmfrd(args.rmfrd).people_in_both().with_at_least(8, "masked")
    rmfrd = rmfrd.only("masked") + first_of_each(rmfrd.only("unmasked"), args.unmasked)
    train, test = datasets.split_by_image(rmfrd, train_fraction=0.7, seed=0)
    mfr2 = datasets.read_pairs("mfr2", args.mfr2)
    lfw = first_pairs(datasets.read_pairs("lfw", args.lfw), args.pairs)
    for name, make in DETECTORS.items():
        detector = make()
        cells = [name]
        cells += closed_set(detector, train + test, {face.path for face in test.faces})
        for pairs in (mfr2, lfw):
            images = [read_image(path) for path in pairs.index.paths]
            points = points_of(detector, images)
            cells.append(verified(embed(images, points), pairs))
            if pairs is lfw:
                placed = [on_canvas(image, n) for n, image in enumerate(images)]
                points = points_of(detector, placed)
                share = np.mean([five is not None for five in points])
                cells.append(f"{share:.3f} found, {verified(embed(placed, points), pairs)}")
        print(" | ".join(cells), flush=True)


def first_of_each(index: FaceIndex, count: int) -> FaceIndex:
    seen = Counter[str]()
    kept = []
    for face in index.faces:
        seen[face.person] += 1
        if seen[face.person] <= count:
            kept.append(face)
    return FaceIndex(index.root, kept)


def closed_set(detector: landmarks.Detector | None, index: FaceIndex, held: set[str]) -> list[str]:
    images = [read_image(path) for path in index.paths]
    begun = time.process_time()
    points = points_of(detector, images)
    spent = 1000 * (time.process_time() - begun) / len(images)
    embeddings, labels = embed(images, points), index.labels()
    masked = index.masked
    test = np.array([face.path in held for face in index.faces])
    means = np.stack([embeddings[~test & (labels == n)].mean(0) for n in range(len(index.people))])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    right = (embeddings @ means.T).argmax(1) == labels
    found = np.array([five is not None for five in points])
    return [
        f"{found[masked].mean():.3f} / {found[~masked].mean():.3f}",
        f"{spent:.1f} ms",
        f"{right[test & masked].mean():.3f} / {right[test & ~masked].mean():.3f}",
    ]


def first_pairs(pairs: PairList, count: int) -> PairList:
    rows = np.arange(len(pairs.same)) < count
    first, second = pairs.first[rows], pairs.second[rows]
    used = np.unique(np.concatenate([first, second]))
    place = np.full(len(pairs.index), -1)
    place[used] = np.arange(len(used))
    faces = [pairs.index.faces[n] for n in used]
    return dataclasses.replace(
        pairs,
        index=FaceIndex(pairs.index.root, faces),
        first=place[first],
        second=place[second],
        same=pairs.same[rows],
        folds=pairs.folds[rows],
    )


def on_canvas(image: np.ndarray, number: int) -> np.ndarray:
    """The photograph somewhere on a larger one of noise: found, not known to fill it."""
    rng = np.random.default_rng(number)
    canvas = cv2.resize(rng.integers(0, 255, (12, 16, 3), dtype="uint8"), (800, 600))
    size = int(rng.integers(150, 420))
    top, left = int(rng.integers(0, 600 - size)), int(rng.integers(0, 800 - size))
    canvas[top : top + size, left : left + size] = cv2.resize(image, (size, size))
    return canvas


def verified(embeddings: np.ndarray, pairs: PairList) -> str:
    scores = evaluation.cosine_scores(embeddings, pairs.first, pairs.second)
    accuracy = fold_accuracies(scores, pairs.same, pairs.folds)[0].mean()
    return f"{accuracy:.4f}"


if __name__ == "__main__":
    main()
