from __future__ import annotations

import numpy as np
import pytest

from maskedface.layers import RandomMask
from tests.faces import draw_face

SIZE = 64


@pytest.fixture(scope="session")
def faces() -> np.ndarray:
    return np.stack([draw_face(person, 0, False, size=SIZE) for person in range(12)])


@pytest.fixture(scope="session")
def mask() -> RandomMask:
    """Two styles, two masks of each, on six faces of ten."""
    layer = RandomMask(0.6, ["surgical", "printed"], alignment="arcface", variants=2, seed=3)
    layer.build((None, SIZE, SIZE, 3))
    return layer


@pytest.fixture(scope="session")
def draws(faces: np.ndarray) -> np.ndarray:
    """Numbers for a mask and a jitter of each face."""
    return np.random.default_rng(0).uniform(size=(len(faces), 9)).astype("float32")
