"""identify, where it is stopped, its reader goes, or a picture cannot be written."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskedface import recognition
from maskedface.cli import identify, outputs
from maskedface.cli.main import _Unbroken, main
from maskedface.recognition import Gallery
from tests.faces import draw_face


@pytest.fixture
def words(colors: Path, tmp_path: Path) -> list[str]:
    """Ada enrolled, two photographs of her, and the words that identify them."""
    for photo in range(2):
        Image.fromarray(draw_face(0, photo, False)).save(tmp_path / f"{photo}.png")
    shared = [
        "--gallery",
        str(tmp_path / "g.npz"),
        "--model",
        str(colors),
        "--alignment",
        "arcface",
    ]
    assert main(["enroll", *shared, "--person", "Ada", str(tmp_path / "0.png")]) == 0
    facts = ["--json", str(tmp_path / "who.json"), "--threshold", "0"]
    return ["identify", *shared, str(tmp_path / "0.png"), str(tmp_path / "1.png"), *facts]


def rows(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "who.json").read_text())


def test_json_has_what_was_done_when_the_command_is_stopped(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = recognition.identify_all

    def stopped(*given: Any, **more: Any) -> Iterator[Any]:
        yield next(every(*given, **more))
        assert not rows(tmp_path)["complete"]  # as it goes
        raise KeyboardInterrupt

    monkeypatch.setattr(recognition, "identify_all", stopped)
    monkeypatch.setattr(identify, "_SAVED_EVERY", -1.0)
    assert main(words) == 130
    found = rows(tmp_path)
    assert not found["complete"] and [one["faces"][0]["person"] for one in found["photos"]] == [
        "Ada"
    ]


def test_a_picture_that_cannot_be_written_is_a_row(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write = outputs.write_picture

    def failing(path: str, picture: np.ndarray) -> None:
        if "0001" in path:
            raise OSError("no room")
        write(path, picture)

    monkeypatch.setattr(outputs, "write_picture", failing)
    assert main([*words, "--pictures", str(tmp_path / "pictures")]) == 3
    found = rows(tmp_path)
    assert found["complete"] and [one["picture_error"] for one in found["photos"]] == [
        "no room",
        "",
    ]
    assert all(one["faces"][0]["person"] == "Ada" for one in found["photos"])
    assert [*os.listdir(tmp_path / "pictures")] == ["0002-1.jpg"]
    assert "picture not written: no room" in capsys.readouterr().out


def test_a_threshold_below_the_gallerys_is_said(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gallery = Gallery.load(tmp_path / "g.npz")
    rng = np.random.default_rng(0)
    faces = rng.normal(size=(20, gallery._now.rows.shape[1]))
    made = gallery.calibrate(faces, [f"s{n}" for n in range(20)], fpir=0.1, source="drawn")
    gallery.save(tmp_path / "g.npz")
    main([*words, "--threshold", "-1"])
    chosen = f"{made.for_probe(False):.3f}"
    expected = f"by the threshold given, -1.000: below the gallery's {chosen}, FPIR is above 0.1"
    assert expected in capsys.readouterr().out


def test_no_output_may_replace_the_gallery(words: list[str], tmp_path: Path) -> None:
    before = (tmp_path / "g.npz").read_bytes()
    assert main([*words, "--json", str(tmp_path / "g.npz")]) == 2
    assert (tmp_path / "g.npz").read_bytes() == before


def test_a_command_ends_as_ever_when_its_reader_goes() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with io.TextIOWrapper(io.FileIO(theirs, "w"), write_through=True) as stream:
        out = _Unbroken(stream)
        for _ in range(3):
            assert out.write("a line\n") == 7
        out.flush()
