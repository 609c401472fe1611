"""What thresholds are chosen on: faces by what they seem to wear."""

from __future__ import annotations

import numpy as np
import pytest

from maskedface.recognition.enrollment import EnrolledPhoto, threshold_probes
from maskedface.recognition.faces import EmbeddedFace


def read(number: int, masked: float, by: str = "aligner") -> EnrolledPhoto:
    """A photograph of a person of its own."""
    rng = np.random.default_rng(number)
    embedding, covered = np.eye(64, dtype="float32")[[number % 64, (number + 1) % 64]]
    face = EmbeddedFace(
        (0, 0, 9, 9),
        None,
        by,
        "",
        masked,
        embedding,
        covered=covered if masked < 0.5 and by != "whole image" else None,
        hashes=rng.integers(0, 256, (2, 8), "uint8"),
    )
    return EnrolledPhoto(f"{number}.jpg", f"person {number}", face)


@pytest.mark.parametrize(("masked", "kind"), [(2, "masked"), (1, "unmasked")])
def test_a_few_faces_that_seem_masked_are_errors_of_the_estimate(masked: int, kind: str) -> None:
    rows = [read(number, 0.9 if number < masked else 0.1) for number in range(40)]
    probes = threshold_probes(rows)
    of = dict(zip(probes.people, probes.kinds, strict=True))
    assert of["person 0"] == kind
    assert probes.kinds.count("drawn mask") == 40 - masked
    assert probes.kinds.count("masked") == (masked if kind == "masked" else 0)


def test_a_face_of_which_its_place_is_not_known_is_none_that_wears_a_mask() -> None:
    probes = threshold_probes([read(number, 0.9, "whole image") for number in range(4)])
    assert probes.kinds == ["unmasked"] * 4
