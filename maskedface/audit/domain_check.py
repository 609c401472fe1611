"""Which images look as if they lie in the wrong domain's folder: the mask estimate against the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from maskedface.datasets.face_index import Domain, Face

# Ours, by 5 % of labels flipped on RMFRD's people with fewer than 8 masked images: 0.1 finds 0.03 fewer,
# 0.4 names half as many again that are right (`tools/measure_domain_check.py`).
_THRESHOLD = 0.2
_MIN_ACCURACY = 0.75  # where it agrees less often than this with the labels it names nobody
_MIN_IMAGES = 50  # below, the agreement says nothing and is not looked at


class Suspect(NamedTuple):
    """An image that looks like the other domain.

    Attributes:
        path: str, as in the index.
        domain: the domain its row names: "masked" or "unmasked".
        probability: float in [0, 1], the estimate's probability that this domain is right.
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
        unplaced: int, images not looked at, as nothing says where their face lies.
        balanced_accuracy: float in [0, 1], the share of images for which the estimate agrees with the
            label, a mean over the domains that there are; None if not run.
        threshold: float in [0, 1], images below this probability are suspects.
        skipped: str, why no suspects are named; "" where they are.
    """

    suspects: tuple[Suspect, ...] = ()
    checked: int = 0
    unplaced: int = 0
    balanced_accuracy: float | None = None
    threshold: float = _THRESHOLD
    skipped: str = ""


def suspect_domains(
    faces: Sequence[Face],
    probabilities: Sequence[float | None],
    *,
    threshold: float = _THRESHOLD,
) -> DomainCheck:
    """Finds unmasked faces among the masked and the reverse, by `masking.masked_probability`.

    Nothing is learnt from the index, so one domain alone can be checked. It flags some images that are
    rightly labeled: look before removing. docs/datasets.md has the share of flipped labels that it
    finds, and of its suspects that are flipped.

    Args:
        faces: the rows to judge.
        probabilities: of each row, in [0, 1], that a mask is worn; None where that is not known, as
            nothing says where the face lies.
        threshold: float in (0, 1): suspects are the rows whose own domain is less probable.

    Returns:
        A `DomainCheck`. It names no suspects and says why in `skipped` where no probability is known, or
        where of 50 images or more the estimate agrees with too few labels.

    Raises:
        ValueError: if there are not as many probabilities as rows, one is out of range, or `threshold` is.
    """
    if len(faces) != len(probabilities):
        raise ValueError(
            "probabilities must hold one a row. "
            f"Received: {len(probabilities)} for {len(faces)} rows"
        )
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must be between 0 and 1. Received: threshold={threshold}")
    masked = np.array(probabilities, "float64")  # NaN where it is not known
    outside = masked[(masked < 0) | (masked > 1)]
    if outside.size:
        raise ValueError(f"probabilities must be in [0, 1]. Received: {outside[0]}")
    known = np.isfinite(masked)
    checked, unplaced = int(known.sum()), int((~known).sum())
    if not checked:
        skipped = "nothing says where the faces lie: --landmarks find looks for them"
        return DomainCheck(
            unplaced=unplaced,
            threshold=threshold,
            skipped=skipped if unplaced else "no image decodes",
        )
    labels = np.array([face.domain == "masked" for face in faces])
    own = np.where(labels, masked, 1 - masked)
    agreement = [
        (own[known & (labels == label)] > 0.5).mean() for label in np.unique(labels[known])
    ]
    accuracy = float(np.mean(agreement))
    if accuracy < _MIN_ACCURACY and checked >= _MIN_IMAGES:
        skipped = f"it cannot tell the domains apart here (balanced accuracy {accuracy:.2f})"
        return DomainCheck((), checked, unplaced, accuracy, threshold, skipped)
    suspects = tuple(
        Suspect(faces[row].path, faces[row].domain, float(own[row]))
        for row in np.argsort(own, kind="stable")
        if own[row] < threshold
    )
    return DomainCheck(suspects, checked, unplaced, accuracy, threshold)
