"""The contact sheet: whom it shows, in which order, and that no name or file breaks it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface.datasets import Face, FaceIndex, Landmarks
from maskedface.landmarks import draw_sheet
from maskedface.landmarks.finding import Aligned
from maskedface.landmarks.sheet import shortened
from maskedface.landmarks.store import Finding

YELLOW, RED = (250, 204, 21), (248, 113, 113)


def five(confidence: float) -> Landmarks:
    points = ((20.0, 20.0), (40.0, 20.0), (30.0, 30.0), (22.0, 40.0), (138.0, 40.0))
    return Landmarks(points, "fake", confidence)


@pytest.fixture
def aligned(tmp_path: Path) -> Aligned:
    """Twelve images: one without a face, one that is gone, one unreadable, confidences that fall."""
    root = tmp_path / "images"
    root.mkdir()
    findings = {f"{n:02d}.png": Finding(five(1 - n / 20)) for n in range(10)}
    for n, path in enumerate(findings):
        Image.new("RGB", (60 + n, 50), (0, 0, 90)).save(root / path)
    Path(root, "05.png").unlink()
    odd = os.fsdecode(b"\xc4\xe3.png")
    findings |= {odd: Finding(), "bad.png": Finding(problem="cut")}
    Image.new("RGB", (3, 50), (0, 0, 90)).save(root / odd)
    return Aligned(FaceIndex(root, [Face(path, "x", "masked") for path in findings]), findings)


def test_the_worst_come_first_and_the_unreadable_are_not_drawn(
    aligned: Aligned, tmp_path: Path
) -> None:
    drawn = draw_sheet(aligned, tmp_path / "sheet.png", count=4)
    assert drawn == [os.fsdecode(b"\xc4\xe3.png"), "09.png", "08.png", "07.png"]
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert (sheet.format, sheet.size) == ("PNG", (4 * 150 + 6, 180 + 6))


def test_all_are_drawn_where_there_are_few(aligned: Aligned, tmp_path: Path) -> None:
    assert len(draw_sheet(aligned, tmp_path / "sheet.jpg")) == 11
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert (sheet.format, sheet.size) == ("JPEG", (8 * 150 + 6, 2 * 180 + 6))


def test_points_lie_on_their_image(aligned: Aligned, tmp_path: Path) -> None:
    one = Aligned(aligned.index, {"00.png": aligned.findings["00.png"]})
    draw_sheet(one, tmp_path / "sheet.png")
    pixels = np.asarray(Image.open(tmp_path / "sheet.png")).astype(int)
    rows, columns = np.nonzero(abs(pixels - YELLOW).sum(2) == 0)
    eye = (columns[rows < 80].mean(), rows[rows < 80].mean())
    zoom = 144 / 60  # the image is 60 x 50, in the middle of 144 x 144, 6 px from the sheet's edge
    assert np.allclose(eye, (20.5 * zoom + 6, 20.5 * zoom + 12 + 6), atol=1)


def test_what_has_no_face_says_so_in_red(aligned: Aligned, tmp_path: Path) -> None:
    for path, red in ((os.fsdecode(b"\xc4\xe3.png"), True), ("00.png", False)):
        draw_sheet(Aligned(aligned.index, {path: aligned.findings[path]}), tmp_path / "sheet.png")
        pixels = np.asarray(Image.open(tmp_path / "sheet.png")).astype(int)
        assert (abs(pixels - RED).sum(2) < 40).any() == red


def test_bad_calls_are_refused_and_leave_nothing(aligned: Aligned, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="count must be at least 1. Received: count=0"):
        draw_sheet(aligned, tmp_path / "sheet.png", count=0)
    with pytest.raises(ValueError, match="path must end in .png or .jpg. Received: .*sheet.csv"):
        draw_sheet(aligned, tmp_path / "sheet.csv")
    with pytest.raises(ValueError, match="aligned must have findings"):
        draw_sheet(Aligned(aligned.index, {}), tmp_path / "sheet.png")
    assert [file.name for file in tmp_path.iterdir()] == ["images"]


def test_names_are_shortened_to_their_end() -> None:
    assert (
        shortened("person/photo_of_somebody_0001.jpg")
        == "...of_somebody_0001.jpg"[:3] + ("person/photo_of_somebody_0001.jpg"[-19:])
    )
    assert shortened("short.jpg") == "short.jpg"
    assert shortened(os.fsdecode(b"\xff.jpg")) == "\ufffd.jpg"
