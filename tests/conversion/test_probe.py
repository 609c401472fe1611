"""The drawn face of the probe."""

from __future__ import annotations

import hashlib

import numpy as np

from maskedface.conversion import drawn_face, probe


def test_the_drawn_face_is_the_same_bytes_everywhere() -> None:
    face = drawn_face()
    assert face.shape == (224, 224, 3) and face.dtype == np.uint8
    assert hashlib.sha256(face.tobytes()).hexdigest() == (
        "509087596d27fb24de31c54914f70fc7c6a8e1a9cccd057952fb6e0d4b859e5a"
    )


def test_its_channels_differ() -> None:
    face = drawn_face().astype(int)
    assert np.abs(face[..., 0] - face[..., 2]).mean() > 20


def test_equal_embeddings_are_no_difference_apart() -> None:
    assert probe.difference(np.array([1.0, -2.0]), np.array([1.0, -2.0])) == 0


def test_the_difference_is_a_share_of_the_largest_value() -> None:
    assert probe.difference(np.array([1.0, -2.0]), np.array([1.0, -1.0])) == 0.5


def test_embeddings_of_other_lengths_are_infinitely_far() -> None:
    assert probe.difference(np.ones(2), np.ones(3)) == float("inf")
