"""Error rates of pairs: do they hold for other people, and is nothing told that is not known?"""

from __future__ import annotations

import numpy as np
import pytest

from maskedface.evaluation.false_matches import PairRates, pair_rates
from maskedface.evaluation.scoring import normalized

FEATURES = 16


def people(count: int, photos: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """Faces of people at random: two photographs of one are much alike."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(count, FEATURES)) + 1
    faces = np.repeat(centers, photos, axis=0)
    faces = faces + rng.normal(size=faces.shape) * 0.3
    return normalized(faces), np.repeat([f"p{n}" for n in range(count)], photos).tolist()


def measured(count: int = 200, photos: int = 2, seed: int = 0) -> PairRates:
    faces, names = people(count, photos, seed)
    return pair_rates(faces, names, np.zeros(len(faces), bool), data="drawn")["both unmasked"]


@pytest.mark.parametrize("rate", [0.1, 0.01, 0.001])
def test_a_rate_holds_for_other_people(rate: float) -> None:
    found = measured()
    faces, names = people(400, 1, seed=1)
    cosines = (faces @ faces.T)[np.triu_indices(len(names), 1)]
    threshold = found.threshold(rate)
    assert threshold is not None
    assert rate / 5 < (cosines >= threshold).mean() <= rate * 1.15  # a threshold too high is no use


def test_the_rate_of_a_cosine_and_the_cosine_of_a_rate_agree() -> None:
    found = measured()
    for rate, cosine in found.false_matches:
        assert found.threshold(rate) == cosine
        assert found.false_match_rate(cosine) <= rate
        assert found.false_match_rate(cosine - 1e-4) >= rate
    assert found.false_match_rate(-1) == 1
    cosines = [cosine for _, cosine in found.false_matches]
    assert cosines == sorted(cosines)


def test_no_rate_is_told_by_fewer_than_ten_pairs() -> None:
    found = measured(count=30, photos=1)
    assert found.pairs == 435
    assert min(rate for rate, _ in found.false_matches) >= 10 / 435
    assert found.threshold(0.001) is None
    assert found.false_match_rate(1.0) == found.false_matches[-1][0]


def test_few_pairs_tell_nothing() -> None:
    faces, names = people(10, 1, seed=0)
    assert pair_rates(faces, names, np.zeros(10, bool), data="few") == {}


def test_shares_of_one_persons_pairs_are_those_of_other_photographs() -> None:
    found = measured(count=300)
    faces, _ = people(300, 2, seed=2)
    genuine = np.einsum("ij,ij->i", faces[::2], faces[1::2])
    (share, cosine) = found.false_non_matches[-1]
    assert (genuine < cosine).mean() == pytest.approx(share, abs=0.06)
    assert found.false_non_match_rate(1.0) == 1
    assert measured(count=30).false_non_matches == ()  # 30 pairs tell no share


def test_a_copy_under_another_name_is_no_stranger() -> None:
    faces, names = people(60, 1, seed=0)
    doubled, twice = np.concatenate([faces, faces]), [*names, *(f"{name}'s copy" for name in names)]
    masked, photos = np.zeros(120, bool), [*map(str, range(60))] * 2
    as_strangers = pair_rates(doubled, twice, masked, data="x")["both unmasked"]
    found = pair_rates(doubled, twice, masked, data="x", photos=photos)["both unmasked"]
    assert as_strangers.threshold(0.01) == pytest.approx(1, abs=1e-4)
    assert found.pairs == as_strangers.pairs - 60 and found.threshold(0.01) < 0.999


def test_conditions_are_measured_apart_and_many_faces_are_drawn_from() -> None:
    faces, names = people(100, 2, seed=0)
    masked = np.arange(200) % 2 == 1
    found = pair_rates(faces, names, masked, data="x")
    assert {condition: one.pairs for condition, one in found.items()} == {
        "both unmasked": 4950,
        "one masked": 9900,
        "both masked": 4950,
    }
    assert found["one masked"].genuine == 100
    fewer = pair_rates(faces, names, masked, data="x", most=80)
    assert sum(one.pairs + one.genuine for one in fewer.values()) == 80 * 79 / 2


def test_tables_survive_plain_values() -> None:
    found = measured(count=50)
    assert PairRates.from_dict(found.to_dict()) == found


def test_lists_of_other_lengths_are_refused() -> None:
    faces, names = people(20, 1, seed=0)
    with pytest.raises(ValueError, match="must have the same length. Received: 20, 19, 20 and 19"):
        pair_rates(faces, names[1:], np.zeros(20, bool), data="x")
