from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from maskedface import datasets
from maskedface.datasets import Face, FaceIndex


def index_of(*rows: tuple[str, str, str]) -> FaceIndex:
    faces = [
        Face(f"{n}.jpg", who, domain, photo=photo) for n, (who, domain, photo) in enumerate(rows)
    ]  # type: ignore[arg-type]
    return FaceIndex("photos", faces)


INDEX = index_of(
    ("a", "masked", "1"),
    ("a", "unmasked", "1"),
    ("a", "unmasked", "2"),
    ("b", "masked", ""),
    ("b", "unmasked", ""),
    ("b", "unmasked", ""),
    ("c", "unmasked", "3"),
    ("d", "masked", "4"),
)


def test_anchors_are_masked_positives_their_own_negatives_others() -> None:
    triplets = datasets.draw_triplets(INDEX, 50)
    assert triplets.shape == (100, 3)
    faces = np.array([(face.person, face.domain) for face in INDEX.faces])
    anchor, positive, negative = (faces[triplets[:, column]] for column in range(3))
    assert (anchor[:, 1] == "masked").all()
    assert (positive[:, 1] == "unmasked").all() and (negative[:, 1] == "unmasked").all()
    assert (anchor[:, 0] == positive[:, 0]).all() and (anchor[:, 0] != negative[:, 0]).all()


def test_the_positive_is_of_the_same_photograph_where_there_is_one() -> None:
    triplets = datasets.draw_triplets(INDEX, 50)
    assert Counter(triplets[triplets[:, 0] == 0, 1]) == {1: 50}
    others = Counter(triplets[triplets[:, 0] == 3, 1])
    assert set(others) == {4, 5} and min(others.values()) > 10


def test_a_masked_face_without_a_bare_one_of_its_person_is_no_anchor() -> None:
    assert set(datasets.draw_triplets(INDEX, 3)[:, 0]) == {0, 3}


def test_a_seed_draws_the_same_and_another_seed_others() -> None:
    one, same, other = (datasets.draw_triplets(INDEX, 20, seed=seed) for seed in (1, 1, 2))
    assert (one == same).all() and (one != other).any()


def test_where_nothing_can_be_drawn_it_says_so() -> None:
    alone = index_of(("a", "masked", "1"), ("a", "unmasked", "1"))
    with pytest.raises(ValueError, match="at least one masked face must have"):
        datasets.draw_triplets(alone)
    with pytest.raises(ValueError, match="count must be at least 1"):
        datasets.draw_triplets(INDEX, 0)
