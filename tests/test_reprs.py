"""What a prompt and a notebook show: short, and nothing of it is markup of somebody else's."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from maskedface import evaluation, geometry
from maskedface.datasets import Face, FaceIndex, Landmarks
from maskedface.datasets.face_index import Exclusion
from maskedface.recognition import Gallery
from maskedface.reprs import Report, html_table
from maskedface.training import Run

_PEOPLE = 2_000
FIVE = Landmarks(geometry.alignment_points("arcface", 112, 112), "given", 1)


def big_index() -> FaceIndex:
    faces = (
        Face(f"{part}/p{n}/1.jpg", f"p{n}", domain, landmarks=FIVE)
        for n in range(_PEOPLE)
        for part, domain in (("bare", "unmasked"), ("masks", "masked"))
    )
    return FaceIndex("photos", faces, [Exclusion("bare/x.txt", "no image")])  # type: ignore[arg-type]


def embedded() -> evaluation.EmbeddedFaces:
    people = [f"p{n}" for n in range(_PEOPLE)] * 2
    rows = np.random.default_rng(0).normal(size=(2 * _PEOPLE, 16))
    return evaluation.EmbeddedFaces(rows, people, ["unmasked", "masked"] * _PEOPLE)


def big_gallery() -> Gallery:
    made = Gallery("f00d")
    made.enroll([f"<b>{n}" for n in range(_PEOPLE)], np.eye(_PEOPLE, 2_000) + 0.1)
    return made


@pytest.mark.parametrize(
    "make",
    [
        big_index,
        embedded,
        big_gallery,
        lambda: evaluation.match_probes(embedded()),
        lambda: evaluation.Cohort(np.eye(_PEOPLE, 2_000) + 0.1, 3),
        lambda: big_gallery()._now,
    ],
)
def test_a_repr_is_a_line_whatever_is_held(make: Any) -> None:
    told = repr(make())
    assert len(told) < 400 and "\n" not in told and told.startswith("<")


def test_an_index_has_a_summary_and_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    index = big_index()
    index.summary()
    printed = capsys.readouterr().out
    assert "people             2000, 2000 of them with masked and unmasked images" in printed
    assert "images             4000: 2000 masked, 2000 unmasked" in printed
    assert "2.0; fewest 2 (" in printed and "bare 2000, masks 2000" in printed
    assert "4000 located by landmarks" in printed and "1: no image 1" in printed
    lines: list[str] = []
    FaceIndex("none", []).summary(lines.append)
    assert "people             0, 0 of them with masked and unmasked images" in lines
    assert index._repr_html_().count("<tr>") == 7


def test_a_gallerys_table_shows_some_and_escapes_names() -> None:
    table = big_gallery()._repr_html_()
    assert table.count("<tr>") == 52 and "<b>" not in table and "&lt;b&gt;0" in table
    assert "and 1950 more" in table and "no thresholds of its own" in table


def test_reports_are_plain_dicts_with_a_table() -> None:
    report = evaluation.classification_report(np.array([0, 1, 0, 1]), np.eye(2)[[0, 1, 1, 1]])
    assert isinstance(report, Report) and json.loads(json.dumps(report)) == dict(report)
    assert "<td>accuracy</td><td>0.75</td>" in report._repr_html_()
    nested = Report({"rank": {1: {"value": 0.5, "low": 0.4, "high": 0.6}}, "many": [*range(100)]})
    assert "<td>rank.1</td><td>0.5 [0.4, 0.6]</td>" in nested._repr_html_()
    assert "<td>many</td><td>100 values</td>" in nested._repr_html_()


def test_a_runs_table_has_its_accuracy(open_run: Run) -> None:
    table = open_run._repr_html_()
    assert "rank-1 accuracy, masked" in table and "means" in table
    assert isinstance(open_run.metrics, Report)


def test_a_table_escapes_all_of_it() -> None:
    assert html_table(("<a>",), [("<b>",)], caption="<c>") == (
        "<table><caption>&lt;c&gt;</caption><thead><tr><th>&lt;a&gt;</th></tr></thead>"
        "<tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>"
    )


def test_a_drawn_index_shows_its_two_folders(drawn: FaceIndex) -> None:
    assert "AFDB_face_dataset 16, AFDB_masked_face_dataset 16" in drawn._repr_html_()
