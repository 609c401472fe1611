from __future__ import annotations

import numpy as np
import pytest

from maskedface.datasets import Face
from maskedface.datasets.domain_check import lower_face, suspect_domains

OTHER = {"masked": "unmasked", "unmasked": "masked"}


def made(people: int = 15, images: int = 5) -> tuple[list[Face], np.ndarray]:
    """Flat lower faces, blueish with a mask and skin-coloured without."""
    rng = np.random.default_rng(0)
    faces, pictures = [], []
    for domain, colour in (("masked", (120, 170, 210)), ("unmasked", (210, 160, 130))):
        for person in range(people):
            for image in range(images):
                faces.append(Face(f"{domain}/{person}/{image}.jpg", f"p{person}", domain))  # type: ignore[arg-type]
                picture = rng.normal(colour, 25, (112, 112, 3)).clip(0, 255).astype("uint8")
                pictures.append(lower_face(picture))
    return faces, np.stack(pictures)


def test_flipped_labels_are_the_suspects() -> None:
    faces, pictures = made()
    wrong = {3, 80, 120}
    flipped = [
        face._replace(domain=OTHER[face.domain]) if row in wrong else face
        for row, face in enumerate(faces)
    ]
    check = suspect_domains(flipped, pictures)
    assert {suspect.path for suspect in check.suspects} == {faces[row].path for row in wrong}
    assert check.balanced_accuracy is not None and check.balanced_accuracy > 0.9


def test_right_labels_name_nobody() -> None:
    check = suspect_domains(*made())
    assert not check.suspects and not check.skipped


def test_noise_names_nobody_and_says_why() -> None:
    faces, pictures = made()
    noise = np.random.default_rng(1).integers(0, 256, pictures.shape, "uint8")
    check = suspect_domains(faces, noise)
    assert not check.suspects and "cannot tell the domains apart" in check.skipped


def test_too_few_people_are_skipped_with_the_reason() -> None:
    assert "too little to learn from" in suspect_domains(*made(people=3)).skipped


def test_one_domain_alone_is_skipped_with_the_reason() -> None:
    faces, pictures = made()
    assert "no unmasked images" in suspect_domains(faces[:75], pictures[:75]).skipped


def test_arguments_that_do_not_fit_are_refused() -> None:
    faces, pictures = made()
    with pytest.raises(ValueError, match="one picture a row"):
        suspect_domains(faces, pictures[:3])
    with pytest.raises(ValueError, match="threshold must be"):
        suspect_domains(faces, pictures, threshold=1)
