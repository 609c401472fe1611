"""enroll beside others who change the same gallery, and what it leaves on the disk."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from maskedface.cli.main import main
from maskedface.recognition import Gallery, enrollment
from tests.faces import draw_face
from tests.test_locks import hold


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    return tmp_path / "g.npz"


@pytest.fixture
def enrolling(gallery: Path, colors: Path) -> Callable[..., list[str]]:
    """The words that enroll somebody by one photograph."""
    photo = gallery.parent / "photo.png"
    Image.fromarray(draw_face(0, 0, False)).save(photo)
    model = ["--model", str(colors), "--alignment", "arcface"]

    def words(person: str, *more: str) -> list[str]:
        return ["enroll", "--gallery", str(gallery), *model, *more, "--person", person, str(photo)]

    return words


@pytest.fixture
def ada(gallery: Path, enrolling: Callable[..., list[str]]) -> list[str]:
    """A gallery of Ada, and the words that enroll Bob."""
    assert main(enrolling("Ada")) == 0
    return enrolling("Bob")


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Lets somebody else act while photographs are read."""
    faces = enrollment.read_people

    def read(*given: Any, **words: Any) -> Any:
        monkeypatch.setattr(enrollment, "read_people", faces)
        act()
        return faces(*given, **words)

    monkeypatch.setattr(enrollment, "read_people", read)


def test_two_who_enroll_at_once_are_both_there(
    ada: list[str],
    enrolling: Callable[..., list[str]],
    gallery: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    meanwhile(monkeypatch, lambda: main(enrolling("Cleo")))
    assert main(ada) == 0
    assert Gallery.load(gallery).people == {"Ada": 1, "Bob": 1, "Cleo": 1}


def test_two_who_make_the_gallery_at_once_are_both_there(
    enrolling: Callable[..., list[str]], gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, lambda: main(enrolling("Cleo")))
    assert main(enrolling("Bob")) == 0
    assert Gallery.load(gallery).people == {"Bob": 1, "Cleo": 1}


def test_who_is_removed_during_an_enrollment_stays_removed(
    ada: list[str], gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, lambda: main(["enroll", "--gallery", str(gallery), "--remove", "Ada"]))
    assert main(ada) == 0
    assert Gallery.load(gallery).people == {"Bob": 1}


def test_a_gallery_deleted_during_an_enrollment_does_not_come_back(
    ada: list[str], gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, gallery.unlink)
    assert main(ada) == 0
    assert Gallery.load(gallery).people == {"Bob": 1}


def test_who_was_enrolled_meanwhile_is_refused(
    ada: list[str],
    gallery: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    meanwhile(monkeypatch, lambda: main(ada))
    assert main(ada) == 2
    assert "must not be enrolled yet" in capsys.readouterr().err
    assert Gallery.load(gallery).people == {"Ada": 1, "Bob": 1}


def test_a_gallery_of_another_kind_made_meanwhile_is_refused(
    enrolling: Callable[..., list[str]],
    gallery: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    meanwhile(monkeypatch, lambda: main(enrolling("Cleo", "--keep", "all")))
    assert main(enrolling("Bob")) == 2
    assert "made meanwhile, with keep='all'" in capsys.readouterr().err
    assert Gallery.load(gallery).people == {"Cleo": 1}


def test_a_gallery_in_use_is_refused_by_the_name_of_who_uses_it(
    ada: list[str], gallery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hold(gallery, 60) as holder:
        assert main(["enroll", "--gallery", str(gallery), "--remove", "Ada", "--wait", "0"]) == 2
        holder.kill()
    assert f"held by process {holder.pid} " in capsys.readouterr().err
    assert "Ada" in Gallery.load(gallery)


def test_a_gallery_in_use_for_a_moment_is_waited_for(ada: list[str], gallery: Path) -> None:
    with hold(gallery, 0.2):
        assert main(["enroll", "--gallery", str(gallery), "--remove", "Ada"]) == 0
    assert "Ada" not in Gallery.load(gallery)


@pytest.mark.parametrize("wait", ["-1", "nan", "soon"])
def test_a_wait_of_no_time_is_refused(wait: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["enroll", "--gallery", "g.npz", "--remove", "Ada", "--wait", wait])
    assert f"must be seconds, 0 or more. Received: {wait!r}" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="modes and links are POSIX'")
def test_a_new_gallery_is_for_its_owner_alone(ada: list[str], gallery: Path) -> None:
    assert stat.S_IMODE(gallery.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="modes and links are POSIX'")
def test_who_is_removed_through_a_link_is_removed_from_the_file(
    ada: list[str], gallery: Path, tmp_path: Path
) -> None:
    (tmp_path / "link.npz").symlink_to(gallery)
    assert main(["enroll", "--gallery", str(tmp_path / "link.npz"), "--remove", "Ada"]) == 0
    assert "Ada" not in Gallery.load(gallery) and (tmp_path / "link.npz").is_symlink()


def test_results_go_to_standard_output_alone(
    ada: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    assert main([*ada, "--json", "-"]) == 0
    printed = capfd.readouterr()
    assert json.loads(printed.out)["people"] == {"Ada": 1, "Bob": 1}
    assert "2 people enrolled" in printed.err


def test_the_gallery_is_saved_where_a_picture_cannot_be(
    ada: list[str],
    gallery: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    meanwhile(monkeypatch, (tmp_path / "pictures").touch)
    assert main([*ada, "--pictures", str(tmp_path / "pictures")]) == 1
    assert "the gallery is saved, but another output is not" in capsys.readouterr().err
    assert "Bob" in Gallery.load(gallery)


def test_a_gallery_is_no_stream(enrolling: Callable[..., list[str]], capsys: Any) -> None:
    assert main(["enroll", "--gallery", "-", "--remove", "Ada"]) == 2
    assert "--gallery must be a file" in capsys.readouterr().err


@pytest.fixture
def strangers(tmp_path: Path) -> Path:
    """Four people who are not enrolled, a photograph each."""
    for person in range(4):
        folder = tmp_path / "strangers" / f"s{person}"
        folder.mkdir(parents=True)
        Image.fromarray(draw_face(20 + person, 0, False)).save(folder / "0.png")
    return tmp_path / "strangers"


def test_thresholds_are_chosen_anew_on_the_strangers_that_there_were(
    enrolling: Callable[..., list[str]], gallery: Path, strangers: Path
) -> None:
    assert main([*enrolling("Ada"), "--strangers", str(strangers), "--fpir", "0.25"]) == 0
    assert main(enrolling("Bob")) == 0
    made = Gallery.load(gallery).calibration
    assert made is not None
    assert (made.gallery, made.fpir, made.source) == (2, 0.25, str(strangers))


def test_enrolled_faces_are_looked_at_under_masks_where_no_stranger_can_be_read_any_more(
    enrolling: Callable[..., list[str]], gallery: Path, strangers: Path
) -> None:
    assert main([*enrolling("Ada"), "--strangers", str(strangers), "--fpir", "0.5"]) == 0
    people = strangers.rename(strangers.with_name("people"))
    shutil.copytree(people, strangers)
    for photo in strangers.glob("*/*.png"):
        photo.write_bytes(b"no image")
    assert main([*enrolling("Ada")[:-3], str(people)]) == 0
    made = Gallery.load(gallery).calibration
    assert made is not None and (made.source, made.people) == ("the faces enrolled", 4)
    assert made.masked_from == "drawn mask"


@pytest.mark.parametrize(("masked", "of"), [(0, "drawn masks"), (1, "worn masks")])
def test_strangers_are_looked_at_with_their_own_masks_or_with_drawn_ones(
    enrolling: Callable[..., list[str]],
    gallery: Path,
    strangers: Path,
    masked: int,
    of: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for person in range(4 * masked):
        Image.fromarray(draw_face(20 + person, 1, True)).save(
            strangers / f"s{person}" / "masked.png"
        )
    assert main([*enrolling("Ada"), "--strangers", str(strangers), "--fpir", "0.25"]) == 0
    made = Gallery.load(gallery).calibration
    assert made is not None and made.masked_from == ("masked" if masked else "drawn mask")
    assert (made.probes, made.people) == (4 + 4 * masked, 4)
    assert made.for_probe(True) < made.for_probe(False)  # to this network of colors
    printed = capsys.readouterr().out
    assert (
        f"{made} (FPIR 0.25) to name" in printed
        and f"masked faces: {of}; against 1 enrolled" in printed
    )
    assert f"masked {made.for_probe(True):.3f} (FPIR" in printed


def test_thresholds_that_cannot_be_chosen_anew_are_said_with_their_rate(
    enrolling: Callable[..., list[str]],
    gallery: Path,
    strangers: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*enrolling("Ada"), "--strangers", str(strangers), "--fpir", "0.25"]) == 0
    strangers.rename(strangers.parent / "elsewhere")
    assert main(enrolling("Bob")) == 0
    printed = capsys.readouterr().out
    assert "thresholds unchanged, for 1 people enrolled" in printed
    assert "2 are enrolled now, not 1: expect an FPIR of about 0.44, not 0.25" in printed


def test_too_few_strangers_are_refused_before_anything_is_read(
    enrolling: Callable[..., list[str]],
    gallery: Path,
    strangers: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(enrollment, "read_people", None)
    assert main([*enrolling("Ada"), "--strangers", str(strangers), "--fpir", "0.1"]) == 2
    assert "must have 10 photographs for an FPIR of 0.1. Received: 4" in capsys.readouterr().err


def test_copies_of_strangers_earn_no_threshold_and_lose_nobody(
    enrolling: Callable[..., list[str]],
    gallery: Path,
    strangers: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for person in range(4):
        folder = strangers / f"s{person}"
        with Image.open(folder / "0.png") as photo:
            photo.convert("RGB").save(folder / "copy.jpg", quality=80)
    assert main([*enrolling("Ada"), "--strangers", str(strangers), "--fpir", "0.125"]) == 1
    assert "the gallery is not calibrated: " in capsys.readouterr().out
    made = Gallery.load(gallery)
    assert "Ada" in made and made.calibration is None


def test_a_picture_without_anything_on_it_shows_nobody(
    enrolling: Callable[..., list[str]], gallery: Path
) -> None:
    words = enrolling("Ada")
    Image.new("RGB", (112, 112)).save(words[-1])
    assert main(words) == 2
    assert not gallery.exists()


def test_a_gallery_is_made_again_with_another_network(
    colors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strangers = tmp_path / "strangers"
    for number in range(6):
        folder = (tmp_path / "people" if number < 3 else strangers) / f"p{number}"
        folder.mkdir(parents=True)
        for photo in range(4):
            Image.fromarray(draw_face(number, photo, False)).save(folder / f"{photo}.png")
    old, new = str(tmp_path / "old.npz"), str(tmp_path / "new.npz")
    words = [
        "--model",
        str(colors),
        "--alignment",
        "arcface",
        "--keep",
        "all",
        "--fpir",
        "0.2",
    ]
    people = [str(tmp_path / "people"), "--strangers", str(strangers)]
    assert main(["enroll", "--gallery", old, *words, *people]) == 0
    # The network changes: another alignment is another network.
    again = ["enroll", "--gallery", new, "--from", old, "--model", str(colors)]
    again += ["--model-alignment", "dlib"]
    (tmp_path / "people" / "p1" / "2.png").unlink()
    capsys.readouterr()
    assert main([*again, "--json", str(tmp_path / "again.json")]) == 1
    printed = capsys.readouterr().out
    assert f"left out: {tmp_path}/people/p1/2.png" in printed and "(FPIR 0.2) to name" in printed
    made, before = Gallery.load(new), Gallery.load(old)
    assert made.people == {"p0": 4, "p1": 3, "p2": 4} and made.keep == "all"
    assert made.fingerprint != before.fingerprint and before.people["p1"] == 4
    assert made.calibration is not None and made.calibration.source == str(strangers)
    rows = json.loads((tmp_path / "again.json").read_text())["photos"]
    assert len(rows) == 12 and sum(bool(row["error"]) for row in rows) == 1
    assert main(again) == 2  # they are enrolled already
    assert main([*again, "--existing", "replace"]) == 1


def test_crops_are_kept_where_asked_and_photographs_may_go(
    gallery: Path, enrolling: Callable[..., list[str]], colors: Path, tmp_path: Path
) -> None:
    assert main(enrolling("Ada", "--remember", "crops")) == 0
    (tmp_path / "photo.png").unlink()
    again = ["--from", str(gallery), "--model", str(colors), "--model-alignment", "dlib"]
    assert main(["enroll", "--gallery", str(tmp_path / "new.npz"), *again]) == 0
    assert Gallery.load(tmp_path / "new.npz").photos == Gallery.load(gallery).photos


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["photo.png"], "--from must come without photographs"),
        (["--alignment", "arcface"], "--from must come without photographs"),
        (["--fall-back", "always"], "--from must come without photographs"),
        (["--gallery", "g.npz"], "--from must be another gallery than --gallery"),
        (["--json", "g.npz"], "g.npz"),
    ],
)
def test_wrong_words_beside_from_are_refused(
    ada: list[str],
    gallery: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert main(["enroll", "--gallery", "new.npz", "--from", "g.npz", *more]) == 2
    assert message in capsys.readouterr().err and not Path("new.npz").exists()
    assert main(["enroll", "--gallery", "new.npz", "--from", "none.npz"]) == 2


def test_another_network_for_a_gallery_is_refused_with_the_way_to_go(
    ada: list[str], gallery: Path, colors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*ada, "--model-alignment", "dlib"]) == 2
    assert "enroll --gallery NEW --from OLD" in capsys.readouterr().err


def test_a_gallery_of_nobody_is_no_gallery_to_make_one_from(
    ada: list[str], gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "--gallery", str(gallery), "--remove", "Ada"]) == 0
    assert main(["enroll", "--gallery", str(tmp_path / "n.npz"), "--from", str(gallery)]) == 2
    assert "made_from must not be empty" in capsys.readouterr().err


def test_what_is_remembered_can_be_less_from_now_on(ada: list[str], gallery: Path) -> None:
    assert Gallery.load(gallery).photos["Ada"]
    assert main(["enroll", "--gallery", str(gallery), "--remember", "nothing"]) == 0
    read = Gallery.load(gallery)
    assert read.photos == {"Ada": ()} and read.remember == "nothing" and "Ada" in read
    assert main(ada) == 0  # Bob
    assert Gallery.load(gallery).photos["Bob"] == ()
    assert main([*ada, "--remember", "paths", "--existing", "add"]) == 0
    assert len(Gallery.load(gallery).photos["Bob"]) == 1


def test_who_lacks_a_photograph_is_not_replaced_by_the_others(
    ada: list[str],
    enrolling: Callable[..., list[str]],
    gallery: Path,
    tmp_path: Path,
    colors: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    second = tmp_path / "second.png"
    Image.fromarray(draw_face(0, 1, False)).save(second)
    assert main([*enrolling("Ada", "--existing", "add")[:-1], str(second)]) == 0
    again = ["enroll", "--gallery", str(tmp_path / "new.npz"), "--from", str(gallery)]
    assert main([*again, "--model", str(colors)]) == 0
    second.unlink()
    capsys.readouterr()
    assert main([*again, "--model", str(colors), "--existing", "replace"]) == 2
    assert "at least one remembered photograph must show" in capsys.readouterr().err
    assert Gallery.load(tmp_path / "new.npz").people == {"Ada": 2}
