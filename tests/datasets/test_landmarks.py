from __future__ import annotations

from typing import Any

import pytest

from maskedface.datasets import Landmarks

FIVE = ((30, 40), (70, 41), (50, 60), (35, 80), (66, 81))


def test_points_and_confidence_are_kept_as_manifests_write_them() -> None:
    found = Landmarks(((30.126, 40), *FIVE[1:]), "aligner", 0.123456)
    assert found.points[0] == (30.13, 40.0) and found.confidence == 0.1235
    assert Landmarks.from_cells(*found.to_cells()) == found


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((FIVE[:4], "given", 1), r"five pairs \(x, y\) of finite numbers. Received: points="),
        (((*FIVE[:4], (1, float("inf"))), "given", 1), "five pairs"),
        (((*FIVE[:4], (1, 2, 3)), "given", 1), "five pairs"),
        (("none", "given", 1), "five pairs"),
        (((FIVE[0],) * 5, "given", 1), "must not all coincide"),
        ((FIVE, " ", 1), "source must not be empty. Received: source=' '"),
        ((FIVE, "given", 1.01), r"confidence must be in \[0, 1\]. Received: confidence=1.01"),
        ((FIVE, "given", float("nan")), r"confidence must be in \[0, 1\]"),
        ((FIVE, "given", "sure"), r"confidence must be in \[0, 1\]"),
    ],
)
def test_wrong_landmarks_are_refused(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Landmarks(*values)
