"""What thresholds are chosen on: copies, people who are enrolled, rates and scores out of range."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from maskedface.evaluation.scoring import normalized
from maskedface.recognition import Gallery
from maskedface.recognition.calibration import check_threshold
from tests.recognition.galleries import thresholds

RNG = np.random.default_rng(0)
CENTRES = normalized(RNG.normal(size=(60, 64)))
NAMES = [f"p{n}" for n in range(60)]


def photographs(people: range, count: int) -> tuple[np.ndarray, list[str]]:
    """So many photographs of each person, of a cosine of about .8 to each other."""
    rows = np.repeat(CENTRES[people], count, axis=0)
    noise = RNG.normal(size=rows.shape) * 0.5 / 8
    return normalized(rows + noise), np.repeat(NAMES[people.start : people.stop], count).tolist()


def towards(faces: np.ndarray, share: float) -> np.ndarray:
    """The faces, all moved towards the first of the gallery's people, as a mask may do it."""
    return normalized(faces + share * CENTRES[0])


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
    assert made.probes == 25 and (of_photo >= made.for_probe(False)).sum() == 1
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


def test_people_who_are_alike_under_a_mask_alone_are_not_named(
    gallery: Gallery, caplog: pytest.LogCaptureFixture
) -> None:
    faces, people = photographs(range(10, 60), 1)
    drawn = towards(faces, 2.0)
    probes, photos = np.concatenate([faces, drawn]), [*range(50)] * 2
    kinds: Any = ["unmasked"] * 50 + ["drawn mask"] * 50
    made = gallery.calibrate(probes, people * 2, fpir=0.1, source="x", photos=photos, kinds=kinds)
    assert made.for_probe(True) > 0.8 and not caplog.records
    gallery.calibrate(drawn, people, fpir=0.1, source="x")
    assert " of 50 people to calibrate on are as similar" in caplog.text


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


@pytest.mark.parametrize("worn", ["masked", "drawn mask"])
def test_masked_and_unmasked_probes_have_a_threshold_each(gallery: Gallery, worn: Any) -> None:
    bare, people = photographs(range(10, 60), 2)
    masked = towards(bare, 0.5)
    photos = [*range(100), *(range(100) if worn == "drawn mask" else range(100, 200))]
    made = gallery.calibrate(
        np.concatenate([bare, masked]),
        people * 2,
        fpir=0.1,
        far=0.01,
        source="x",
        photos=photos,
        kinds=["unmasked"] * 100 + [worn] * 100,
    )
    assert made.masked_from == worn and made.probes == len({*photos})
    for is_masked, faces in ((False, bare), (True, masked)):
        best = np.array([gallery.search(face)[0].score for face in faces])
        assert (best >= made.for_probe(is_masked)).sum() == 10
    assert made.for_probe(None) == made.for_probe(True) > made.for_probe(False)
    different = np.array(people)[:, None] != np.array(people)
    for masks, one, other in (
        ((0, 0), bare, bare),
        ((0, 1), bare, masked),
        ((1, 1), masked, masked),
    ):
        threshold = made.for_pair(*map(bool, masks))
        assert threshold == made.for_pair(*map(bool, masks[::-1]))
        share = np.mean((one @ other.T)[different] >= threshold)
        assert share == pytest.approx(0.01, abs=5e-4)


def test_worn_masks_come_before_drawn_ones_if_there_are_enough(gallery: Gallery) -> None:
    bare, people = photographs(range(10, 60), 2)
    worn, drawn = towards(bare, 0.3), towards(bare, 0.6)

    def calibrate(count: int) -> Any:
        return gallery.calibrate(
            np.concatenate([bare, worn[:count], drawn]),
            [*people, *people[:count], *people],
            fpir=0.1,
            source="x",
            photos=[*range(100), *range(100, 100 + count), *range(100)],
            kinds=["unmasked"] * 100 + ["masked"] * count + ["drawn mask"] * 100,
        )

    enough, few = calibrate(10), calibrate(9)
    assert (enough.masked_from, few.masked_from) == ("masked", "drawn mask")
    best = np.array([gallery.search(face)[0].score for face in worn[:10]])
    assert (best >= enough.for_probe(True)).sum() == 1
    assert few.for_probe(True) > enough.for_probe(True)


def test_too_few_pairs_of_a_condition_are_judged_by_all_pairs(gallery: Gallery) -> None:
    bare, people = photographs(range(10, 50), 1)  # 780 pairs; with masks 3,120
    masked = towards(bare, 0.5)
    made = gallery.calibrate(
        np.concatenate([bare, masked]),
        people * 2,
        fpir=0.1,
        far=0.001,
        source="x",
        photos=range(80),
        kinds=["unmasked"] * 40 + ["masked"] * 40,
    )
    every = np.concatenate([bare, masked])
    different = np.triu(np.array(people * 2)[:, None] != np.array(people * 2))
    together = made.for_pair(False, False)
    assert together is not None and together == made.for_pair(True, True)
    assert ((every @ every.T)[different] >= together).sum() == 3
    one = made.for_pair(False, True)  # 1,560 pairs are enough
    assert one is not None and one != together
    assert ((bare @ masked.T)[np.array(people)[:, None] != np.array(people)] >= one).sum() == 1


@pytest.mark.parametrize("worn", ["masked", "drawn mask"])
def test_masked_probes_that_are_less_alike_have_a_lower_threshold(
    gallery: Gallery, worn: Any
) -> None:
    masked, people = photographs(range(10, 60), 2)
    bare = towards(masked, 0.5)
    made = gallery.calibrate(
        np.concatenate([bare, masked]),
        people * 2,
        fpir=0.1,
        far=0.01,
        source="x",
        photos=[*range(100)] * 2,
        kinds=["unmasked"] * 100 + [worn] * 100,
    )
    assert made.for_probe(True) < made.for_probe(False) == made.for_probe(None)
    unmasked = made.for_pair(False, False)
    assert unmasked is not None
    for pair in ((True, True), (False, True)):
        threshold = made.for_pair(*pair)
        assert threshold is not None and threshold < unmasked


def test_with_too_few_masked_probes_all_of_them_choose_one_threshold(gallery: Gallery) -> None:
    faces, people = photographs(range(10, 60), 1)
    faces[:4] = towards(faces[:4], 1.0)
    made = gallery.calibrate(
        faces, people, fpir=0.1, source="x", kinds=["masked"] * 4 + ["unmasked"] * 46
    )
    best = np.array([gallery.search(face)[0].score for face in faces])
    assert made.masked_from == "" and (best >= made.for_probe(False)).sum() == 5
    assert made.for_probe(True) == made.for_probe(False) and "masked" not in str(made)
    assert made.verify == gallery.calibrate(faces, people, fpir=0.1, source="x").verify


def test_with_too_few_unmasked_probes_they_need_at_least_what_masked_ones_do(
    gallery: Gallery,
) -> None:
    faces, people = photographs(range(10, 60), 1)
    faces[5:] = towards(faces[5:], 0.5)  # masked ones score high
    kinds: Any = ["unmasked"] * 5 + ["masked"] * 45
    made = gallery.calibrate(faces, people, fpir=0.1, source="x", kinds=kinds)
    assert made.masked_from == "masked" and made.for_probe(False) == made.for_probe(True)
    only = gallery.calibrate(faces[5:], people[5:], fpir=0.1, source="x", kinds=["masked"] * 45)
    assert only.for_probe(False) == only.for_probe(True)


def test_no_pair_counts_twice(gallery: Gallery) -> None:
    faces, people = photographs(range(10, 51), 1)  # 820 pairs
    kinds: Any = ["unmasked"] * 40 + ["masked"]
    made = gallery.calibrate(faces, people, fpir=0.1, far=0.001, source="x", kinds=kinds)
    assert [*made.verify.values()] == [None, None, None]


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["unmasked"], "Received: 1 for 10 probes"),
        (["maskd"] * 10, r"\['maskd'\]; did you mean masked"),
    ],
)
def test_wrong_kinds_of_probes_are_refused(gallery: Gallery, kinds: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"kinds must have one of .*{message}"):
        gallery.calibrate(*photographs(range(10, 20), 1), fpir=0.5, source="x", kinds=kinds)


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
    made = thresholds(fpir=0.01, gallery=10)
    assert made.expected_fpir(10) == pytest.approx(0.01)
    assert made.expected_fpir(2_010) == pytest.approx(0.867, abs=1e-3)
