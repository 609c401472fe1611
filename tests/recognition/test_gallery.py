from __future__ import annotations

import copy
import os
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface.evaluation import EmbeddedFaces, match_probes
from maskedface.evaluation.scoring import normalized, person_means
from maskedface.recognition import Gallery, open_store
from maskedface.recognition.calibrating import calibrate
from tests.recognition.galleries import FACES, OTHERS, PEOPLE, gallery


def test_a_person_is_the_mean_of_their_unit_faces() -> None:
    made = gallery()
    assert made.people == {"ada": 2, "bo": 1, "cy": 1}
    (first, second) = made.search(np.array([1.0, 0, 0]), k=2)
    assert (first.person, first.score) == (
        "ada",
        pytest.approx(2 / 5**0.5),
    ) and second.score == pytest.approx(0)


def test_all_faces_are_kept_where_asked() -> None:
    (first,) = gallery("all").search(np.array([0.6, 0.8, 0]))
    assert (first.person, first.score) == ("ada", pytest.approx(1))


@pytest.mark.parametrize("keep", ["mean", "all"])
def test_enrolling_one_by_one_is_enrolling_at_once(keep: Any) -> None:
    slow = Gallery("f00d", keep=keep)
    for person, face in zip(PEOPLE, FACES, strict=True):
        slow.enroll([person], face[None])
    assert slow.people == gallery(keep).people
    for probe in np.eye(3):
        for one, other in zip(slow.search(probe, 3), gallery(keep).search(probe, 3), strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-6)


@pytest.mark.parametrize("keep", ["mean", "all"])
def test_who_is_removed_is_found_no_more(keep: Any) -> None:
    made = gallery(keep)
    made.remove("ada")
    assert made.people == {"bo": 1, "cy": 1} and "ada" not in made
    assert {found.person for found in made.search(FACES[0], 5)} == {"bo", "cy"}
    made.enroll(["ada"], FACES[:1])
    assert made.search(FACES[0])[0].score == pytest.approx(1)


@pytest.mark.parametrize("keep", ["mean", "all"])
def test_a_saved_gallery_is_the_same(keep: Any, tmp_path: Path) -> None:
    made = gallery(keep)
    odd = os.fsdecode(b"\xc5\xfa")  # a folder's name that is no UTF-8
    made.enroll([odd], np.array([[1, 1, 1]]))
    made.calibrate(FACES, PEOPLE, fpir=0.5, far=0.5, source="themselves")
    made.save(tmp_path / "g.npz")
    read = Gallery.load(tmp_path / "g.npz")
    assert read.people == made.people and odd in read
    assert (read.fingerprint, read.keep, read.source) == ("f00d", keep, "a model")
    assert read.calibration == made.calibration
    assert read.search(FACES[2], 4) == made.search(FACES[2], 4)
    read.enroll(["bo"], FACES[:1])  # what is read goes on as what was saved
    made.enroll(["bo"], FACES[:1])
    assert read.search(FACES[0], 4) == made.search(FACES[0], 4)


def test_an_emptied_gallery_can_be_saved(tmp_path: Path) -> None:
    made = Gallery("f00d")
    made.save(tmp_path / "g.npz")
    assert len(Gallery.load(tmp_path / "g.npz")) == 0
    with pytest.raises(ValueError, match="somebody must be enrolled"):
        made.search(FACES[0])


def test_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="must be used with the model that made it, a model"):
        gallery().check_model("beef")


@pytest.mark.parametrize(
    ("people", "embeddings", "message"),
    [
        (["ada"], FACES, "people must have one name per embedding"),
        (["ada", " "], FACES[:2], "name must be text of 1 to 1000 characters"),
        (["ada", "x" * 200_000], FACES[:2], "name must be text of .*, 200000 characters"),
        (["dee", "dee"], np.array([[1, 0, 0], [-1, 0, 0]]), "must not cancel each other"),
        (["ada"], np.ones((1, 5)), "must have 3 features"),
        (["ada"], np.zeros((1, 3)), "must not be zero"),
        (["ada"], np.full((1, 3), np.inf), "finite"),
    ],
)
def test_wrong_faces_are_refused(people: list[str], embeddings: np.ndarray, message: str) -> None:
    made = gallery()
    with pytest.raises(ValueError, match=message):
        made.enroll(people, embeddings)
    assert made.people == gallery().people


def test_wrong_words_are_refused() -> None:
    with pytest.raises(ValueError, match="keep must be"):
        Gallery("f00d", keep="some")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="person must be enrolled"):
        gallery().remove("dee")


def test_the_threshold_holds_its_rate_on_strangers() -> None:
    rng = np.random.default_rng(0)
    made = Gallery("f00d")
    made.enroll([f"p{n}" for n in range(50)], rng.normal(size=(50, 8)))
    strangers = rng.normal(size=(200, 8))
    names = [f"s{n // 2}" for n in range(200)]
    chosen = made.calibrate(strangers, names, fpir=0.1, far=0.01, source="drawn")
    best = [made.search(face)[0].score for face in strangers]
    assert np.mean(np.array(best) >= chosen.identify["unmasked"]) == 0.1
    unit = normalized(strangers)
    different = np.array(names)[:, None] != np.array(names)
    scores = (unit @ unit.T)[np.triu(different)]
    assert np.mean(scores >= chosen.for_pair(False, False)) == pytest.approx(0.01, abs=1e-4)
    assert (chosen.probes, chosen.people, chosen.gallery) == (200, 100, 50)


def test_people_of_the_gallery_are_strangers_to_the_others() -> None:
    chosen = gallery().calibrate(FACES, PEOPLE, fpir=0.25, far=1.0, source="themselves")
    # Against everybody but themselves: 0 and .8 for Ada's, Bo's .447 to Ada's mean, 0 for Cy's.
    assert chosen.identify["unmasked"] == pytest.approx(1 / 5**0.5, abs=1e-5)


def test_too_few_probes_are_refused() -> None:
    with pytest.raises(ValueError, match="between 1 / scores and 1"):
        gallery().calibrate(FACES, PEOPLE, fpir=0.1, far=1.0, source="")
    few = gallery().calibrate(FACES, PEOPLE, fpir=0.5, far=0.01, source="")
    assert {*few.verify.values()} == {None}
    alone = Gallery("f00d")
    alone.enroll(["ada"], FACES[:1])
    with pytest.raises(ValueError, match="another enrolled person to be"):
        alone.calibrate(FACES[:1], ["ada"], fpir=1.0, far=1.0, source="")


@pytest.mark.parametrize("keep", ["mean", "all"])
def test_with_a_cohort_the_scores_are_those_of_an_evaluation(keep: Any, tmp_path: Path) -> None:
    made = Gallery("f00d", keep=keep, cohort=OTHERS)
    probes, people = np.random.default_rng(2).normal(size=(4, 3)), ["ada", "bo", "cy"]
    made.enroll(people, FACES[[0, 1, 3]])
    made.save(tmp_path / "g.npz")
    faces = np.vstack([FACES[[0, 1, 3]], probes])
    domains = ["unmasked"] * 3 + ["masked"] * 4
    embedded = EmbeddedFaces(faces, [*people, *["x"] * 4], domains, cohort=OTHERS)
    matches = match_probes(embedded, enrolled=people)
    for one in (made, Gallery.load(tmp_path / "g.npz")):
        for probe, scores in zip(probes, matches.scores, strict=True):
            found = {who.person: who.score for who in one.search(probe, 3)}
            assert [found[name] for name in people] == pytest.approx(scores.tolist(), abs=1e-6)


@pytest.mark.parametrize("ending", ["g.npz", "g.sqlite"])
@pytest.mark.parametrize("keep", ["mean", "all"])
def test_a_cohort_takes_off_less_of_people_with_many_faces(
    keep: Any, ending: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    faces, people = normalized(rng.normal(size=(7, 3))), ["ada", "bo", "bo", *["cy"] * 4]
    store = open_store(tmp_path / ending)
    with store.changing(new=Gallery("f00d", keep=keep, cohort=OTHERS)) as made:
        made.enroll(people[:6], faces[:6])
    with store.changing() as made:  # one more, of somebody there
        made.enroll(people[6:], faces[6:])
    rows = faces
    counts = None
    if keep == "mean":
        rows = normalized(np.stack([faces[:1].sum(0), faces[1:3].sum(0), faces[3:].sum(0)]))
        counts = np.array([1, 2, 4])
    probe = faces[0]
    less = rows @ probe - OTHERS.offsets(rows, counts)
    best = [less[0], less[1:3].max(), less[3:].max()] if keep == "all" else less
    found = {who.person: who.score for who in store.gallery().search(probe, 3)}
    expected = dict(zip(("ada", "bo", "cy"), map(float, best), strict=True))
    assert found == pytest.approx(expected, abs=1e-5)
    store.close()


def test_a_cohorts_thresholds_are_on_its_scores() -> None:
    made = Gallery("f00d", cohort=OTHERS)
    made.enroll(PEOPLE, FACES)
    strangers = np.random.default_rng(3).normal(size=(50, 3))
    chosen = made.calibrate(strangers, [f"s{n}" for n in range(50)], fpir=0.1, source="x")
    threshold = chosen.for_probe(False)
    assert sum(made.search(probe)[0].score >= threshold for probe in strangers) == 5


def test_nobody_enrolled_cannot_be_compared_with_a_cohort() -> None:
    made = Gallery("f00d", cohort=OTHERS)
    with pytest.raises(ValueError, match="each probe another enrolled person to be compared with"):
        made.calibrate(np.eye(3), ["a", "b", "c"], fpir=1, source="x")
    with pytest.raises(ValueError, match="must have 3 features"):
        made.enroll(["ada"], np.ones((1, 2)))


@pytest.mark.parametrize("masks", [-1, 101])
def test_a_number_of_masks_out_of_range_is_refused(masks: int) -> None:
    with pytest.raises(ValueError, match=r"masks must be in \[0, 100\]. Received: .*masks="):
        Gallery("print", masks=masks)


def test_one_name_in_two_forms_of_unicode_is_one_person() -> None:
    made = gallery()
    made.enroll(["Jos\u00e9"], FACES[:1])
    made.enroll([" Jose\u0301\n"], FACES[:1])
    assert made.people["Jos\u00e9"] == 2 and "Jose\u0301" in made
    made.remove("Jose\u0301")
    assert "Jos\u00e9" not in made


def test_a_probe_is_not_compared_with_itself_in_another_form_of_unicode() -> None:
    made = gallery()
    made.remove("cy")
    made.enroll(["Jos\u00e9"], FACES[3:])
    chosen = made.calibrate(np.array([[0, 0, 1.0]]), ["Jose\u0301"], fpir=1, far=1, source="")
    assert chosen.for_probe(False) < 1


def test_names_that_differ_by_case_alone_are_said(caplog: pytest.LogCaptureFixture) -> None:
    made = gallery()
    made.enroll(["Ada", "bo"], FACES[:2])
    assert [record.getMessage() for record in caplog.records] == [
        "ada and Ada differ only in case: they are two people"
    ]


def test_a_miss_names_who_is_near() -> None:
    made = gallery()
    made.enroll(["Grace Hopper"], FACES[:1])
    with pytest.raises(
        ValueError, match="Received: person='grace hoper'; enrolled are 'Grace Hopper'"
    ):
        made.remove("grace hoper")


def test_a_gallery_can_be_copied() -> None:
    made = copy.deepcopy(gallery())
    made.enroll(["dee"], FACES[:1])
    assert "dee" in pickle.loads(pickle.dumps(made)) and "dee" not in gallery()


def test_one_long_name_among_a_thousand_costs_little() -> None:
    names = ["x" * 200_000, *(f"p{n}" for n in range(999))]  # as a table may hold it
    faces = np.random.default_rng(0).normal(size=(1_000, 3))
    tracemalloc.start()
    person_means(faces, names)
    calibrate(gallery()._now, faces, names, fpir=0.5, far=0.001, source="x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000  # 800 MB a copy, where each name takes as much as the longest


def test_it_shows_itself_in_a_line() -> None:
    assert repr(gallery()) == "<Gallery of 3 people, 4 faces, without thresholds>"
