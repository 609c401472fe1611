"""What thresholds of a gallery's own keep on other strangers: one for all faces, or one for masked ones.

    python tools/measure_gallery_thresholds.py dlib --masks 10 --data D --alignment arcface \
        --manifest D/protocols/manifest.csv --protocol open_set --part test
    python tools/measure_gallery_thresholds.py dlib --masks 10 --data R --manifest few.csv --protocol few

Nothing is trained. In each of --draws draws by chance a quarter of the people are enrolled by an unmasked
photograph each, thresholds are chosen for --fpir on photographs of half of the people, and all photographs
of the others are asked about: those of people who are not enrolled give the FPIR found, the other
photographs of those who are the FNIR (nobody or somebody else is named). A face is masked where its row
says so. "chosen on": the unmasked photographs, these and the masked ones, or these and the same under a
drawn mask; one threshold, or one for unmasked and one for masked faces (`Gallery.calibrate(kinds=...)`).
Figures are means and standard deviations of the draws.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import _tool
import numpy as np

from maskedface import datasets
from maskedface.cli import data
from maskedface.datasets import FaceIndex
from maskedface.evaluation import Cohort
from maskedface.masking import masked_once, masked_templates
from maskedface.recognition import Gallery, Recognizer
from maskedface.recognition.calibration import Calibration, ProbeKind
from maskedface.training.named_models import faces_of

BLOCK = 256  # faces that masks are drawn on together


class Faces(NamedTuple):
    """Faces of people: who is on each, its photograph, whether it is masked, its embedding, and of an
    unmasked one its template and its embedding under a drawn mask."""

    people: np.ndarray
    photos: np.ndarray
    masked: np.ndarray
    bare: np.ndarray
    templates: np.ndarray
    covered: np.ndarray


def embedded(recognizer: Recognizer, rows: FaceIndex, masks: int) -> Faces:
    """The faces as a recognizer enrolls them with drawn masks, and as it looks them up."""
    alignment = recognizer.alignment
    chips = datasets.read_aligned_faces(rows, size=recognizer.embedder.size, alignment=alignment)
    bare = recognizer.embedder(chips)
    templates, covered = bare.copy(), bare.copy()
    unmasked = np.flatnonzero(~rows.masked)
    for at in range(0, len(unmasked), BLOCK):
        part = unmasked[at : at + BLOCK]
        if masks:
            templates[part] = masked_templates(
                recognizer.embedder, chips[part], bare[part], count=masks, alignment=alignment
            )
        covered[part] = masked_once(recognizer.embedder, chips[part], alignment=alignment)
    people = np.array([face.person for face in rows.faces])
    photos = np.array([face.photo or face.path for face in rows.faces])
    return Faces(people, photos, rows.masked, bare, templates, covered)


def calibrated(
    gallery: Gallery, faces: Faces, rows: np.ndarray, fpir: float
) -> dict[str, Calibration]:
    """Chooses thresholds on the photographs at `rows`, in each way."""
    unmasked, worn = rows[~faces.masked[rows]], rows[faces.masked[rows]]
    bare: tuple[np.ndarray, np.ndarray, ProbeKind] = (faces.bare, unmasked, "unmasked")
    all_of_them: dict[str, list[tuple[np.ndarray, np.ndarray, ProbeKind]]] = {
        "unmasked, one": [bare],
        "masked too, one": [bare, (faces.bare, worn, "unmasked")],
        "drawn masks, one": [bare, (faces.covered, unmasked, "unmasked")],
        "drawn masks, two": [bare, (faces.covered, unmasked, "drawn mask")],
        "masked too, two": [bare, (faces.bare, worn, "masked")],
    }
    made = {}
    for name, parts in all_of_them.items():
        number = np.concatenate([of for _, of, _ in parts])
        made[name] = gallery.calibrate(
            np.concatenate([embeddings[of] for embeddings, of, _ in parts]),
            faces.people[number].tolist(),
            fpir=fpir,
            source=name,
            photos=faces.photos[number].tolist(),
            kinds=[kind for _, of, kind in parts for _ in of],
        )
    return made


def found(
    faces: Faces, cohort: Cohort | None, fpirs: list[float], rng: np.random.Generator
) -> dict[tuple[float, str], list[float]]:
    """The FPIR of unmasked and of masked faces, and their FNIR, for a draw of people.

    Returns:
        {(FPIR asked, how the thresholds were chosen): the four rates; NaN where there is no face}.
    """
    names = rng.permutation(np.unique(faces.people[~faces.masked]))
    enrolled, strangers = names[: len(names) // 4], names[len(names) // 4 : 3 * len(names) // 4]
    first = [
        rng.choice(np.flatnonzero((faces.people == name) & ~faces.masked)) for name in enrolled
    ]
    gallery = Gallery(cohort=cohort)
    gallery.enroll(enrolled.tolist(), faces.templates[first])
    known = np.isin(faces.people, enrolled)
    asked = ~np.isin(faces.people, strangers) & ~np.isin(faces.photos, faces.photos[first])
    best = {row: gallery.search(faces.bare[row], 1)[0] for row in np.flatnonzero(asked)}
    rates = {}
    for fpir in fpirs:
        made = calibrated(gallery, faces, np.flatnonzero(np.isin(faces.people, strangers)), fpir)
        for how, thresholds in made.items():
            named = np.zeros(len(known), bool)
            for row, who in best.items():
                is_near = who.score >= thresholds.for_probe(bool(faces.masked[row]))
                named[row] = is_near and (not known[row] or who.person == faces.people[row])
            shares = []
            for of in (~known, known):
                for masked in (False, True):
                    part = named[asked & of & (faces.masked == masked)]
                    shares.append(float(part.mean()) if len(part) else float("nan"))
            rates[fpir, how] = [*shares[:2], *(1 - share for share in shares[2:])]
    return rates


def main() -> None:
    words = _tool.parser(__doc__)
    words.add_argument("models", nargs="+", help="as for maskedface enroll")
    words.add_argument("--masks", type=int, default=0, help="drawn on who is enrolled (0)")
    words.add_argument("--fpir", type=float, nargs="+", default=[0.02, 0.1], help="(0.02 0.1)")
    words.add_argument("--draws", type=int, default=40, help="(40)")
    _tool.add_rows(words, "test")
    args = words.parse_args()
    logging.getLogger("maskedface").setLevel(logging.ERROR)  # people who resemble each other
    for number, name in enumerate(args.models):
        recognizer = Recognizer.load(name)
        (rows,) = data.placed(args, faces_of(name), _tool.read_rows(args))
        rows = datasets.with_photo_groups(rows.people_in_both())
        faces = embedded(recognizer, rows, args.masks)
        draws = [
            found(faces, recognizer.gallery.cohort, args.fpir, np.random.default_rng(seed))
            for seed in range(args.draws)
        ]
        if not number:
            print(f"{rows!r}\n\n| network | FPIR asked | chosen on | FPIR found | FNIR |")
            print("|---|---|---|---|---|\n| | | | unmasked, masked | unmasked, masked |")
        for key in draws[0]:
            shares = [draw[key] for draw in draws]
            means, spreads = np.nanmean(shares, axis=0), np.nanstd(shares, axis=0)
            rates = [f"{mean:.3f} ± {sd:.3f}" for mean, sd in zip(means, spreads, strict=True)]
            cells = f"{', '.join(rates[:2])} | {', '.join(rates[2:])}"
            print(f"| `{name}` | {key[0]:g} | {key[1]} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
