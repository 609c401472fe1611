"""What thresholds are chosen on: copies, people who are enrolled, rates and scores out of range."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from maskedface.evaluation.scoring import normalized
from maskedface.recognition import Gallery
from maskedface.recognition.calibration import Calibration, check_threshold

RNG = np.random.default_rng(0)
CENTRES = normalized(RNG.normal(size=(60, 64)))
NAMES = [f"p{n}" for n in range(60)]


def photographs(people: range, count: int) -> tuple[np.ndarray, list[str]]:
    """So many photographs of each person, of a cosine of about .8 to each other."""
    rows = np.repeat(CENTRES[people], count, axis=0)
    noise = RNG.normal(size=rows.shape) * 0.5 / 8
    return normalized(rows + noise), np.repeat(NAMES[people.start : people.stop], count).tolist()


@pytest.fixture
def gallery() -> Gallery:
    made = Gallery("f00d")
    faces, people = photographs(range(10), 3)
    made.enroll(people, faces)
    return made


def test_copies_of_a_photograph_count_once(gallery: Gallery) -> None:
    faces, people = photographs(range(10, 35), 1)
    with pytest.raises(ValueError, match="Received: 0.01 for 25 scores"):
        gallery.calibrate(np.tile(faces, (4, 1)), people * 4, fpir=0.01, source="copies")
    made = gallery.calibrate(np.tile(faces, (4, 1)), people * 4, fpir=0.1, source="copies")
    once = gallery.calibrate(faces, people, fpir=0.1, source="copies")
    assert made == once and made.probes == 25


def test_near_copies_that_somebody_names_count_once_by_the_highest_score(gallery: Gallery) -> None:
    faces, people = photographs(range(10, 35), 2)
    photos = [n // 2 for n in range(50)]
    made = gallery.calibrate(faces, people, fpir=0.04, source="x", photos=photos)
    best = [gallery.search(face)[0].score for face in faces]
    of_photo = np.max(np.reshape(best, (25, 2)), axis=1)
    assert made.probes == 25 and (of_photo >= made.identify).sum() == 1
    with pytest.raises(ValueError, match="photos must have one value per probe"):
        gallery.calibrate(faces, people, fpir=0.1, source="x", photos=photos[1:])


def test_a_stranger_who_is_enrolled_is_named(
    gallery: Gallery, caplog: pytest.LogCaptureFixture
) -> None:
    faces, people = photographs(range(9, 30), 2)  # p9 is enrolled
    people = ["stranger" if name == "p9" else name for name in people]
    with caplog.at_level(logging.WARNING, "maskedface"):
        gallery.calibrate(faces, people, fpir=0.1, source="x")
    (record,) = caplog.records
    assert "1 of 21 people" in record.getMessage() and "stranger like p9." in record.getMessage()


def test_honest_strangers_are_not_named(gallery: Gallery, caplog: pytest.LogCaptureFixture) -> None:
    gallery.calibrate(*photographs(range(10, 60), 2), fpir=0.1, source="x")
    assert not caplog.records


@pytest.mark.parametrize("keep", ["mean", "all"])
def test_what_genuine_faces_score_follows_from_what_is_kept(keep: Any) -> None:
    faces, people = photographs(range(20), 8)
    made = Gallery("f00d", keep=keep)
    enrolled = np.arange(160) % 8 < 7
    made.enroll(
        [name for name, kept in zip(people, enrolled, strict=True) if kept], faces[enrolled]
    )
    means = normalized(faces[enrolled].reshape(20, 7, 64).mean(axis=1))
    scores = np.einsum("ij,ij->i", faces[~enrolled], means)
    assert np.median(made._now.genuine()) == pytest.approx(np.median(scores), abs=0.02)


def test_a_threshold_that_nobody_reaches_is_refused(gallery: Gallery) -> None:
    faces, people = photographs(range(10, 20), 1)
    before = gallery.calibrate(faces, people, fpir=0.1, source="x")
    faces[:2] = gallery._now.rows[3:5]
    with pytest.raises(ValueError, match="a photograph of 'p1[01]' that is one of 'p[34]'"):
        gallery.calibrate(faces, people, fpir=0.1, source="x")
    assert gallery.calibration == before


@pytest.mark.parametrize(
    "rates", [{"fpir": 0.0}, {"fpir": float("nan")}, {"far": 0.0}, {"far": 2.0}]
)
def test_a_rate_that_is_none_is_refused(gallery: Gallery, rates: dict[str, float]) -> None:
    faces, people = photographs(range(10, 20), 1)
    with pytest.raises(ValueError, match="must be above 0 and at most 1"):
        gallery.calibrate(faces, people, **{"fpir": 0.5, **rates}, source="x")


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), 60.0, -1.1])
def test_a_threshold_that_is_no_score_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"threshold must be in \[-1, 1\]"):
        check_threshold(threshold, 1)


def test_the_rate_grows_with_the_gallery() -> None:
    made = Calibration(0.01, 0.9, 0.001, None, 100, 100, 10, "x")
    assert made.expected_fpir(10) == pytest.approx(0.01)
    assert made.expected_fpir(2_010) == pytest.approx(0.867, abs=1e-3)
