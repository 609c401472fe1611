from __future__ import annotations

import numpy as np
import pytest

from maskedface.evaluation import Cohort, EmbeddedFaces, Templates, match_probes, rank_one_report
from maskedface.evaluation.scoring import normalized, photo_counts

# Cosines to the first axis: 1, .9, .8, .6, 0.
PEOPLE = np.array([[c, (1 - c * c) ** 0.5] for c in (1, 0.9, 0.8, 0.6, 0)], "float32")
AXIS = np.array([[1, 0]], "float32")


@pytest.mark.parametrize(("nearest", "mean"), [(1, 0.9), (2, 0.85), (4, 0.575), (20, 0.575)])
def test_the_nearest_count_without_the_very_nearest(nearest: int, mean: float) -> None:
    cohort = Cohort(PEOPLE[[3, 0, 4, 2, 1]], nearest)  # in any order
    assert cohort.offsets(AXIS) + cohort.typical == pytest.approx([mean], abs=1e-6)


def test_what_is_typical_is_what_the_cohort_has_among_itself() -> None:
    cosines = PEOPLE @ PEOPLE.T
    nearest = [np.sort(np.delete(row, own))[-2:].mean() for own, row in enumerate(cosines)]
    assert Cohort(PEOPLE, 2).typical == pytest.approx(np.mean(nearest), abs=1e-6)


def test_many_photographs_make_the_offset_small() -> None:
    cohort = Cohort(PEOPLE, 2)
    three = np.repeat(AXIS, 3, axis=0)
    once = cohort.offsets(AXIS)[0]
    assert abs(once) > 0.01
    np.testing.assert_allclose(
        cohort.offsets(three, np.array([1, 2, 50])), once / [1, 2, 50], rtol=1e-5
    )
    templates = Templates(three, cohort, photos=np.array([1, 2, 50]))
    np.testing.assert_allclose(templates.scores(AXIS)[0], 1 - once / [1, 2, 50], rtol=1e-5)


def test_the_rule_of_before_subtracts_the_mean_whatever_the_photographs() -> None:
    before = Cohort(PEOPLE, 2, by_photos=False)
    assert before.offsets(AXIS, np.array([50])) == pytest.approx([0.85], abs=1e-6)


@pytest.mark.parametrize("photos", [[0], [1, 1], [[1]]])
def test_photographs_that_cannot_be_are_refused(photos: list[int]) -> None:
    with pytest.raises(ValueError, match="photos must have one number per template"):
        Cohort(PEOPLE, 2).offsets(AXIS, np.array(photos))


def test_photographs_are_counted_once_each_and_unknown_ones_apart() -> None:
    people = ["ada", "bo", "ada", "ada", "ada"]
    assert photo_counts(people) == {"ada": 4, "bo": 1}
    assert photo_counts(people, ["1", "1", "1", "", ""]) == {"ada": 3, "bo": 1}


def test_a_gallery_of_many_photographs_is_hardly_normalized() -> None:
    # Ada has one photograph, Bo one of which there are three copies, Cy four.
    rng = np.random.default_rng(0)
    faces = normalized(rng.normal(size=(9, 6)))
    people = ["ada", "bo", "bo", "bo", "cy", "cy", "cy", "cy", "ada"]
    photos = ["a", "b", "b", "b", "1", "2", "3", "4", "other"]
    domains = ["unmasked"] * 8 + ["masked"]
    cohort = Cohort(rng.normal(size=(5, 6)), 2)
    plain, found = (
        match_probes(EmbeddedFaces(faces, people, domains, photos, cohort=one))
        for one in (None, cohort)
    )
    means = normalized(np.stack([faces[:1].sum(0), faces[1:4].sum(0), faces[4:8].sum(0)]))
    less = cohort.offsets(means, np.array([1, 1, 4]))
    np.testing.assert_allclose((plain.scores - found.scores)[0], less, atol=1e-6)


def test_many_templates_are_done_in_parts() -> None:
    templates = normalized(np.random.default_rng(0).normal(size=(5000, 2)))
    cohort = Cohort(PEOPLE, 2)
    cosines = np.sort(templates @ PEOPLE.T, axis=1)
    expected = cosines[:, 2:4].mean(axis=1) - cohort.typical
    np.testing.assert_allclose(cohort.offsets(templates), expected.clip(-1, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("people", "nearest", "message"),
    [
        (PEOPLE[:1], 20, "at least two people"),
        (PEOPLE, 0, "nearest must be at least 1"),
        (np.full((5, 2), np.nan), 2, "finite values"),
    ],
)
def test_a_cohort_that_is_none_is_refused(people: np.ndarray, nearest: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cohort(people, nearest)


def test_templates_of_another_embedding_are_refused() -> None:
    with pytest.raises(ValueError, match="templates must have 3 features"):
        Cohort(np.ones((5, 3)), 2).offsets(AXIS)


def test_people_are_kept_as_unit_vectors() -> None:
    np.testing.assert_allclose(Cohort(5 * PEOPLE.astype("float64"), 2).people, PEOPLE, atol=1e-6)
    assert Cohort(PEOPLE.astype("float64"), 2).people.dtype == "float32"


def test_it_is_found_again_among_a_files_arrays() -> None:
    cohort = Cohort(PEOPLE, 3)
    again = Cohort.among({**cohort.arrays(), "labels": np.zeros(2)})
    assert again is not None and again.nearest == 3 and again.by_photos
    old = {name: one for name, one in cohort.arrays().items() if name != "cohort_by_photos"}
    before = Cohort.among(old)
    assert before is not None and not before.by_photos
    np.testing.assert_array_equal(again.people, cohort.people)
    assert Cohort.among({"labels": np.zeros(2)}) is None


def test_joined_embeddings_have_a_joined_cohort() -> None:
    other = PEOPLE[:, ::-1]
    joined = Cohort.joined([Cohort(PEOPLE, 3), Cohort(other, 3)])
    assert joined is not None and joined.nearest == 3
    np.testing.assert_allclose(joined.people, np.hstack([PEOPLE, other]) / 2**0.5, rtol=1e-6)
    assert Cohort.joined([Cohort(PEOPLE, 3), None]) is None
    before = Cohort(PEOPLE, 3, by_photos=False)
    both = Cohort.joined([before, before])
    assert both is not None and not both.by_photos
    with pytest.raises(ValueError, match="runs of an earlier version"):
        Cohort.joined([Cohort(PEOPLE, 3), before])
    with pytest.raises(ValueError, match="cohorts must have equal people, nearest and by_photos"):
        Cohort.joined([Cohort(PEOPLE, 3), Cohort(PEOPLE, 2)])


# "hub" is like everybody: nearest to the masked probe of "lone" too, unless that is taken off.
FACES = np.array([[0.8, 0.6, 0], [0, 0, 1], [0.55, 0.55, 0.5]])
NAMES, DOMAINS = ["hub", "lone", "lone"], ["unmasked", "unmasked", "masked"]
OTHERS = normalized(np.array([[1, 0.2, 0], [0.2, 1, 0], [1, 1, 0.1]]))


def test_who_is_like_everybody_is_no_longer_taken_for_everybody() -> None:
    plain = match_probes(EmbeddedFaces(FACES, NAMES, DOMAINS))
    assert plain.ranks() == [2]
    cohort = Cohort(OTHERS, 20)
    found = match_probes(EmbeddedFaces(FACES, NAMES, DOMAINS, cohort=cohort))
    assert found.ranks() == [1]
    offsets = cohort.offsets(normalized(FACES[:2]))
    np.testing.assert_allclose(found.scores, plain.scores - offsets, atol=1e-6)
    report = rank_one_report(EmbeddedFaces(FACES, NAMES, DOMAINS, cohort=cohort))
    assert report["masked"]["accuracy"] == 1


def test_a_person_without_the_probes_own_photo_has_an_offset_of_their_own() -> None:
    faces = np.vstack([FACES, [[0.1, 0, 1]]])
    columns = (faces, [*NAMES, "lone"], [*DOMAINS, "unmasked"], ["1", "2", "2", "3"])
    cohort = Cohort(OTHERS, 20)
    found = match_probes(EmbeddedFaces(*columns, cohort=cohort), own_photo="leave_out")
    rest = normalized(faces[3:])
    wanted = normalized(faces[2:3]) @ rest.T - cohort.offsets(rest)
    assert found.scores[0, 1] == pytest.approx(wanted.item(), abs=1e-6)


def test_templates_score_alike_one_by_one_in_rows_and_all_together() -> None:
    rng = np.random.default_rng(0)
    vectors, probes = (normalized(rng.normal(size=(7, 2))) for _ in "ab")
    for cohort in (None, Cohort(PEOPLE, 2)):
        templates = Templates(vectors, cohort)
        scores = templates.scores(probes)
        offsets = 0 if cohort is None else cohort.offsets(vectors)
        np.testing.assert_allclose(scores, probes @ vectors.T - offsets, atol=1e-6)
        np.testing.assert_allclose(templates.own_scores(probes), np.diag(scores), atol=1e-6)
        np.testing.assert_allclose(templates.scores(probes[3]), scores[3], atol=1e-6)
        rows = np.array([5, 1])
        np.testing.assert_allclose(templates.scores(probes, rows), scores[:, rows], atol=1e-6)
        np.testing.assert_allclose(templates.only(rows).scores(probes), scores[:, rows], atol=1e-6)


def test_offsets_that_are_known_are_not_computed_again() -> None:
    known = np.array([0.25], "float32")
    assert Templates(AXIS, Cohort(PEOPLE, 2), known).scores(AXIS).item() == 0.75
