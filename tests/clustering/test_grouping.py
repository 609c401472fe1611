"""Who is grouped with whom, by embeddings alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from maskedface.clustering import grouping
from maskedface.clustering.grouping import group_faces
from maskedface.evaluation.false_matches import CONDITIONS

THRESHOLDS = dict.fromkeys(CONDITIONS, 0.9)


def people(count: int, photos: int, seed: int, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Drawn embeddings, and whose they are."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(count, 16))
    rows = np.repeat(np.arange(count), photos)
    return means[rows] + noise * rng.normal(size=(len(rows), 16)), rows


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two labelings group the same."""
    return bool(
        (
            (one[:, None] == one[None]) == (np.asarray(other)[:, None] == np.asarray(other)[None])
        ).all()
    )


def test_faces_of_one_person_are_together_and_others_apart() -> None:
    faces, whose = people(20, 5, seed=0)
    found = group_faces(faces, np.zeros(len(faces), bool), THRESHOLDS)
    assert same(found.labels, whose)


def test_groups_are_numbered_from_the_largest() -> None:
    faces, _ = people(3, 4, seed=0)
    kept = [0, 4, 5, 8, 9, 10, 11]  # one, two and four faces
    labels = group_faces(faces[kept], np.zeros(7, bool), THRESHOLDS).labels
    assert labels.tolist() == [2, 1, 1, 0, 0, 0, 0]


def test_a_masked_face_joins_by_the_threshold_of_its_condition() -> None:
    faces = np.array([[1.0, 0.0], [0.99, 0.14], [0.8, 0.6]])
    masked = np.array([False, False, True])
    alone = group_faces(faces, masked, THRESHOLDS).labels
    joined = group_faces(faces, masked, {**THRESHOLDS, "one masked": 0.75}).labels
    assert alone.tolist() == [0, 0, 1] and joined.tolist() == [0, 0, 0]


def test_two_faces_of_one_photograph_are_never_one_person() -> None:
    faces = np.tile([[1.0, 0.2]], (60, 1))
    photos = [*map(str, range(59)), "0"]  # the last face is on the first photograph
    labels = group_faces(faces, np.zeros(60, bool), THRESHOLDS, photos=photos).labels
    assert labels[0] != labels[-1]


@pytest.mark.parametrize("seed", range(4))
def test_connected_parts_give_what_all_faces_at_once_give(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces, _ = people(15, 4, seed=seed, noise=0.4)
    masked = np.random.default_rng(seed).random(len(faces)) < 0.4
    thresholds = {"both unmasked": 0.8, "one masked": 0.7, "both masked": 0.75}
    in_parts = group_faces(faces, masked, thresholds).labels
    monkeypatch.setattr(grouping, "_connected", lambda pairs: [np.arange(len(pairs.unit))])
    at_once = group_faces(faces, masked, thresholds).labels
    assert same(in_parts, at_once) and len(set(in_parts.tolist())) > 1


def test_groups_exceed_the_threshold_in_the_mean() -> None:
    faces, _ = people(5, 4, seed=1, noise=0.4)  # too few for a cohort
    labels = group_faces(faces, np.zeros(len(faces), bool), THRESHOLDS).labels
    unit = faces / np.linalg.norm(faces, axis=1, keepdims=True)
    between = [
        (unit[labels == one] @ unit[labels == other].T).mean()
        for one, other in itertools.combinations(np.unique(labels), 2)
    ]
    assert max(between) < 0.9


def test_a_face_that_is_similar_to_everybody_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    people = np.repeat(np.eye(60), 2, axis=0)
    faces = np.concatenate([people, np.full((1, 60), 0.2) + 0.2 * np.eye(60)[:1]])
    thresholds = dict.fromkeys(CONDITIONS, 0.1)  # its cosine to each is .13, to the first .25
    labels = group_faces(faces, np.zeros(121, bool), thresholds).labels
    assert (labels == labels[-1]).sum() == 3  # what it has beyond all others counts
    faces[-1] = 1.0
    labels = group_faces(faces, np.zeros(121, bool), thresholds).labels
    assert (labels == labels[-1]).sum() == 1
    monkeypatch.setattr(grouping, "_COHORT", 1_000)
    labels = group_faces(faces, np.zeros(121, bool), thresholds).labels
    assert (labels == labels[-1]).sum() > 1


def test_the_most_similar_group_is_named() -> None:
    faces = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    nearest = group_faces(faces, np.zeros(3, bool), THRESHOLDS).nearest
    assert [found and found[0] for found in nearest] == [1, 0, 1]
    assert nearest[0] is not None and nearest[0][1] == pytest.approx(0.8 - 0.9, abs=1e-6)


def test_faces_of_one_photograph_are_not_offered_as_one_person() -> None:
    faces = np.array([[1.0, 0.0], [0.8, 0.6]])
    assert group_faces(faces, np.zeros(2, bool), THRESHOLDS, photos=["a", "a"]).nearest == [
        None,
        None,
    ]


def test_nobody_is_no_group() -> None:
    found = group_faces(np.empty((0, 1)), np.zeros(0, bool), THRESHOLDS)
    assert not len(found.labels) and found.nearest == []


def test_a_condition_without_a_threshold_is_refused() -> None:
    faces = np.eye(2)
    with pytest.raises(ValueError, match=r"thresholds must have 'one masked'.*Received"):
        group_faces(faces, np.array([True, False]), {"both unmasked": 0.9})


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same length. Received: 2, 3 and 2"):
        group_faces(np.eye(2), np.zeros(3, bool), THRESHOLDS)


def test_more_connected_faces_than_memory_holds_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grouping, "MOST_TOGETHER", 9)
    with pytest.raises(ValueError, match=r"at most 9: .*lower rate.*Received: 10"):
        group_faces(np.ones((10, 2)), np.zeros(10, bool), THRESHOLDS)
