"""enroll, identify and verify, on drawn faces with a tiny network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface.cli.main import main
from maskedface.recognition import Gallery
from maskedface.training import Run
from tests.faces import draw_face


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Ten people with two photographs each, a folder a person."""
    for person in range(10):
        folder = tmp_path / "people" / f"p{person}"
        folder.mkdir(parents=True)
        for photo in range(2):
            Image.fromarray(draw_face(person, photo, False)).save(folder / f"{photo}.png")
    return tmp_path / "people"


@pytest.fixture
def words(colors: Path, tmp_path: Path) -> list[str]:
    gallery = str(tmp_path / "g.npz")
    return ["--gallery", gallery, "--model", str(colors), "--alignment", "arcface"]


@pytest.fixture
def enrolled(people: Path, words: list[str]) -> Path:
    assert main(["enroll", *words, str(people), "--fpir", "0.1", "--far", "0.1"]) == 0
    return people


def test_enrolling_says_what_was_done(
    people: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", *words, str(people), "--fpir", "0.1"]) == 0
    printed = capsys.readouterr().out
    assert "10 people enrolled, 0 photographs left out" in printed
    assert "(FPIR 0.1) to name" in printed and "the faces enrolled" in printed
    gallery = Gallery.load(words[1])
    assert gallery.people == {f"p{n}": 2 for n in range(10)}
    assert gallery.calibration is not None and gallery.calibration.probes == 20


def test_rmfrds_own_folders_are_not_enrolled_as_people(
    people: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people.rename(tmp_path / "AFDB_face_dataset")
    assert main(["enroll", *words, str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "RMFRD's folders ['AFDB_face_dataset']" in error and "Pass one of them" in error
    assert not Path(words[1]).exists()


def test_a_person_of_whom_nothing_can_be_read_is_left_out_by_name(
    people: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (people / "zoe").mkdir()
    (people / "zoe" / "film.mp4").write_bytes(b"no photograph")
    assert main(["enroll", *words, str(people), "--fpir", "0.1"]) == 1
    printed = capsys.readouterr().out
    assert "film.mp4" in printed and "1 photographs left out" in printed


def test_a_gallery_made_with_a_run_has_its_cohort(
    people: Path, tmp_path: Path, open_run: Run
) -> None:
    words = ["--gallery", str(tmp_path / "g.npz"), "--alignment", "arcface"]
    assert main(["enroll", *words, "--model", open_run.path, str(people), "--fpir", "0.1"]) == 0
    cohort = Gallery.load(words[1]).cohort
    assert cohort is not None and open_run.cohort is not None
    np.testing.assert_allclose(cohort.people, open_run.cohort.people, atol=1e-6)
    assert main(["identify", *words, str(people / "p3"), "--threshold", "-2"]) == 0


def test_a_photograph_left_out_is_listed_and_exit_code_1(
    people: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (people / "p0" / "broken.jpg").write_text("no image")
    facts = tmp_path / "facts.json"
    assert main(["enroll", *words, str(people), "--json", str(facts)]) == 1
    printed = capsys.readouterr().out
    assert "left out: " in printed and "FPIR 0.01 needs 100 photographs" in printed
    photos = json.loads(facts.read_text())["photos"]
    assert [Path(one["path"]).name for one in photos if one["error"]] == ["broken.jpg"]


def test_identify_names_a_folder_with_json_and_pictures(
    enrolled: Path, words: list[str], tmp_path: Path
) -> None:
    facts, pictures = tmp_path / "who.json", tmp_path / "pictures"
    out = ["--json", str(facts), "--pictures", str(pictures), "--threshold", "0"]
    assert main(["identify", *words, str(enrolled / "p2"), *out]) == 0
    photos = json.loads(facts.read_text())["photos"]
    assert [one["faces"][0]["person"] for one in photos] == ["p2", "p2"]
    assert photos[0]["faces"][0]["candidates"][0]["score"] <= 1
    with Image.open(pictures / "0001-0.jpg") as picture:
        assert picture.size == (112, 112)


def test_identify_tells_unknown_faces_and_unread_files_by_exit_code(
    enrolled: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    photo = str(enrolled / "p3" / "0.png")
    assert main(["identify", *words, photo, "--threshold", "1"]) == 1
    assert "unknown (nearest: p3)" in capsys.readouterr().out
    (enrolled / "broken.jpg").write_text("no image")
    assert main(["identify", *words, photo, str(enrolled / "broken.jpg")]) == 3
    assert "not read" in capsys.readouterr().out


def test_the_gallery_remembers_its_model(
    enrolled: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    photo = str(enrolled / "p3" / "0.png")
    kept = [*words[:2], *words[4:]]
    assert main(["identify", *kept, photo, "--threshold", "0"]) == 0
    assert "by the threshold given, 0.000" in capsys.readouterr().out


def test_another_model_is_refused(
    enrolled: Path, words: list[str], tiny_resnet50: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = [*words[:2], "--model", str(tiny_resnet50), *words[4:]]
    assert main(["identify", *other, str(enrolled)]) == 2
    assert "must be used with the model that made it" in capsys.readouterr().err


def test_masks_are_drawn_on_those_enrolled_and_the_gallery_remembers_how_many(
    people: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", *words, str(people / "p0"), "--person", "a", "--masks", "2"]) == 0
    assert "drawn mask" not in capsys.readouterr().out  # two faces are too few for a threshold
    assert Gallery.load(words[1]).masks == 2
    assert main(["enroll", *words, str(people / "p1"), "--person", "b"]) == 0
    assert Gallery.load(words[1]).masks == 2
    capsys.readouterr()
    assert main(["enroll", *words, str(people / "p2"), "--person", "c", "--masks", "3"]) == 2
    assert "masks must be that of the gallery, 2. Received: 3" in capsys.readouterr().err


def test_a_threshold_for_faces_with_drawn_masks_is_chosen_on_masked_ones_too(
    people: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", *words, str(people), "--masks", "2", "--fpir", "0.1"]) == 0
    assert (
        "10 people, the faces enrolled; masked faces: drawn masks; against 10 enrolled"
        in capsys.readouterr().out
    )
    made = Gallery.load(words[1]).calibration
    assert made is not None and made.probes == 20  # a photograph counts once


def test_people_enrolled_without_masks_are_looked_at_under_drawn_ones_too(
    people: Path, words: list[str]
) -> None:
    assert main(["enroll", *words, str(people), "--fpir", "0.1"]) == 0
    made = Gallery.load(words[1])
    assert made.masks == 0 and made.calibration is not None
    assert made.calibration.masked_from == "drawn mask" and made.calibration.probes == 20


def test_verify_has_an_exit_code_a_verdict_and_a_picture(
    enrolled: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same, other = str(enrolled / "p3" / "0.png"), str(enrolled / "p4" / "0.png")
    facts, picture = tmp_path / "verdict.json", tmp_path / "both.png"
    out = ["--json", str(facts), "--picture", str(picture)]
    assert main(["verify", *words, same, same, *out]) == 0
    assert json.loads(facts.read_text())["same"] is True
    with Image.open(picture) as both:
        assert both.size == (224, 112)
    assert main(["verify", *words, same, other, "--threshold", "1"]) == 1
    assert "different people" in capsys.readouterr().out
    assert main(["verify", *words[2:], same, other]) == 3
    printed = capsys.readouterr().out
    assert printed.startswith("cannot tell\nno threshold: no default was measured for ")
    assert "--strangers FOLDER" in printed and "--threshold" in printed


def test_people_are_replaced_added_to_and_removed(
    enrolled: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    again = ["enroll", *words, "--person", "p3", str(enrolled / "p3" / "0.png")]
    assert main(again) == 2
    assert "must not be enrolled yet" in capsys.readouterr().err
    assert main([*again, "--existing", "add"]) == 0
    assert Gallery.load(words[1]).people["p3"] == 3
    assert main([*again, "--existing", "replace"]) == 0
    assert Gallery.load(words[1]).people["p3"] == 1
    assert "thresholds unchanged, for 10 people" in capsys.readouterr().out
    assert main(["enroll", "--gallery", words[1], "--remove", "p3"]) == 0
    assert "p3" not in Gallery.load(words[1])
    assert main(["enroll", "--gallery", words[1], "--remove", "p3"]) == 2
    assert "person must be enrolled" in capsys.readouterr().err


def test_strangers_choose_the_threshold(
    enrolled: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "strangers" / "s"
    folder.mkdir(parents=True)
    for photo in range(4):
        Image.fromarray(draw_face(20 + photo, 0, False)).save(folder / f"{photo}.png")
    strangers = ["--strangers", str(tmp_path / "strangers"), "--fpir", "0.25"]
    assert main(["enroll", *words, *strangers]) == 0
    made = Gallery.load(words[1]).calibration
    assert made is not None and (made.probes, made.source) == (4, str(tmp_path / "strangers"))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ([], "photographs, --from, --remove or --strangers must be given"),
        (["--remove", "nobody"], "a gallery must exist to remove people from it"),
        (["nowhere"], "a file to read must exist"),
    ],
)
def test_wrong_words_write_nothing(
    words: list[str], extra: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", *words, *extra]) == 2
    assert message in capsys.readouterr().err
    assert not Path(words[1]).exists()


def test_a_photograph_in_no_persons_folder_is_refused(
    people: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(draw_face(0, 0, False)).save(people / "loose.png")
    assert main(["enroll", *words, str(people)]) == 2
    assert "must be in a person's folder" in capsys.readouterr().err


def test_faces_are_found_where_photographs_are_not_aligned(
    people: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the library's own detector: a photograph without a face shows nobody, whatever its size."""
    found = words[:4]
    assert main(["enroll", *found, str(people / "p0"), "--person", "p0"]) == 0
    blank, facts = tmp_path / "blank.png", tmp_path / "who.json"
    noise = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
    Image.fromarray(noise).save(blank)
    photos = [str(people / "p0" / "0.png"), str(blank)]
    asked = ["identify", *found, *photos, "--threshold", "0", "--json", str(facts)]
    assert main(asked) == 1
    assert "no face found" in capsys.readouterr().out
    (face,), nobody = (one["faces"] for one in json.loads(facts.read_text())["photos"])
    assert face["person"] == "p0" and "aligner" in face["aligned_by"] and nobody == []
    assert main([*asked, "--fall-back", "always"]) == 0
    (taken,) = json.loads(facts.read_text())["photos"][1]["faces"]
    assert taken["aligned_by"] == "whole image"
