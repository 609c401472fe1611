"""A network of mean colors, and people who are told apart by the color of their photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface.evaluation.false_matches import CONDITIONS, PairRates
from maskedface.recognition import Recognizer
from maskedface.recognition.default_rates import DefaultRates
from tests.recognition.conftest import colors_model as colors_model, told

LEFT, RIGHT = (40.0, 60.0, 152.0, 172.0), (240.0, 60.0, 352.0, 172.0)
COLORS = {"Ada": (250, 40, 40), "Bob": (40, 60, 250), "Cy": (40, 220, 40)}


@pytest.fixture
def rates() -> DefaultRates:
    """One pair of strangers in a thousand has a cosine of .9."""
    table = PairRates("drawn", 100, 4950, 100, ((0.1, 0.5), (0.001, 0.9)), ())
    return DefaultRates({name: (table,) for name in CONDITIONS}, "drawn people")


@pytest.fixture
def photograph(tmp_path: Path) -> Callable[..., str]:
    """Writes a photograph of 400 x 240 px with a face of each person, on the left and on the right."""

    def write(name: str, *people: str, ending: str = ".png") -> str:
        image = np.full((240, 400, 3), 90, "uint8")
        seed = np.random.default_rng(len(name))
        for person, box in zip(people, (LEFT, RIGHT), strict=False):
            left, top, right, bottom = (int(side) for side in box)
            color = np.array(COLORS[person]) + seed.integers(-5, 6, 3)
            image[top:bottom, left:right] = color.clip(0, 255)
        path = tmp_path / "photographs" / f"{name}{ending}"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
        return str(path)

    return write


@pytest.fixture
def one_face(colors_model, rates: DefaultRates) -> Recognizer:
    """Finds the face on the left of every photograph."""
    return Recognizer(colors_model, alignment="arcface", detector=told(LEFT), rates=rates)


@pytest.fixture
def two_faces(colors_model, rates: DefaultRates) -> Recognizer:
    """Finds both."""
    return Recognizer(colors_model, alignment="arcface", detector=told(LEFT, RIGHT), rates=rates)
