"""Label noise: how much of it `evaluation.check_labels` finds, and what it costs a run's test faces.

    python tools/measure_label_noise.py injected --data D --manifest M --protocol P --alignment arcface
    python tools/measure_label_noise.py run RUN --out contradicted.txt

`injected` gives a share of the faces another person's name, at random, and counts how many are contradicted
for several margins. `--part` takes a part of the protocol, `--fewer-masked 8` the people with fewer masked
images than that, `--repeated` those with two photographs or more.
`run` lists the test faces of a finished run whose label is contradicted, one path a line, and prints the
run's accuracy with all test faces and without these as probes. Of a closed set, faces trained on are
compared with too.
"""

from __future__ import annotations

import argparse
from collections import Counter

import _tool
import numpy as np

from maskedface.cli import data
from maskedface.datasets import FaceIndex
from maskedface.evaluation import EmbeddedFaces, check_labels
from maskedface.landmarks import find_landmarks
from maskedface.recognition import Recognizer
from maskedface.recognition.labels import contradicted_labels
from maskedface.reporting import RunGroup
from maskedface.training import last_run
from maskedface.training.lineage import refuse_people
from maskedface.training.named_models import faces_of

MARGINS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)  # spreads


def main() -> None:
    """Reads the command line and measures."""
    parser = _tool.parser(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    injected = commands.add_parser("injected")
    _tool.add_rows(injected, "train")
    injected.add_argument("--fewer-masked", type=int, metavar="N")
    injected.add_argument("--repeated", action="store_true")
    injected.add_argument("--share", type=float, default=0.05, help="of the labels that are wrong")
    run = commands.add_parser("run")
    run.add_argument("run", metavar="RUN")
    run.add_argument("--out", metavar="FILE", help="write the contradicted faces' paths there")
    for command in (injected, run):
        command.add_argument("--model", default="dlib", help="not trained on these people")
    args = parser.parse_args()
    if args.command == "injected":
        measure_injected(args)
    else:
        measure_run(args.run, args.model, args.out)


def measure_injected(args: argparse.Namespace) -> None:
    """Prints, a margin and seed, the share of wrong labels found and the share of finds that are wrong."""
    index = _tool.read_rows(args)
    masked = Counter(face.person for face in index.faces if face.domain == "masked")
    if args.fewer_masked:
        index = index.where(lambda face: masked[face.person] < args.fewer_masked)
    if args.repeated:
        index = index.with_at_least(2)
    (index,) = data.placed(args, faces_of(args.model), index)
    found = contradicted_labels(Recognizer.load(args.model), index)
    people, domains, photos = (
        np.array(column, object)
        for column in zip(*((f.person, f.domain, f.photo) for f in found.index.faces), strict=True)
    )
    check = found.check
    print(
        f"{len(index)} faces of {len(index.people)} people; {len(found.index)} found, {len(check.rows)} "
        f"compared; spread {check.spread:.4f}"
    )
    for margin in MARGINS:
        share = np.mean(check.other - check.own >= margin * check.spread)
        print(f"margin {margin:g}: {share:.4f} of the labels as they are contradicted")
    names = np.unique(people)
    for seed in range(3):
        random = np.random.default_rng(seed)
        wrong = random.random(len(people)) < args.share
        given = people.copy()
        for row in np.flatnonzero(wrong):
            given[row] = random.choice(names[names != people[row]])
        again = check_labels(EmbeddedFaces(found.embeddings, [*given], [*domains], [*photos]))
        is_wrong, true = wrong[again.rows], people[again.rows]
        for margin in MARGINS:
            flagged = again.other - again.own >= margin * again.spread
            right_name = (
                np.array(again.others, object)[flagged & is_wrong] == true[flagged & is_wrong]
            )
            print(
                f"seed {seed}, margin {margin:g}: {wrong.sum()} wrong, {is_wrong.sum()} compared, "
                f"{flagged.sum()} contradicted; found {np.mean(flagged[is_wrong]):.3f} of those compared, "
                f"precision {np.mean(is_wrong[flagged]):.3f}, "
                f"{np.mean(flagged[~is_wrong]):.4f} of right labels contradicted, "
                f"right person named {right_name.mean():.3f}"
            )


def measure_run(folder: str, model: str, out: str | None) -> None:
    """Prints how many of a run's test faces are contradicted, and its accuracy with and without them."""
    run = last_run(folder)
    parts = run.split()
    test = parts["test"]
    is_open = not set(parts["train"].people) & set(test.people)
    index: FaceIndex = test if is_open else parts["train"] + test
    refuse_people(model, index.people)
    if faces_of(model) == "aligned":
        index = find_landmarks(index, progress=True)
    found = contradicted_labels(Recognizer.load(model), index)
    tested = {face.path for face in test.faces}
    rows = [row for row in found.rows if row["path"] in tested]
    compared = sum(found.index.faces[row].path in tested for row in found.check.rows)
    print(
        f"{len(rows)} of {len(test)} test faces contradicted by {model}, margin {found.check.margin:g}; "
        f"{compared} compared with {len(found.index)} faces of {len(found.index.people)} people"
    )
    if out:
        with open(out, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(f"{row['path']}\n" for row in rows)
    gone = {row["path"] for row in rows}
    for kind, matches in RunGroup(folder, (run,)).matches[0].items():
        hits = matches.hits()
        probes = matches.rows[matches.known]
        kept = np.array([test.faces[row].path not in gone for row in probes])
        print(
            f"{kind}: rank-1 accuracy {hits.mean():.4f} over all {len(hits)} test faces, "
            f"{hits[kept].mean():.4f} of {kept.sum()} without those contradicted"
        )


if __name__ == "__main__":
    main()
