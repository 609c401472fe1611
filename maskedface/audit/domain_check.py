"""Finds images that are probably labeled with the wrong domain, by comparison with the mask
estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from maskedface.datasets.face_index import Domain, Face

# Measured with 5 % of the labels flipped on RMFRD's people with fewer than 8 masked images: 0.1
# finds a share of 0.03 fewer, 0.4 flags half as many correct labels again
# (`tools/measure_domain_check.py`).
_THRESHOLD = 0.2
_MIN_ACCURACY = 0.75  # below this agreement with the labels no suspects are reported
_MIN_IMAGES = 50  # with fewer images the agreement is not significant and is ignored


class Suspect(NamedTuple):
    """An image that looks like the other domain.

    Attributes:
        path: str, as in the index.
        domain: the labeled domain: "masked" or "unmasked".
        probability: float in [0, 1], the estimate's probability that this domain is right.
    """

    path: str
    domain: Domain
    probability: float


@dataclass(frozen=True)
class DomainCheck:
    """Results of the check, and their reliability.

    Attributes:
        suspects: tuple of `Suspect`, the least probable first.
        checked: int, number of checked images.
        unplaced: int, number of images not checked, as they have no landmarks or alignment.
        balanced_accuracy: float in [0, 1], the share of images for which the estimate agrees with the
            label, averaged over the domains present; None if not run.
        threshold: float in [0, 1], images below this probability are suspects.
        skipped: str, why no suspects are reported, or "".
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
    """Finds unmasked faces labeled as masked and vice versa, by `masking.masked_probability`.

    Nothing is fitted to the index, so a single domain can be checked. Some flagged images have
    correct labels: inspect them before removing any. docs/results.md (Audit) reports recall and
    precision for flipped labels.

    Args:
        faces: the rows to check.
        probabilities: the probability of a mask for each row, in [0, 1]; None if it is unknown, as
            the row has no landmarks or alignment.
        threshold: float in (0, 1): suspects are the rows whose labeled domain is less probable.

    Returns:
        A `DomainCheck`. It has no suspects, and the reason in `skipped`, if no probability is
        known, or if for 50 or more images the estimate agrees with too few labels.

    Raises:
        ValueError: if the lengths differ, or a probability or `threshold` is out of range.
    """
    if len(faces) != len(probabilities):
        raise ValueError(
            "probabilities must have one value per row. "
            f"Received: {len(probabilities)} for {len(faces)} rows"
        )
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must be between 0 and 1. Received: threshold={threshold}")
    masked = np.array(probabilities, "float64")  # NaN if unknown
    outside = masked[(masked < 0) | (masked > 1)]
    if outside.size:
        raise ValueError(f"probabilities must be in [0, 1]. Received: {outside[0]}")
    known = np.isfinite(masked)
    checked, unplaced = int(known.sum()), int((~known).sum())
    if not checked:
        skipped = "the faces have no landmarks or alignment: --landmarks find detects them"
        return DomainCheck(
            unplaced=unplaced,
            threshold=threshold,
            skipped=skipped if unplaced else "no image can be decoded",
        )
    labels = np.array([face.domain == "masked" for face in faces])
    own = np.where(labels, masked, 1 - masked)
    agreement = [
        (own[known & (labels == label)] > 0.5).mean() for label in np.unique(labels[known])
    ]
    accuracy = float(np.mean(agreement))
    if accuracy < _MIN_ACCURACY and checked >= _MIN_IMAGES:
        skipped = (
            f"the estimate cannot separate the domains here (balanced accuracy {accuracy:.2f})"
        )
        return DomainCheck((), checked, unplaced, accuracy, threshold, skipped)
    suspects = tuple(
        Suspect(faces[row].path, faces[row].domain, float(own[row]))
        for row in np.argsort(own, kind="stable")
        if own[row] < threshold
    )
    return DomainCheck(suspects, checked, unplaced, accuracy, threshold)
