from __future__ import annotations

import numpy as np
import pytest

from maskedface.evaluation import by_mask, rank_one_matches, rank_one_report

# Two people, unmasked faces along the axes; a: photo 1 masked as itself; photo 2 nearer to b.
EMBEDDINGS = np.array([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0.2], [0.3, 1]])
PEOPLE = ["a", "a", "b", "b", "a", "a"]
DOMAINS = ["unmasked"] * 4 + ["masked"] * 2
PHOTOS = ["a1", "a2", "b1", "b2", "a1", "a3"]


def test_rank_one_of_each_kind_of_probes() -> None:
    report = rank_one_report(EMBEDDINGS, PEOPLE, DOMAINS, PHOTOS)
    assert report["masked"]["accuracy"] == 0.5 and report["masked"]["faces"] == 2
    assert (
        report["masked_other_photo"]["accuracy"] == 0 and report["masked_other_photo"]["faces"] == 1
    )
    assert report["unmasked"]["accuracy"] == 1 and report["unmasked"]["faces"] == 4
    assert all(kind["gallery"] == 2 for kind in report.values())
    assert report["masked"]["people"] == 1


def test_unknown_photos_leave_masked_probes_alone() -> None:
    assert set(rank_one_matches(EMBEDDINGS, PEOPLE, DOMAINS, [""] * 6)) == {"masked"}


def test_a_kind_without_probes_is_left_out() -> None:
    found = rank_one_matches(EMBEDDINGS[:4], PEOPLE[:4], DOMAINS[:4], PHOTOS[:4])
    assert set(found) == {"unmasked"}


def test_a_gallery_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="must hold an unmasked face"):
        rank_one_report(EMBEDDINGS[4:], PEOPLE[4:], DOMAINS[4:], PHOTOS[4:])


def test_each_probe_is_scored_by_the_network_it_seems_meant_for() -> None:
    masked = rank_one_matches(EMBEDDINGS, PEOPLE, DOMAINS, PHOTOS)["masked"]
    bare = rank_one_matches(-EMBEDDINGS[:, ::-1], PEOPLE, DOMAINS, PHOTOS)["masked"]
    assert masked.hits().tolist() == [1, 0] and bare.hits().tolist() == [1, 0]
    seems = np.array([False] * 4 + [True, False])  # faces, not probes: 4 and 5 are the probes
    found = by_mask(masked, bare, seems)
    np.testing.assert_array_equal(found.scores, [masked.scores[0], bare.scores[1]])
    np.testing.assert_array_equal(found.own, masked.own)


def test_networks_with_other_probes_are_refused() -> None:
    kinds = rank_one_matches(EMBEDDINGS, PEOPLE, DOMAINS, PHOTOS)
    seems = np.ones(6, bool)
    for masked, bare, faces in (
        (kinds["masked"], kinds["unmasked"], seems),
        (kinds["masked"], kinds["masked"], seems[:5]),
    ):
        with pytest.raises(ValueError, match="must be of the same probes and gallery"):
            by_mask(masked, bare, faces)


def test_templates_stand_in_the_gallery_for_their_faces() -> None:
    templates = EMBEDDINGS.copy()
    templates[2:4] = -EMBEDDINGS[2:4]  # nobody looks like b any more
    plain = rank_one_matches(EMBEDDINGS, PEOPLE, DOMAINS, PHOTOS)
    found = rank_one_matches(EMBEDDINGS, PEOPLE, DOMAINS, PHOTOS, templates=templates)
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
        rank_one_matches(EMBEDDINGS, PEOPLE, DOMAINS, PHOTOS, templates=EMBEDDINGS[:5])
