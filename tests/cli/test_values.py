from __future__ import annotations

import argparse

import pytest

from maskedface.cli.main import main
from maskedface.cli.values import count, rate, score, seconds, share


@pytest.mark.parametrize("text", ["0", "1", "-1", "nan", "inf", "2", "often", ""])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be a rate between 0 and 1"):
        rate(text)


@pytest.mark.parametrize("text", ["nan", "60", "-1.01", "high"])
def test_what_is_no_score_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"must be a score in \[-1, 1\]"):
        score(1)(text)


@pytest.mark.parametrize("text", ["0", "1.5", "101", "many"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be a whole number in 1-100"):
        count(1, 100)(text)


@pytest.mark.parametrize("text", ["nan", "-0.1", "1.1", "much"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"must be a share in \[0, 1\]"):
        share(text)


@pytest.mark.parametrize("text", ["nan", "0", "inf", "soon"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be seconds above 0"):
        seconds(text)


def test_what_is_in_range_is_taken() -> None:
    assert (rate("1e-3"), score(1)("-1"), count(1)("7")) == (0.001, -1.0, 7)
    assert (share("0"), share("1"), seconds("0.5")) == (0.0, 1.0, 0.5)


@pytest.mark.parametrize(
    "words",
    [
        ["enroll", "--gallery", "g", "--fpir", "0", "FOLDER"],
        ["enroll", "--gallery", "g", "--far", "1", "FOLDER"],
        ["enroll", "--gallery", "g", "--masks", "101", "FOLDER"],
        ["identify", "--gallery", "g", "--threshold", "nan", "PHOTO"],
        ["identify", "--gallery", "g", "--candidates", "0", "PHOTO"],
        ["verify", "A", "B", "--threshold", "60"],
        ["evaluate", "dlib", "--fpir", "0"],
        ["train", "--run", "r", "--threads", "0"],
        ["train", "--run", "r", "--train-fraction", "1.5"],
        ["train", "--run", "r", "--validation", "nan"],
        ["train", "--run", "r", "--min-masked", "-8"],
        ["train", "--run", "r", "--seeds", "a"],
        ["tune", "--search", "s", "--trials", "0"],
        ["tune", "--search", "s", "--timeout", "nan"],
        ["export", "r", "--out", "o", "--calibrate", "0"],
        ["export", "r", "--out", "o", "--check", "nan"],
        ["align", "--out", "a.csv", "--processes", "0"],
        ["align", "--out", "a.csv", "--crops-size", "0"],
        ["masks", "--size", "0"],
        ["demo", "--people", "1"],
    ],
)
def test_a_number_out_of_range_ends_a_command_before_its_work(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert "Received: " in capsys.readouterr().err
