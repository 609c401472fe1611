"""Boxes: how far two cover each other, which of several is kept, what is cut off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maskedface.landmarks.detection import (
    Box,
    Detection,
    check_image,
    clipped,
    without_doubles,
)


def face(box: Box, confidence: float) -> Detection:
    return Detection(box, np.zeros((5, 2)), confidence)


def test_of_doubles_the_surest_is_kept() -> None:
    right = face((40, 0, 50, 10), 0.5)
    faces = [face((0, 0, 10, 10), 0.6), right, face((1, 0, 11, 10), 0.9), face((2, 0, 12, 10), 0.7)]
    assert without_doubles(faces) == [faces[2], right]


def test_what_a_dropped_face_covered_is_kept() -> None:
    chain = [face((0, 0, 10, 10), 0.9), face((5, 0, 15, 10), 0.8), face((10, 0, 20, 10), 0.7)]
    assert without_doubles(chain) == [chain[0], chain[2]]


def test_how_much_is_a_double_can_be_said() -> None:
    faces = [face((0, 0, 10, 10), 0.9), face((5, 0, 15, 10), 0.8)]
    assert without_doubles(faces, 0.34) == faces
    assert without_doubles(faces, 0.33) == faces[:1]


def test_a_face_without_confidence_is_kept() -> None:
    faces = [face((3, 3, 9, 9), 0.0), face((20, 0, 30, 10), 0.0)]
    assert without_doubles(faces) == faces and without_doubles([]) == []


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4)),
        ((-5, -6, 70, 80), (0, 0, 60, 50)),
        ((70, 60, 80, 90), (60, 50, 60, 50)),
    ],
)
def test_boxes_are_cut_to_their_image(box: Box, inside: Box) -> None:
    assert clipped(box, height=50, width=60) == inside


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((5, 5, 3), "float32"),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5), np.uint8),
        np.zeros((2, 5, 5, 3), np.uint8),
        np.zeros((0, 5, 3), np.uint8),
        [[[0, 0, 0]]],
        None,
    ],
)
def test_what_is_no_rgb_image_is_refused(image: Any) -> None:
    with pytest.raises(ValueError, match="image must be a uint8 array of shape .*Received: "):
        check_image(image)
