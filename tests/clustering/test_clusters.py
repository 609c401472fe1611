"""What is kept of the people found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from maskedface.clustering import ClusteredFace, Clusters
from maskedface.clustering.clusters import folder_name, is_named


def clusters(*people: str) -> Clusters:
    faces = tuple(
        ClusteredFace(f"/{n}.jpg", "0" * 64, (0.0, 0.0, 9.0, 9.0), 0.25, person)
        for n, person in enumerate(people)
    )
    return Clusters(faces, {"/no.jpg": "damaged"}, ("/sky.jpg",), {"Ada": "Bob"}, {"far": 0.001})


def test_a_file_gives_them_back(tmp_path: Path) -> None:
    made = clusters("Ada", "", "José")
    made.save(tmp_path / "people.json")
    found = Clusters.load(tmp_path / "people.json")
    assert (found.faces, found.errors, found.without_face) == (
        made.faces,
        made.errors,
        made.without_face,
    )
    assert (found.nearest, found.settings) == (made.nearest, made.settings)


def test_faces_left_out_are_nobody() -> None:
    assert clusters("Ada", "", "Bob", "Bob").people == {"Bob": 2, "Ada": 1}


@pytest.mark.parametrize(
    "text", ["{}", "no JSON", "[]", '{"format": 1}', '{"format": 9, "faces": []}', "\x00"]
)
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(ValueError, match=r"must be one of `maskedface cluster`. Received: .*other"):
        Clusters.load(tmp_path / "other.json")


@pytest.mark.parametrize("name", ["../up", "a/b", "..", ".hidden", "CON:", "a\nb", "x" * 300, " "])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    clusters("Ada").save(tmp_path / "people.json")
    values = json.loads((tmp_path / "people.json").read_text())
    values["faces"][0]["person"] = name
    (tmp_path / "people.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match="a person's name must be"):
        Clusters.load(tmp_path / "people.json")


def test_a_name_is_kept_as_it_is_compared() -> None:
    assert folder_name(" Jose\u0301 ") == "José"


def test_numbers_are_no_names() -> None:
    assert [is_named(name) for name in ("person 001", "taken out 012", "Ada", "person X")] == [
        False,
        False,
        True,
        True,
    ]
