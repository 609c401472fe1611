"""A small gallery, and a cohort for one."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskedface.evaluation import Cohort
from maskedface.evaluation.scoring import normalized
from maskedface.recognition import Gallery
from maskedface.recognition.calibration import Calibration, current_form

FACES = np.array([[1, 0, 0], [0, 1, 0], [0.6, 0.8, 0], [0, 0, 2]], "float32")
PEOPLE = ["ada", "bo", "ada", "cy"]
OTHERS = Cohort(normalized(np.random.default_rng(1).normal((1, 0, 0), size=(30, 3))), 5)


def thresholds(**words: Any) -> Calibration:
    """Thresholds as an earlier version wrote them: one for all faces, one for all pairs."""
    known = {"fpir": 0.1, "identify": 0.4, "far": 0.1, "verify": 0.5, "probes": 9, "people": 9}
    return Calibration(**current_form({**known, "gallery": 3, "source": "drawn", **words}))


def gallery(keep: Any = "mean") -> Gallery:
    made = Gallery("f00d", keep=keep, source="a model")
    made.enroll(PEOPLE, FACES)
    return made
