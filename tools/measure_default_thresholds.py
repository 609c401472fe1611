"""Measures how alike strangers are to a network, for the thresholds that are used without calibration.

    python tools/measure_default_thresholds.py --data D            # writes recognition/default_rates.json
    python tools/measure_default_thresholds.py --data D --check    # measures MFR2 with what is there
    python tools/measure_default_thresholds.py --data D --check RUN --on rmfrd   # a run's own defaults

D holds lfw/, mlfw/, rmfrd/ and, for --check, mfr2/ (docs/datasets.md). Measured on training people alone:
LFW's open_set=train (unmasked, and each face again with a mask of ours drawn on by its landmarks), MLFW's
open_set=train (drawn masks), RMFRD's people with fewer than 8 masked images (worn masks); of each person
at most 2 or, of RMFRD, 15 images of a kind. Which faces wear a mask is what `masking.masked_probability`
says of them, as it will for a user's photographs. MFR2's people are left out. Copies under two names count
for nothing. --embeddings keeps what was embedded, so that a second run takes two minutes, not ten.

--check reports, for MFR2's photographs as a user gives them, the false match rate of `verify` beside the
promised one, and the false-positive identification rate of `identify` in galleries of several sizes, with
95 % intervals over people. Nothing is chosen by it. With a run's folder it checks the rates of the people
that the run was tested on; `--on rmfrd` asks pairs of RMFRD's people with fewer than 8 masked images, whom
the run was not trained on.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
from collections import Counter
from typing import Any, NamedTuple

import _tool
import numpy as np

from maskedface import datasets, geometry, images, masking, training
from maskedface.datasets import MFR2_PEOPLE, FaceIndex
from maskedface.datasets.face_places import is_placed
from maskedface.evaluation import bootstrap_interval
from maskedface.evaluation.false_matches import CONDITIONS, pair_rates
from maskedface.evaluation.pair_bootstrap import pair_intervals
from maskedface.evaluation.scoring import normalized
from maskedface.landmarks import find_landmarks
from maskedface.recognition import Gallery, Recognizer
from maskedface.recognition.default_rates import FAR, FPIR, DefaultRates
from maskedface.recognition.faces import EmbeddedFace
from maskedface.recognition.judging import judge_candidate
from maskedface.training.lineage import lineage, refuse_people

FILE = _tool.ROOT / "maskedface" / "recognition" / "default_rates.json"
COMMAND = "python tools/measure_default_thresholds.py --data D"
FEW_MASKED = 8  # RMFRD's people with so many masked images are tested on (docs/results.md)
MOST = {"LFW": 2, "MLFW": 2, "RMFRD": 15}  # images of a person and kind
PAIRED = 8_000  # faces of a data set, of which every pair is compared
BATCH = 32
SIZES, DRAWS = (3, 10, 25), 40  # people enrolled; galleries of each size


class Faces(NamedTuple):
    """Embedded faces of one data set."""

    embeddings: np.ndarray
    people: np.ndarray
    photos: np.ndarray
    masked: np.ndarray


def main() -> None:
    """Measures and writes, or checks."""
    parser = _tool.parser(__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument(
        "--check", nargs="?", const="dlib", metavar="RUN", help="default: dlib's network"
    )
    parser.add_argument("--on", choices=("mfr2", "rmfrd"), default="mfr2", help="for --check")
    parser.add_argument("--embeddings", metavar="DIR", help="keep embedded faces there")
    args = parser.parse_args()
    if args.check in (None, "dlib") and args.on == "rmfrd":
        parser.error(
            "--on rmfrd must be with --check RUN: dlib's rates were measured on these people"
        )
    check(args) if args.check else measure(args)


def measure(args: argparse.Namespace) -> None:
    """Measures the rates of dlib's network and writes them, with where they come from."""
    recognizer = Recognizer.load("dlib")
    rates: dict[str, list[Any]] = {condition: [] for condition in CONDITIONS}
    for name, most in MOST.items():
        faces = _kept(args, recognizer, name, most)
        found = pair_rates(
            faces.embeddings,
            faces.people.tolist(),
            faces.masked,
            data=name,
            photos=faces.photos.tolist(),
            most=PAIRED,
        )
        for condition, table in found.items():
            rates[condition].append(table.to_dict())
            _print_table(condition, table)
    made = {
        "fingerprint": recognizer.fingerprint,
        "source": "training people of LFW, MLFW (drawn masks) and RMFRD (worn masks)",
        "command": COMMAND,
        "seed": 0,
        "date": datetime.date.today().isoformat(),
        "rates": rates,
    }
    text = json.dumps({"networks": {"dlib": made}}).replace("}, {", "},\n{")  # a table a line
    FILE.write_text(text + "\n", encoding="utf-8")
    print(f"{FILE.name} written; run again with --check")


def _print_table(condition: str, table: Any) -> None:
    told = [(rate, table.threshold(rate)) for rate in (0.01, FAR, 1e-4)]
    at = ", ".join(
        f"FMR {rate:g} from {cosine:.4f} (FNMR {table.false_non_match_rate(cosine):g})"
        for rate, cosine in told
        if cosine is not None
    )
    print(
        f"{table.data}, {condition}: {table.people} people, {table.pairs} pairs of strangers, "
        f"{table.genuine} of one person; {at}; least rate {table.false_matches[-1][0]:g}"
    )


def _kept(args: argparse.Namespace, recognizer: Recognizer, name: str, most: int) -> Faces:
    """The embedded faces of a data set, from the folder of an earlier run where they are in it."""
    path = os.path.join(args.embeddings or "", f"{name}.npz")
    if args.embeddings and os.path.exists(path):
        with np.load(path) as file:
            return Faces(*(file[field] for field in Faces._fields))
    index = _at_most(_training_people(args.data, name), most)
    index = find_landmarks(index, progress=True).where(is_placed)
    index = datasets.with_photo_groups(index, progress=True)
    parts = [_embedded(recognizer, index, draw) for draw in ((False, True)[: 1 + (name == "LFW")])]
    faces = Faces(*map(np.concatenate, zip(*parts, strict=True)))
    if args.embeddings:
        os.makedirs(args.embeddings, exist_ok=True)
        np.savez(path, **faces._asdict())
    return faces


def _training_people(data: str, name: str) -> FaceIndex:
    root = f"{data}/{name.lower()}"
    if name == "RMFRD":
        index = datasets.rmfrd(root)
        masked = Counter(face.person for face in index.faces if face.domain == "masked")
        return index.where(lambda face: masked[face.person] < FEW_MASKED).without(MFR2_PEOPLE)
    alignment = "arcface" if name == "MLFW" else ""
    return _tool.open_set(root, "train", alignment).without(MFR2_PEOPLE)


def _at_most(index: FaceIndex, most: int) -> FaceIndex:
    """At most so many images of a person and kind, drawn by seed 0."""
    known: Counter[tuple[str, str]] = Counter()
    kept = set()
    for row in np.random.default_rng(0).permutation(len(index)):
        face = index.faces[row]
        known[face.person, face.domain] += 1
        if known[face.person, face.domain] <= most:
            kept.add(face.path)
    return index.where(lambda face: face.path in kept)


def _embedded(recognizer: Recognizer, index: FaceIndex, draw: bool) -> Faces:
    """The faces as a recognizer sees them, or with a drawn mask each."""
    size, alignment = recognizer.embedder.size, recognizer.alignment
    embeddings, masked = [], []
    for start in range(0, len(index), BATCH):
        chips = []
        for row in range(start, min(start + BATCH, len(index))):
            image, source = (
                images.read_image(index.paths[row]),
                datasets.face_source(index.faces[row]),
            )
            if draw:
                rng = np.random.default_rng([1, row])
                style = masking.STYLES[rng.integers(len(masking.STYLES))]
                seed = int(rng.integers(1 << 30))
                assert not isinstance(source, str), "masks are drawn by landmarks"
                image = masking.mask_photo(image, source.points, style, seed=seed)
            masked.append(masking.masked_probability(image, source) >= masking.SEEMS_MASKED)
            matrix = geometry.chip_matrix(
                *image.shape[:2], source=source, target=alignment, size=size
            )
            chips.append(geometry.warp(image, matrix, size))
        embeddings.append(normalized(recognizer.embedder(np.stack(chips))))
    return Faces(
        np.concatenate(embeddings),
        np.array([face.person for face in index.faces]),
        np.array([face.photo or face.path for face in index.faces]),
        np.array(masked),
    )


def check(args: argparse.Namespace) -> None:
    """Prints promised and measured rates on people that the rates were not measured on."""
    recognizer = Recognizer.load(args.check)
    rates = recognizer.rates
    if rates is None:
        raise SystemExit(f"{args.check} has no rates")
    if args.on == "rmfrd":
        known = set(training.Run(args.check).split()["test"].people)
        known.update(*(record["classes"] for _, record in lineage(args.check)))
        index = _at_most(_training_people(args.data, "RMFRD").without(known), 2)
        index = find_landmarks(index, progress=True).where(is_placed)
        _check_pairs(rates, _embedded(recognizer, index, draw=False))
        return
    index = datasets.read_pairs("mfr2", f"{args.data}/mfr2").index
    refuse_people(args.check, index.people)
    found = [
        (recognizer.one_face(path), face)
        for path, face in zip(index.paths, index.faces, strict=True)
        if len(recognizer.detect(path)) == 1
    ]
    faces, people = [face for face, _ in found], np.array([face.person for _, face in found])
    print(f"MFR2: one face found on {len(faces)} of {len(index)} photographs")
    embeddings = np.stack([face.embedding for face in faces])
    masked = np.array([face.masked >= masking.SEEMS_MASKED for face in faces])
    photos = np.array([face.path for _, face in found])
    _check_pairs(rates, Faces(embeddings, people, photos, masked))
    rng = np.random.default_rng(0)
    for size in SIZES:
        _check_galleries(recognizer, faces, people, size, rng)


def _check_pairs(rates: DefaultRates, faces: Faces) -> None:
    """Every pair of strangers under each condition, judged by the default thresholds."""
    first, second = np.triu_indices(len(faces.people), 1)
    cosines = (faces.embeddings @ faces.embeddings.T).clip(-1, 1)[first, second]
    one, other = faces.people[first], faces.people[second]
    kinds = np.array(CONDITIONS)[faces.masked[first].astype(int) + faces.masked[second]]
    for kind in CONDITIONS:
        strangers, genuine = ((kinds == kind) & (same == (one == other)) for same in (False, True))
        for far in (FAR, 0.01, 0.1):
            threshold = rates.threshold(far, [kind])
            passed = cosines >= (2.0 if threshold is None else threshold)
            low, high = _interval(passed[strangers], one[strangers], other[strangers])
            print(
                f"verify, {kind}: promised FMR {far:g}, measured {passed[strangers].mean():.5f} "
                f"[{low:.5f}, {high:.5f}] of {strangers.sum()} pairs; true matches "
                f"{passed[genuine].mean():.3f} of {genuine.sum()}: {_verdict(far, low)}"
            )


def _interval(passed: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    def share(weights: np.ndarray) -> np.ndarray:
        return np.array([np.average(passed, weights=weights) if weights.any() else np.nan])

    (found,) = pair_intervals(share, first.tolist(), second.tolist(), draws=300)
    return found["low"], found["high"]


def _check_galleries(
    recognizer: Recognizer,
    faces: list[EmbeddedFace],
    people: np.ndarray,
    size: int,
    rng: np.random.Generator,
) -> None:
    """Galleries of drawn people, each by all their unmasked photographs; everybody else is a stranger."""
    rates, bare = recognizer.rates, np.array([f.masked < masking.SEEMS_MASKED for f in faces])
    names = sorted({*people[bare]})
    named, whom = [], []
    for _ in range(DRAWS):
        enrolled = rng.choice(names, size, replace=False)
        gallery = Gallery(recognizer.fingerprint, cohort=recognizer.gallery.cohort)
        rows = np.flatnonzero(np.isin(people, enrolled) & bare)
        gallery.enroll_faces(people[rows].tolist(), [faces[row] for row in rows])
        for row in np.flatnonzero(~np.isin(people, enrolled)):
            (best,) = gallery.search(faces[row].embedding, 1)
            judged = judge_candidate(rates, gallery, faces[row], best, None)
            named.append(judged.threshold is not None and best.score >= judged.threshold)
            whom.append(people[row])
    low, high = bootstrap_interval(np.array(named, float), whom, draws=1000)
    print(
        f"identify, {size} people enrolled, {DRAWS} galleries: promised FPIR {FPIR:g}, measured "
        f"{np.mean(named):.5f} [{low:.5f}, {high:.5f}]: {_verdict(FPIR, low)}"
    )


def _verdict(promised: float, low: float) -> str:
    """Whether the promised rate lies in the measured one's interval or above it."""
    return "holds" if promised >= low else "DOES NOT HOLD"


if __name__ == "__main__":
    main()
