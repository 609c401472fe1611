from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from maskedface.evaluation import Cohort, EmbeddedFaces, rank_one_matches, rank_one_report

# Two people, unmasked faces along the axes; a: photo 1 masked as itself; photo 2 nearer to b.
EMBEDDINGS = np.array([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0.2], [0.3, 1]])
PEOPLE = ["a", "a", "b", "b", "a", "a"]
DOMAINS = ["unmasked"] * 4 + ["masked"] * 2
PHOTOS = ["a1", "a2", "b1", "b2", "a1", "a3"]


class Row(NamedTuple):
    person: str
    domain: str
    photo: str


def test_rank_one_of_each_kind_of_probes() -> None:
    report = rank_one_report(EmbeddedFaces(EMBEDDINGS, PEOPLE, DOMAINS, PHOTOS))
    assert report["masked"]["accuracy"] == 0.5 and report["masked"]["faces"] == 2
    assert (
        report["masked_other_photo"]["accuracy"] == 0 and report["masked_other_photo"]["faces"] == 1
    )
    assert report["unmasked"]["accuracy"] == 1 and report["unmasked"]["faces"] == 4
    assert all(kind["gallery"] == 2 for kind in report.values())
    assert report["masked"]["people"] == 1


def test_unknown_photos_leave_masked_probes_alone() -> None:
    assert set(rank_one_matches(EmbeddedFaces(EMBEDDINGS, PEOPLE, DOMAINS, [""] * 6))) == {"masked"}


def test_a_kind_without_probes_is_left_out() -> None:
    found = rank_one_matches(EmbeddedFaces(EMBEDDINGS[:4], PEOPLE[:4], DOMAINS[:4], PHOTOS[:4]))
    assert set(found) == {"unmasked"}


def test_a_gallery_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="must have an unmasked face"):
        rank_one_report(EmbeddedFaces(EMBEDDINGS[4:], PEOPLE[4:], DOMAINS[4:], PHOTOS[4:]))


def test_templates_stand_in_the_gallery_for_their_faces() -> None:
    templates = EMBEDDINGS.copy()
    templates[2:4] = -EMBEDDINGS[2:4]  # nobody looks like b any more
    plain = rank_one_matches(EmbeddedFaces(EMBEDDINGS, PEOPLE, DOMAINS, PHOTOS))
    found = rank_one_matches(EmbeddedFaces(EMBEDDINGS, PEOPLE, DOMAINS, PHOTOS, templates))
    np.testing.assert_allclose(
        found["masked"].scores[:, 0], plain["masked"].scores[:, 0], atol=1e-6
    )
    np.testing.assert_allclose(
        found["masked"].scores[:, 1], -plain["masked"].scores[:, 1], atol=1e-6
    )
    assert found["masked"].hits().tolist() == [1, 1]
    # b1's only other photograph is b2, whose template it is compared with.
    row = found["unmasked"].rows.tolist().index(2)
    unit = EMBEDDINGS / np.linalg.norm(EMBEDDINGS, axis=1, keepdims=True)
    assert found["unmasked"].scores[row, 1] == pytest.approx(-unit[2] @ unit[3], abs=1e-6)


def test_templates_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="templates must have the embeddings' shape"):
        rank_one_matches(EmbeddedFaces(EMBEDDINGS, PEOPLE, DOMAINS, PHOTOS, EMBEDDINGS[:5]))


def test_two_networks_beside_each_other_count_alike() -> None:
    first = EmbeddedFaces(EMBEDDINGS, PEOPLE, DOMAINS, PHOTOS)
    joined = EmbeddedFaces.joined([first, EmbeddedFaces(9 * EMBEDDINGS[:, ::-1], PEOPLE, DOMAINS)])
    unit = EMBEDDINGS / np.linalg.norm(EMBEDDINGS, axis=1, keepdims=True)
    np.testing.assert_allclose(joined.embeddings, np.hstack([unit, unit[:, ::-1]]), rtol=1e-6)
    assert joined.templates is None and joined.photos == PHOTOS


def test_what_a_file_holds_scores_as_what_was_written() -> None:
    faces = [Row(*columns) for columns in zip(PEOPLE, DOMAINS, PHOTOS, strict=True)]
    cohort = Cohort(np.random.default_rng(0).normal(size=(5, 2)), 2)
    made = EmbeddedFaces.of(faces, EMBEDDINGS, EMBEDDINGS[:, ::-1], cohort)
    again = EmbeddedFaces.among({**made.arrays(), "labels": np.zeros(6)}, faces)
    assert rank_one_report(again) == rank_one_report(made)
    assert set(EmbeddedFaces.of(faces, EMBEDDINGS).arrays()) == {"embeddings"}
