"""A run's evaluation reports of its test rows, one per domain."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskedface.datasets import FaceIndex
from maskedface.evaluation import classification_report


def report_domains(test: FaceIndex, labels: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """`evaluation.classification_report` for each domain of the rows.

    Args:
        test: the rows.
        labels: int array, shape (rows,).
        logits: float array, shape (rows, classes).

    Returns:
        {domain: report}.
    """
    domains = np.array([face.domain for face in test.faces])
    people = np.array([face.person for face in test.faces], dtype=object)
    return {
        domain: classification_report(
            labels[domains == domain], logits[domains == domain], list(people[domains == domain])
        )
        for domain in sorted(set(domains.tolist()))
    }
