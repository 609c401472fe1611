"""Names and paths from outside, as a terminal gets them."""

from __future__ import annotations

import argparse
import types

import numpy as np
import pytest

from maskedface.cli import enrolled, identify, masks
from maskedface.cli.main import main
from maskedface.recognition import Gallery, Identity
from maskedface.recognition.batch import PhotoResult
from maskedface.recognition.enrollment import EnrolledPhoto
from maskedface.recognition.faces import EmbeddedFace
from maskedface.recognition.gallery import Candidate
from maskedface.recognition.gallery_update import Updated
from tests.recognition.galleries import thresholds

HOSTILE = "\x1b]0;owned\x07\u202egpj"
FACE = EmbeddedFace((0, 0, 9, 9), None, "alignment", "", 0.1, np.ones(3, "float32"))


def check(printed: str) -> None:
    assert r"\x1b]0;owned\x07\u202egpj" in printed
    assert not {"\x1b", "\x07", "\u202e"} & set(printed)


def test_enroll_escapes_people_and_files(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        EnrolledPhoto(HOSTILE, HOSTILE, FACE, ""),
        EnrolledPhoto(HOSTILE, HOSTILE, None, f"no face in {HOSTILE}"),
    ]
    words = argparse.Namespace(json=None, pictures=None, remove=[])
    done = Updated(Gallery("f00d"), rows, None, f"from {HOSTILE}")
    assert enrolled.report(words, done) == 1
    check(capsys.readouterr().out)


def test_identify_escapes_people_files_and_sources(capsys: pytest.CaptureFixture[str]) -> None:
    named = Identity(FACE, HOSTILE, (Candidate(HOSTILE, 0.9), Candidate(HOSTILE, 0.8)), 0.5)
    results = PhotoResult(HOSTILE, (named,), ""), PhotoResult(HOSTILE, (), HOSTILE)
    for verbose in (False, True):
        identify._print([identify._Row(result) for result in results], verbose)
        check(capsys.readouterr().out)
    gallery = Gallery("f00d")
    gallery.calibration = thresholds(source=HOSTILE)
    identify._print_threshold(types.SimpleNamespace(gallery=gallery), None, [])  # type: ignore[arg-type]
    check(capsys.readouterr().out)


def test_an_error_is_escaped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(args: argparse.Namespace) -> int:
        raise ValueError(HOSTILE)

    monkeypatch.setattr(masks, "run", run)
    assert main(["masks", "--out", "x.png"]) == 2
    check(capsys.readouterr().err)
