"""Fits the coefficients of the mask estimate on drawn and worn masks, and measures them on other people.

    python tools/fit_mask_estimate.py --data D           # writes masking/estimate_coefficients.py
    python tools/fit_mask_estimate.py --data D --check   # measures what is there, fits nothing

D holds mlfw/, rmfrd/, lfw/ and mfr2/ (docs/datasets.md). Fitted on: MLFW's open_set=train (drawn masks, by
its stated alignment), RMFRD's people with fewer than 8 masked images and 2,000 faces of LFW's
open_set=train (both by landmarks that `landmarks.find_landmarks` finds), and, weighing little, drawn
people, so that the package's own demo is judged too. Measured on: MLFW's open_set=test, RMFRD's other
people and MFR2, each as it is, in gray, made small and taken whole.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import _tool
import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from maskedface import datasets, images
from maskedface.datasets import MFR2_PEOPLE, FaceIndex
from maskedface.datasets.face_places import is_placed
from maskedface.images.in_threads import read_many
from maskedface.landmarks import find_landmarks
from maskedface.masking.estimate import mask_features, masked_probability
from maskedface.synthetic.face_drawing import draw_face

MODULE = _tool.ROOT / "maskedface" / "masking" / "estimate_coefficients.py"
PHOTOGRAPHS = ("MLFW", "RMFRD", "LFW")
LFW_FACES = 2000
DRAWN, DRAWN_SHARE = range(1000, 1300), 0.05  # people that no test draws; weight against all others
PENALTIES = (0.03, 0.1, 0.3, 1.0)  # inverse, on features of variance 1
FOLDS = 5
CONTRADICTED = (
    0.1  # a label that the first fit, not made on the person, gives less is not fitted on
)
SMALL = 24  # pixels a side of the ArcFace crop that "small" leaves


class Fitted(NamedTuple):
    """A logistic regression."""

    coefficients: np.ndarray
    intercept: float

    def masked(self, features: np.ndarray) -> np.ndarray:
        logits = np.clip(features @ self.coefficients + self.intercept, -60, 60)
        return np.asarray(1 / (1 + np.exp(-logits)))


class Faces(NamedTuple):
    """Rows of one data set, ready to fit on."""

    features: np.ndarray
    masked: np.ndarray
    people: np.ndarray


def main() -> None:
    """Fits and writes, or measures."""
    parser = _tool.parser(__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--check", action="store_true", help="measure what is there, fit nothing")
    args = parser.parse_args()
    if args.check:
        measure(args.data)
    else:
        fit(args.data)


def to_fit(data: str) -> dict[str, FaceIndex]:
    """The rows that may be fitted on, by data set."""
    mlfw = _tool.open_set(f"{data}/mlfw", "train", "arcface").without(MFR2_PEOPLE)
    few = _rmfrd(f"{data}/rmfrd")[0].without(MFR2_PEOPLE)
    lfw = _tool.open_set(f"{data}/lfw", "train").without(MFR2_PEOPLE)
    chosen = set(np.random.default_rng(0).permutation(len(lfw))[:LFW_FACES].tolist())
    sample = FaceIndex(lfw.root, [face for row, face in enumerate(lfw.faces) if row in chosen])
    return {"MLFW": mlfw, "RMFRD": few, "LFW": sample}


def to_measure(data: str) -> dict[str, FaceIndex]:
    """The rows of other people that are reported on, by data set."""
    return {
        "MLFW open_set=test": _tool.open_set(f"{data}/mlfw", "test", "arcface"),
        "RMFRD, 8 masked or more": _rmfrd(f"{data}/rmfrd")[1],
        "MFR2": datasets.read_pairs("mfr2", f"{data}/mfr2").index,
    }


def _rmfrd(root: str) -> tuple[FaceIndex, FaceIndex]:
    """The people with fewer than 8 masked images, and all others."""
    index = datasets.rmfrd(root)
    masked = Counter(face.person for face in index.faces if face.domain == "masked")
    return index.where(lambda f: masked[f.person] < 8), index.where(lambda f: masked[f.person] >= 8)


def fit(data: str) -> None:
    """Chooses the penalty by people, drops contradicted labels, fits and writes."""
    sets = {name: _faces(index) for name, index in to_fit(data).items()} | {"drawn": _drawn()}
    masked = np.concatenate([faces.masked for faces in sets.values()])
    people = np.concatenate(
        [[f"{name}/{one}" for one in faces.people] for name, faces in sets.items()]
    )
    cells = np.concatenate([np.full(len(faces.masked), name) for name, faces in sets.items()])
    features = np.concatenate([faces.features for faces in sets.values()])
    penalty, masked_by_others = _choose(features, masked, people, cells)
    own = np.where(masked, masked_by_others, 1 - masked_by_others)
    kept = (own >= CONTRADICTED) | (cells != "RMFRD")
    print(f"{(~kept).sum()} of {len(kept)} labels contradicted (RMFRD) and not fitted on")
    penalty, _ = _choose(features[kept], masked[kept], people[kept], cells[kept])
    fitted = _fit(features[kept], masked[kept], cells[kept], penalty)
    sources = {name: int((cells[kept] == name).sum()) for name in sets}
    _write(fitted, sources, len(set(people[kept])))


def _faces(index: FaceIndex) -> Faces:
    """The features of the rows whose place is known, each in color and in gray."""
    index = find_landmarks(index, progress=True).where(is_placed)

    def read(row: int) -> tuple[np.ndarray, np.ndarray]:
        image = images.read_image(index.paths[row])
        source = datasets.face_source(index.faces[row])
        return mask_features(image, source), mask_features(_gray(image), source)

    rows = read_many(read, range(len(index)), label="reading")
    masked = index.masked
    people = [face.person for face in index.faces]
    return Faces(
        np.concatenate([np.stack(part) for part in zip(*rows, strict=True)]),
        np.tile(masked, 2),
        np.tile(people, 2),
    )


def _drawn() -> Faces:
    """The features of drawn people, each with a mask and without, in color and in gray."""
    rows = [(person, masked) for person in DRAWN for masked in (False, True)]
    images = [draw_face(person, 0, masked) for person, masked in rows]
    shown = [*images, *map(_gray, images)]
    return Faces(
        np.stack([mask_features(image, "arcface") for image in shown]),
        np.tile([masked for _, masked in rows], 2),
        np.tile([str(person) for person, _ in rows], 2),
    )


def _weights(masked: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Masked and unmasked weigh the same, and in each domain every data set of photographs."""
    weights = np.where(cells == "drawn", DRAWN_SHARE * len(cells) / (cells == "drawn").sum(), 0)
    for domain in (True, False):
        there = [name for name in PHOTOGRAPHS if (masked[cells == name] == domain).any()]
        for name in there:
            rows = (cells == name) & (masked == domain)
            weights[rows] = len(masked) / (2 * len(there) * rows.sum())
    return weights


def _fit(features: np.ndarray, masked: np.ndarray, cells: np.ndarray, penalty: float) -> Fitted:
    middle, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    model = LogisticRegression(C=penalty, max_iter=5000)
    model.fit((features - middle) / scale, masked, sample_weight=_weights(masked, cells))
    coefficients = model.coef_[0] / scale
    return Fitted(coefficients, float(model.intercept_[0] - coefficients @ middle))


def _choose(
    features: np.ndarray, masked: np.ndarray, people: np.ndarray, cells: np.ndarray
) -> tuple[float, np.ndarray]:
    """The penalty of the least weighted log loss on people not fitted on, and what it gives them."""
    weights, found = _weights(masked, cells), {}
    for penalty in PENALTIES:
        given = np.empty(len(masked))
        for train, test in GroupKFold(FOLDS).split(features, masked, people):
            given[test] = _fit(features[train], masked[train], cells[train], penalty).masked(
                features[test]
            )
        own = np.where(masked, given, 1 - given)
        loss = float(np.average(-np.log(np.maximum(own, 1e-9)), weights=weights))
        shares = ", ".join(
            f"{name} {'masked' if domain else 'unmasked'} {np.mean(own[rows] > 0.5):.4f}"
            for name in dict.fromkeys(cells)
            for domain in (True, False)
            if (rows := (cells == name) & (masked == domain)).any()
        )
        right = np.average(own > 0.5, weights=weights)
        print(f"C {penalty:g}: log loss {loss:.4f}, right {right:.4f} ({shares})")
        found[penalty] = loss, given
    best = min(PENALTIES, key=lambda penalty: found[penalty][0])
    return best, found[best][1]


def _write(fitted: Fitted, sources: dict[str, int], people: int) -> None:
    numbers = [f"{value:.5f}" for value in fitted.coefficients]
    lines = [f"    {', '.join(numbers[row : row + 8])}," for row in range(0, len(numbers), 8)]
    shown = ", ".join(f"{name} {count}" for name, count in sources.items())
    MODULE.write_text(
        f'"""Written by tools/fit_mask_estimate.py: a logistic regression on faces of {people} people in '
        f'color and\ngrey ({shown})."""\n\n'
        f"INTERCEPT = {fitted.intercept:.5f}\n"
        "# fmt: off\nCOEFFICIENTS = (\n" + "\n".join(lines) + "\n)\n# fmt: on\n"
    )
    print(f"{MODULE.name}: {len(numbers)} coefficients; {shown}; run again with --check")


def _gray(image: np.ndarray) -> np.ndarray:
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def measure(data: str) -> None:
    """Prints how often the estimate agrees with the labels, by data set, domain and kind of image."""
    for name, index in to_measure(data).items():
        placed = find_landmarks(index, progress=True).where(is_placed)
        masked = placed.masked
        found = np.array(
            read_many(
                lambda row: _kinds(placed, row),  # noqa: B023
                range(len(placed)),
                label="reading",
            )
        )
        print(f"{name}: {len(index)} images, {len(index) - len(placed)} without landmarks")
        for kind, column in zip(
            ("as it is", "gray", f"{SMALL} px", "whole image"), found.T, strict=True
        ):
            right = (column >= 0.5) == masked
            print(
                f"    {kind}: {right[masked].mean():.4f} of {masked.sum()} masked, "
                f"{right[~masked].mean():.4f} of {(~masked).sum()} unmasked"
            )


def _kinds(index: FaceIndex, row: int) -> list[float]:
    from maskedface import geometry

    image = images.read_image(index.paths[row])
    source = datasets.face_source(index.faces[row])
    matrix = geometry.chip_matrix(*image.shape[:2], source=source, target="arcface", size=SMALL)
    small = geometry.warp(image, matrix, SMALL)
    return [
        masked_probability(image, source),
        masked_probability(_gray(image), source),
        masked_probability(small, "arcface"),
        masked_probability(image, ""),
    ]


if __name__ == "__main__":
    main()
