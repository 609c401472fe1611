"""A small gallery, and a cohort for one."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskedface.evaluation import Cohort
from maskedface.evaluation.scoring import normalized
from maskedface.recognition import Gallery

FACES = np.array([[1, 0, 0], [0, 1, 0], [0.6, 0.8, 0], [0, 0, 2]], "float32")
PEOPLE = ["ada", "bo", "ada", "cy"]
OTHERS = Cohort(normalized(np.random.default_rng(1).normal((1, 0, 0), size=(30, 3))), 5)


def gallery(keep: Any = "mean") -> Gallery:
    made = Gallery("f00d", keep=keep, source="a model")
    made.enroll(PEOPLE, FACES)
    return made
