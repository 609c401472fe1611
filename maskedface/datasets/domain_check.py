"""Which images look as if they lie in the wrong domain's folder: a small check that errs, and says
how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from maskedface.datasets.face_index import DOMAINS, Domain, Face

# Our own choices, by trial on MLFW; see `suspect_domains` for what they reach there.
_SIZE = (16, 12)  # width, height of the lower face that is kept
_BOX = (1 / 14, 3 / 7, 13 / 14, 1.0)  # left, top, right, bottom: mouth and chin of a face crop
_THRESHOLD = 0.4
_FOLDS = 5
_TRAINED_ON = 2000  # images a domain and fold: more adds time and little else
_MIN_PEOPLE, _MIN_IMAGES = 10, 50  # a domain; below, five folds say nothing
_MIN_ACCURACY = 0.75  # a check that agrees less often than this with the folders names nobody


class Suspect(NamedTuple):
    """An image that looks like the other domain.

    Attributes:
        path: str, as in the index.
        domain: the domain its row names: "masked" or "unmasked".
        probability: float in [0, 1], the check's probability that this domain is right.
    """

    path: str
    domain: Domain
    probability: float


@dataclass(frozen=True)
class DomainCheck:
    """What the check found, and how far to trust it.

    Attributes:
        suspects: tuple of `Suspect`, the least probable first.
        checked: int, images looked at.
        balanced_accuracy: float in [0, 1], mean over both domains of the share of images for which
            the check agrees with the folder, for people it was not trained on; None if not run.
        threshold: float in [0, 1], images below this probability are suspects.
        skipped: str, why no suspects are named; "" where they are.
    """

    suspects: tuple[Suspect, ...] = ()
    checked: int = 0
    balanced_accuracy: float | None = None
    threshold: float = _THRESHOLD
    skipped: str = ""

    @property
    def share_flagged(self) -> float:
        """Suspects among the checked images, in [0, 1]."""
        return len(self.suspects) / self.checked if self.checked else 0.0


def lower_face(image: np.ndarray) -> np.ndarray:
    """The small picture of mouth and chin that the check looks at.

    Args:
        image: uint8 array, shape (height, width, 3): a crop that a face fills, aligned or not.

    Returns:
        uint8 array, shape (12, 16, 3).
    """
    height, width = image.shape[:2]
    box = (_BOX[0] * width, _BOX[1] * height, _BOX[2] * width, _BOX[3] * height)
    return np.asarray(Image.fromarray(image).resize(_SIZE, Image.Resampling.BILINEAR, box=box))


def suspect_domains(
    faces: Sequence[Face],
    lower_faces: np.ndarray,
    *,
    threshold: float = _THRESHOLD,
    seed: int = 0,
) -> DomainCheck:
    """Finds unmasked faces among the masked and the reverse.

    No outside model: trees learn from the index's own labels what a covered lower face looks like,
    on four fifths of the people, and judge the rest (scikit-learn's ExtraTrees, both domains
    weighed alike). So it works while most labels are right and both domains have many people, and
    it flags some images that are rightly labelled: look before removing. On MLFW, whose masks are
    drawn in few styles, with 5 % of all labels flipped at random and seeds 0, 1, 2, it found
    96.1 to 99.8 % of the flips, and 95.0 to 96.0 % of its suspects were flips. Where fewer labels are
    wrong, a smaller part of the suspects are. Measure it with
    `tools/measure_domain_check.py`.

    Args:
        faces: the rows to judge.
        lower_faces: uint8 array, shape (rows, 12, 16, 3), `lower_face` of each.
        threshold: float in (0, 1): suspects are the rows whose own domain is less probable.
        seed: int, of folds, sub-samples and trees: the same seed gives the same suspects.

    Returns:
        A `DomainCheck`. It names no suspects and says why in `skipped` where a domain has fewer
        than 10 people or 50 images, or where the check agrees with the folders too seldom.

    Raises:
        ValueError: if there are not as many pictures as rows, or `threshold` is out of range.
    """
    if len(faces) != len(lower_faces):
        raise ValueError(
            "lower_faces must hold one picture a row. "
            f"Received: {len(lower_faces)} for {len(faces)} rows"
        )
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must be between 0 and 1. Received: threshold={threshold}")
    skipped = _too_few(faces)
    if skipped:
        return DomainCheck(threshold=threshold, skipped=skipped)
    masked = np.array([face.domain == "masked" for face in faces])
    people = np.unique([face.person for face in faces], return_inverse=True)[1]
    probability = _out_of_fold(_features(lower_faces), masked, people, seed)
    own = np.where(masked, probability, 1 - probability)
    accuracy = float(np.mean([(own[masked] > 0.5).mean(), (own[~masked] > 0.5).mean()]))
    if accuracy < _MIN_ACCURACY:
        skipped = f"it cannot tell the domains apart here (balanced accuracy {accuracy:.2f})"
        return DomainCheck((), len(faces), accuracy, threshold, skipped)
    found = [(float(p), face) for p, face in zip(own, faces, strict=True) if p < threshold]
    suspects = tuple(Suspect(face.path, face.domain, value) for value, face in sorted(found))
    return DomainCheck(suspects, len(faces), accuracy, threshold)


def _too_few(faces: Sequence[Face]) -> str:
    for domain in DOMAINS:
        rows = [face for face in faces if face.domain == domain]
        people = len({face.person for face in rows})
        if not rows:
            return f"there are no {domain} images to compare with"
        if people < _MIN_PEOPLE or len(rows) < _MIN_IMAGES:
            return (
                f"too little to learn from: {len(rows)} {domain} images of {people} people, "
                f"at least {_MIN_IMAGES} of {_MIN_PEOPLE} are needed"
            )
    return ""


def _features(pictures: np.ndarray) -> np.ndarray:
    """Colours, and how much grey changes to the right and downwards: (rows, 940) int16."""
    grey = pictures.mean(axis=-1, dtype="float32").round().astype("int16")
    parts = (pictures.astype("int16"), *(np.abs(np.diff(grey, axis=axis)) for axis in (1, 2)))
    return np.concatenate([part.reshape(len(pictures), -1) for part in parts], axis=1)


def _out_of_fold(
    features: np.ndarray, masked: np.ndarray, people: np.ndarray, seed: int
) -> np.ndarray:
    """Each row's probability of a mask, by trees that saw no image of its person."""
    # Here, not above: importing scikit-learn takes longer than auditing a small folder.
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import StratifiedGroupKFold

    random = np.random.default_rng(seed)
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed)
    probability = np.empty(len(masked))
    for train, test in folds.split(features, masked, people):
        shuffled = random.permutation(train)
        parts = [shuffled[masked[shuffled] == domain][:_TRAINED_ON] for domain in (True, False)]
        chosen = np.concatenate(parts)
        trees = ExtraTreesClassifier(
            100, min_samples_leaf=3, class_weight="balanced", n_jobs=-1, random_state=seed
        )
        trees.fit(features[chosen], masked[chosen])
        probability[test] = trees.predict_proba(features[test])[:, 1]
    return probability.round(6)  # threads add the trees in any order: drop what that changes
