"""Checks that a run's files are consistent with each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from maskedface.datasets import FaceIndex


def check_rows(
    run: str,
    arrays: Mapping[str, np.ndarray],
    record: Mapping[str, Any],
    parts: Mapping[str, FaceIndex],
) -> None:
    """Compares a run's predictions with its rows and people.

    Args:
        run: the folder, for the message.
        arrays: the contents of predictions.npz.
        record: the contents of run.json.
        parts: {"train", "test"}: the manifest's rows.

    Raises:
        ValueError: if counts, labels or people differ; the message lists the differences.
    """
    test, people = parts["test"], tuple(record["classes"])
    wrong = [
        f"{len(arrays[name])} {name} for {len(test)} test rows"
        for name in ("labels", "logits", "embeddings", "templates")
        if name in arrays and len(arrays[name]) != len(test)
    ]
    if parts["train"].people != people:
        wrong.append(
            f"{len(parts['train'].people)} people in the manifest for {len(people)} classes"
        )
    if "logits" in arrays and arrays["logits"].shape[1:] != (len(people),):
        wrong.append(f"logits of shape {arrays['logits'].shape} for {len(people)} classes")
    if not wrong and "labels" in arrays:
        other = int((arrays["labels"] != test.labels(people)).sum())
        wrong += [f"{other} labels that differ from the manifest's"] if other else []
    if wrong:
        raise ValueError(
            f"a run's files must be consistent. Received: {run!r} with {'; '.join(wrong)}"
        )
