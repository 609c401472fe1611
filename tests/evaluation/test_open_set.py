from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from maskedface.evaluation import Cohort, EmbeddedFaces, open_set_report
from maskedface.evaluation.scoring import person_means


def faces(prefix: str, people: int = 40, noise: float = 0.6, seed: int = 0) -> EmbeddedFaces:
    """Two unmasked photographs and a masked one of each person."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, 16))
    rows, names, domains, photos = [], [], [], []
    for person, centre in enumerate(centres):
        for photo, domain in enumerate(("unmasked", "unmasked", "masked", "masked")):
            rows.append(centre + noise * rng.normal(size=16))
            names.append(f"{prefix}{person:02d}")
            domains.append(domain)
            photos.append(f"{prefix}{person}-{photo}")
    return EmbeddedFaces(np.array(rows), names, domains, photos)


def test_rates_chosen_on_other_people_hold_about_here() -> None:
    report = open_set_report(
        faces("a", seed=1), faces("b", seed=2), enrolled=20, draws=4, fpirs=(0.1,), fars=(0.01,)
    )
    assert (report["people"], report["enrolled"], report["draws"]) == (40, 20, 4)
    at = report["masked"]["fnir"][0.1]
    assert 0.0 < at["fpir"]["mean"] < 0.35 and 0 < at["mean"] < 1
    pairs = report["pairs"]["masked-unmasked"]
    assert pairs["at_far"][0.01]["far"]["value"] == pytest.approx(0.01, abs=0.01)
    assert pairs["genuine"] == 40 * 4
    tar = pairs["at_far"][0.01]["tar"]
    assert tar["low"] < tar["value"] < tar["high"]


def test_draws_differ_and_are_repeatable() -> None:
    words = {"enrolled": 20, "draws": 3, "fpirs": (0.1,), "fars": (0.01,)}
    first, again = (open_set_report(faces("a", seed=1), faces("b", seed=2), **words) for _ in "ab")
    assert first == again
    values = [draw["rank"][1]["value"] for draw in first["masked"]["per_draw"]]
    assert first["masked"]["rank_1"]["mean"] == pytest.approx(np.mean(values))
    assert first["masked"]["rank_1"]["sd"] == pytest.approx(np.std(values, ddof=1)) != 0


def test_a_cohort_is_taken_off_rank_1_and_thresholds_but_not_off_pairs() -> None:
    train, test = faces("a", seed=1), faces("b", seed=2)
    # A part that all faces share: some of them have more of it and are near to everybody.
    for part, seed in ((train, 3), (test, 4)):
        part.embeddings[:, 0] += 4 * np.random.default_rng(seed).random(len(part.people))
    words = {"enrolled": 20, "draws": 2, "fpirs": (0.1,), "fars": (0.01,)}
    cohort = Cohort(person_means(train.embeddings, train.people)[1], 10)
    plain = open_set_report(train, test, **words)
    train, test = (dataclasses.replace(part, cohort=cohort) for part in (train, test))
    found = open_set_report(train, test, **words)
    for domain in ("masked", "unmasked"):
        assert found[domain]["rank_1"] != plain[domain]["rank_1"]
    assert found["masked"]["rank_1_own_photo_kept"] != plain["masked"]["rank_1_own_photo_kept"]
    thresholds = [r["masked"]["per_draw"][0]["open_set"][0]["threshold"] for r in (plain, found)]
    assert abs(thresholds[1] - thresholds[0]) > 1e-3
    before = dataclasses.replace(cohort, by_photos=False)
    old = open_set_report(*(dataclasses.replace(x, cohort=before) for x in (train, test)), **words)
    threshold = old["masked"]["per_draw"][0]["open_set"][0]["threshold"]
    assert threshold < thresholds[0] - 0.1
    assert found["pairs"] == plain["pairs"]


def test_a_probes_own_photograph_does_not_help_it() -> None:
    test = faces("b", noise=2.0, seed=2)
    bare = {row for row, domain in enumerate(test.domains) if domain == "unmasked"}
    # Every masked face becomes the unmasked photograph two rows before it.
    rows = test.embeddings.copy()
    photos = list(test.photos)
    for row in range(len(rows)):
        if row not in bare:
            rows[row], photos[row] = rows[row - 2], photos[row - 2]
    test = dataclasses.replace(test, embeddings=rows, photos=photos)
    report = open_set_report(
        faces("a", seed=1), test, enrolled=20, draws=2, fpirs=(0.1,), fars=(0.1,)
    )
    masked = report["masked"]
    assert masked["rank_1_own_photo_kept"]["mean"] > 0.3 + masked["rank_1"]["mean"]


def test_shared_or_too_few_people_are_refused() -> None:
    one, other = faces("a"), faces("b")
    with pytest.raises(ValueError, match="must have different people"):
        open_set_report(one, one, enrolled=20)
    with pytest.raises(ValueError, match="must have different people"):
        open_set_report(one, other, enrolled=40)
    with pytest.raises(ValueError, match="at least 1 / [0-9]+"):
        open_set_report(one, other, enrolled=20, draws=1, fpirs=(1e-3,))
