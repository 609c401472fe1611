"""A network without a mind of its own: 4 x 4 mean colors as the embedding, so that a test knows who is
alike, and a detector that is told where faces are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from maskedface.landmarks import Detection, Detector
from maskedface.recognition import Recognizer


@pytest.fixture(scope="session")
def colors_model():
    """Images of 64 px -> their 48 mean colors about gray."""
    import keras
    from keras import layers

    image = keras.Input((64, 64, 3))
    x = layers.Rescaling(1 / 128, -1.0)(image)
    x = layers.AveragePooling2D(16)(x)
    return keras.Model(image, layers.Flatten()(x), name="colors")


@pytest.fixture
def recognizer(colors_model) -> Recognizer:
    return Recognizer(colors_model, alignment="arcface", aligned_to="arcface")


def told(*boxes: tuple[float, float, float, float]) -> Detector:
    """A detector that finds a face in each of these boxes, its points where ArcFace has them."""
    points = np.array(
        [(38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20)]
    )

    def find(images: Sequence[np.ndarray]) -> list[tuple[Detection, ...]]:
        faces = tuple(
            Detection(box, points * (box[2] - box[0]) / 112 + np.array(box[:2]), 0.99, "told")
            for box in boxes
        )
        return [faces for _ in images]

    return find
