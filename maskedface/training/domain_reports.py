"""What a run reports of its test rows, by domain."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskedface.datasets import FaceIndex
from maskedface.evaluation import Cohort, classification_report, rank_one_report


def open_results(
    test: FaceIndex,
    embeddings: np.ndarray,
    cohort: Cohort | None = None,
    templates: np.ndarray | None = None,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What a run reports of people it was not trained on.

    Args:
        test: the rows.
        embeddings: float array, shape (rows, features).
        cohort: whom the gallery is compared with.
        templates: what is enrolled of each row, where that is not its embedding.

    Returns:
        (`evaluation.rank_one_report`; {"embeddings": embeddings}, the cohort's arrays and "templates").
    """
    people, domains, photos = zip(
        *((face.person, face.domain, face.photo) for face in test.faces), strict=True
    )
    metrics = rank_one_report(embeddings, people, domains, photos, cohort, templates)
    arrays = {} if cohort is None else cohort.arrays()
    if templates is not None:
        arrays["templates"] = templates
    return metrics, {"embeddings": embeddings} | arrays


def report_domains(test: FaceIndex, labels: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """`evaluation.classification_report` of each domain that the rows hold.

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
