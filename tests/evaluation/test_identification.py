from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from maskedface import evaluation
from maskedface.evaluation.identification import cmc, threshold_at_fpir

# Ada: two unmasked photos and a masked copy of the first; Bo: one unmasked photo, a mask on another;
# Cy has a masked face alone.
FACES = {
    "embeddings": np.array(
        [[1, 0, 0], [0.6, 0.8, 0], [1, 0, 0], [0, 1, 0], [0, 0.8, 0.6], [0, 0, 1]], "float32"
    ),
    "people": ["ada", "ada", "ada", "bo", "bo", "cy"],
    "domains": ["unmasked", "unmasked", "masked", "unmasked", "masked", "masked"],
    "photos": ["a1", "a2", "a1", "b1", "b2", "c1"],
}


def matches(**changes: Any) -> evaluation.Matches:
    words = {
        name: changes.pop(name) for name in ("probes", "own_photo", "enrolled") if name in changes
    }
    return evaluation.match_probes(evaluation.EmbeddedFaces(**{**FACES, **changes}), **words)


def test_masked_probes_meet_one_mean_a_person() -> None:
    found = matches()
    assert found.gallery == ("ada", "bo") and found.people == ("ada", "bo")
    # Ada's mean of (1, 0, 0) and (.6, .8, 0) points to (2, 1, 0) / sqrt(5).
    expected = [[2 / 5**0.5, 0], [0.8 / 5**0.5, 0.8]]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-6)
    assert found.hits().tolist() == [1, 1] and found.rows.tolist() == [2, 4]


def test_the_own_photo_can_be_left_out_or_its_probe_skipped() -> None:
    left_out = matches(own_photo="leave_out")
    assert left_out.scores[0, 0] == pytest.approx(0.6)  # the other photo alone
    assert left_out.scores[0, 1] == 0 and left_out.scores[1, 1] == pytest.approx(0.8)
    assert matches(own_photo="skip").people == ("bo",)


def test_unmasked_probes_never_meet_themselves() -> None:
    found = matches(probes="unmasked", own_photo="leave_out")
    # Bo has no second photo, so nothing is left to compare him with.
    assert found.people == ("ada", "ada")
    np.testing.assert_allclose(found.scores[:, 0], [0.6, 0.6], rtol=1e-6)
    with pytest.raises(ValueError, match="must be 'leave_out' for unmasked probes"):
        matches(probes="unmasked")


def test_people_nobody_enrolled_are_unknown_probes() -> None:
    found = matches(enrolled=["ada"])
    assert found.gallery == ("ada",) and found.own.tolist() == [0, -1, -1]
    assert found.unknown_people == ["bo", "cy"] and found.known_people == ["ada"]
    np.testing.assert_allclose(found.best_of_unknown(), [0.8 / 5**0.5, 0], rtol=1e-6)


def test_embeddings_that_are_all_alike_earn_nothing() -> None:
    found = matches(embeddings=np.ones((6, 3)))
    assert found.ranks().tolist() == [2, 2] and found.hits().sum() == 0


def drawn_matches(people: int = 60, enrolled: int = 30, noise: float = 1.0) -> evaluation.Matches:
    rng = np.random.default_rng(0)
    names = [f"p{number:02d}" for number in range(people)]
    centres = rng.normal(size=(people, 16))
    rows = np.concatenate([centres, centres + noise * rng.normal(size=centres.shape)])
    domains = ["unmasked"] * people + ["masked"] * people
    faces = evaluation.EmbeddedFaces(rows, names * 2, domains)
    return evaluation.match_probes(faces, enrolled=names[:enrolled])


def test_the_cmc_starts_at_rank_1_and_ends_at_1() -> None:
    found = drawn_matches()
    curve = cmc(found, up_to=30)
    assert curve[0] == found.hits(1).mean() and curve[4] == found.hits(5).mean()
    assert (np.diff(curve) >= 0).all() and curve[-1] == 1


def test_the_threshold_holds_its_rate_and_fnir_counts_both_kinds_of_miss() -> None:
    found = drawn_matches()
    threshold = threshold_at_fpir(found, 0.1)
    report = evaluation.identification_report(found, thresholds=(threshold, -1.0))
    strict, open_door = report["open_set"]
    assert strict["fpir"]["value"] == pytest.approx(0.1)
    own = found.scores[found.known, found.own[found.known]]
    by_hand = np.mean([(s < threshold) or r > 1 for s, r in zip(own, found.ranks(), strict=True)])
    assert strict["fnir"]["value"] == pytest.approx(by_hand)
    assert open_door["fpir"]["value"] == 1
    assert open_door["fnir"]["value"] == pytest.approx(1 - report["rank"][1]["value"])
    assert strict["fnir"]["low"] < strict["fnir"]["value"] < strict["fnir"]["high"]
    assert (report["probes"], report["unknown_probes"], report["gallery"]) == (30, 30, 30)


def test_a_false_positive_rate_below_one_probe_is_refused() -> None:
    with pytest.raises(ValueError, match="between 1 / scores and 1"):
        threshold_at_fpir(drawn_matches(), 0.01)


def test_with_everybody_enrolled_there_is_no_fpir() -> None:
    report = evaluation.identification_report(matches(), thresholds=(0.5,))
    assert report["open_set"][0]["fpir"] is None
    with pytest.raises(ValueError, match="0 scores"):
        threshold_at_fpir(matches(), 0.1)


def test_two_models_are_compared_probe_by_probe() -> None:
    good, bad = drawn_matches(noise=0.3), drawn_matches(noise=3.0)
    assert good.known_people == bad.known_people
    gain = evaluation.paired_difference(good.hits(), bad.hits(), good.known_people)
    assert gain["low"] > 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"people": ["ada"]}, "must have the same length"),
        ({"probes": "bare"}, "probes must be"),
        ({"own_photo": "drop"}, "probes must be"),
        ({"own_photo": "skip", "photos": None}, "photos must be known"),
        ({"own_photo": "skip", "photos": [""] * 6}, "photos must be known"),
        ({"enrolled": ["nobody"]}, "gallery must have"),
    ],
)
def test_wrong_arguments_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        matches(**changes)


def test_wrong_ranks_are_refused() -> None:
    with pytest.raises(ValueError, match="k must be at least 1"):
        matches().hits(0)
    with pytest.raises(ValueError, match="up_to must be at least 1"):
        cmc(matches(), 0)
    nobody = dataclasses.replace(matches(), own=np.array([-1, -1]))
    with pytest.raises(ValueError, match="must be of an enrolled person"):
        evaluation.identification_report(nobody)
