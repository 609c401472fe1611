from __future__ import annotations

import pytest

from maskedface.audit.domain_check import suspect_domains
from maskedface.datasets import Face

OTHER = {"masked": "unmasked", "unmasked": "masked"}
OWN = {"masked": 0.9, "unmasked": 0.1}  # what a good estimate gives


def made(images: int = 60, domains: tuple[str, ...] = ("masked", "unmasked")) -> list[Face]:
    return [
        Face(f"{domain}/{image}.jpg", f"p{image % 5}", domain)  # type: ignore[arg-type]
        for domain in domains
        for image in range(images)
    ]


def estimates(faces: list[Face]) -> list[float | None]:
    return [OWN[face.domain] for face in faces]


def test_flipped_labels_are_the_suspects_the_least_probable_first() -> None:
    faces = made()
    masked = estimates(faces)
    masked[80] = 0.05
    flipped = [
        face._replace(domain=OTHER[face.domain]) if row in (3, 80) else face
        for row, face in enumerate(faces)
    ]
    check = suspect_domains(flipped, masked)
    assert [suspect.path for suspect in check.suspects] == ["unmasked/20.jpg", "masked/3.jpg"]
    assert [suspect.probability for suspect in check.suspects] == pytest.approx([0.05, 0.1])
    assert check.balanced_accuracy == pytest.approx(59 / 60, abs=1e-3)


def test_right_labels_name_nobody() -> None:
    faces = made()
    check = suspect_domains(faces, estimates(faces))
    assert not check.suspects and not check.skipped and check.checked == 120


def test_one_domain_alone_is_checked() -> None:
    faces = made(domains=("unmasked",))
    check = suspect_domains(faces, [0.9, *estimates(faces)[1:]])
    assert [suspect.path for suspect in check.suspects] == ["unmasked/0.jpg"]


def test_a_few_images_are_checked() -> None:
    faces = made(images=2)
    assert len(suspect_domains(faces, [0.9, 0.1, 0.1, 0.1]).suspects) == 1


def test_an_estimate_that_contradicts_most_labels_names_nobody_and_says_why() -> None:
    check = suspect_domains(made(), [0.9] * 120)
    assert not check.suspects
    assert "cannot separate the domains here (balanced accuracy 0.50)" in check.skipped


def test_rows_without_a_place_are_counted_not_judged() -> None:
    faces = made()
    check = suspect_domains(faces, [None, None, *estimates(faces)[2:]])
    assert (check.checked, check.unplaced) == (118, 2)


def test_without_any_place_it_says_how_to_get_landmarks() -> None:
    check = suspect_domains(made(), [None] * 120)
    assert "--landmarks find" in check.skipped and check.unplaced == 120


def test_arguments_that_do_not_fit_are_refused() -> None:
    faces = made()
    with pytest.raises(
        ValueError, match="probabilities must have one value per row. Received: 3 for 120"
    ):
        suspect_domains(faces, [0.5] * 3)
    with pytest.raises(ValueError, match=r"probabilities must be in \[0, 1\]. Received: 1.5"):
        suspect_domains(faces, [1.5] * 120)
    with pytest.raises(ValueError, match="threshold must be"):
        suspect_domains(faces, estimates(faces), threshold=1)
