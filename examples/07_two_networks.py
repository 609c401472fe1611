"""Keep the network that you have for unmasked faces, and compare masked ones by another.

Everybody is enrolled with both. A face goes to the network meant for it by what it seems, which is
estimated from its pixels (`masking.masked_probability`), never read from its label. Each network has its
own scale: ranks can be taken over both, and each gallery has a threshold of its own.

python examples/07_two_networks.py          # drawn people; dlib's network, with and without drawn masks
python examples/07_two_networks.py --masked runs/best/seed-* --unmasked runs/mirrored \\
    --against runs/frozen-open
python examples/07_two_networks.py --smoke  # the least that runs it all
"""

import argparse
import dataclasses
import os

import numpy as np

from maskedface import datasets, evaluation, images, masking, recognition, synthetic, training

parser = argparse.ArgumentParser()
parser.add_argument("--masked", nargs="+", help="finished runs of an open set, one a seed")
parser.add_argument("--unmasked", default="dlib", help="a finished run, or a .keras file")
parser.add_argument("--against", help="a run over the same test rows to show the difference to")
parser.add_argument("--run", default="runs/example-07")
parser.add_argument("--smoke", action="store_true")
args = parser.parse_args()

plain = recognition.Recognizer.load(args.unmasked, aligned_to="arcface")

if args.masked:
    runs = [training.last_run(path) for path in args.masked]
    index = runs[0].split()["test"]
    known = (
        set(training.last_run(args.unmasked).split()["train"].people)
        if os.path.isdir(args.unmasked)
        else set()
    )
    if known & set(index.people):
        raise SystemExit(f"{args.unmasked} was trained on people of the test faces")
    ours = [evaluation.EmbeddedFaces.among(run.predictions, index.faces) for run in runs]
else:
    people = 6 if args.smoke else 24
    index = synthetic.draw_people(f"{args.run}/faces", people=people, photos=2)
    masked = recognition.Recognizer.load(
        "dlib", aligned_to="arcface", gallery=recognition.Gallery(masks=10)
    )
    ours = [recognition.embed_index(masked, index)]

placed = zip(index.paths, index.faces, strict=True)
estimates = [
    masking.masked_probability(images.read_image(path), datasets.face_source(face))
    for path, face in placed
]
seems_masked = np.array(estimates) >= masking.SEEMS_MASKED
matches = [evaluation.rank_one_matches(faces) for faces in ours]
theirs = evaluation.rank_one_matches(recognition.embed_index(plain, index))
baseline = None
if args.against:
    run = training.last_run(args.against)
    baseline = evaluation.rank_one_matches(
        evaluation.EmbeddedFaces.among(run.predictions, index.faces)
    )
for kind, found in theirs.items():
    chosen = seems_masked[found.rows]
    both = [
        dataclasses.replace(found, scores=np.where(chosen[:, None], one[kind].scores, found.scores))
        for one in matches
    ]
    misled = (chosen != (kind != "unmasked")).mean()
    print(f"{kind}: {len(found.rows)} faces, {misled:.3f} of them sent to the wrong network")
    hits = np.mean([one.hits() for one in both], axis=0)
    for name, values in (
        ("masked network alone", np.mean([one[kind].hits() for one in matches], axis=0)),
        ("unmasked network alone", found.hits()),
        ("by mask", hits),
    ):
        low, high = evaluation.bootstrap_interval(values, found.known_people)
        print(f"  {name}: rank-1 {values.mean():.3f}, 95 % over people [{low:.3f}, {high:.3f}]")
    if baseline is not None:
        change = evaluation.paired_difference(hits, baseline[kind].hits(), found.known_people)
        print(
            f"  by mask, to {args.against}: {change['difference']:+.3f} "
            f"[{change['low']:+.3f}, {change['high']:+.3f}]"
        )

if not args.masked:
    # Photographs: each face is found once and embedded by the network meant for it alone.
    for face, path in zip(index.faces, index.paths, strict=True):
        if face.domain == "unmasked":
            for recognizer in (plain, masked):
                recognizer.enroll(face.person, [path])
    for path in index.paths[:6]:
        for found in plain.detect(path):
            meant = masked if found.masked >= masking.SEEMS_MASKED else plain
            (one,) = meant.identify(path, faces=[found])
            first = one.candidates[0]
            print(f"{path}: {first.person} {first.score:.3f}, {found.masked:.2f} masked")
