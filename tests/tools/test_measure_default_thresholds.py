"""On whom default thresholds are checked."""

from __future__ import annotations

import sys

import pytest


@pytest.mark.parametrize("words", [["--on", "rmfrd"], ["--check", "--on", "rmfrd"]])
def test_dlib_is_not_checked_on_people_it_was_measured_on(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import measure_default_thresholds

    monkeypatch.setattr(sys, "argv", ["measure", "--data", "nowhere", *words])
    with pytest.raises(SystemExit):
        measure_default_thresholds.main()
    assert "must be with --check RUN" in capsys.readouterr().err


def test_pairs_are_counted_by_how_many_of_them_wear_a_mask(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import numpy as np
    from measure_default_thresholds import Faces, _check_pairs

    from maskedface.evaluation.false_matches import CONDITIONS, PairRates
    from maskedface.recognition.default_rates import DefaultRates

    table = PairRates("x", 9, 99, 9, ((0.01, 0.5),), ((0.05, 0.2),))
    rates = DefaultRates({condition: (table,) for condition in CONDITIONS}, "x")
    # Bo looks like Ann without a mask; Ann's mask makes her another, Cy's does not.
    looks = np.eye(3)[[0, 0, 0, 1, 2, 2, 2]]
    people = np.array(["Ann", "Ann", "Bo", "Ann", "Cy", "Cy", "Cy"])
    masked = np.array([False, False, False, True, True, True, False])
    _check_pairs(rates, Faces(looks, people, np.arange(7).astype(str), masked))
    said = [line for line in capsys.readouterr().out.splitlines() if "FMR 0.01," in line]
    for line, kind, measured, genuine in zip(
        said,
        CONDITIONS,
        ("0.40000 [", "0.00000 [", "0.00000 ["),
        (
            "of 5 pairs; true matches 1.000 of 1",
            "of 8 pairs; true matches 0.500 of 4",
            "of 2 pairs",
        ),
        strict=True,
    ):
        assert f"verify, {kind}: promised FMR 0.01, measured {measured}" in line and genuine in line
