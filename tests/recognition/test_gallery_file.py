from __future__ import annotations

import dataclasses
import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface.array_file import digest
from maskedface.evaluation import Cohort
from maskedface.recognition import Gallery, gallery_file
from maskedface.recognition.calibration import Calibration
from tests.recognition.galleries import FACES, OTHERS, PEOPLE, gallery, thresholds


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "g.npz"
    gallery().save(path)
    before = path.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(gallery_file.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        Gallery("other").save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["g.npz"]


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (os.mkdir, ("unpickled",))


def test_a_pickle_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plain.npz").write_bytes(pickle.dumps(Evil()))
    np.savez("inside.npz", facts=np.array([Evil()], object))
    for name in ("plain.npz", "inside.npz"):
        with pytest.raises(ValueError, match="must be an intact gallery file"):
            Gallery.load(name)
    assert not os.path.exists("unpickled")


TWO = np.array(2, "int64")
THRESHOLDS: dict[str, Any] = {
    "fpir": 0.1,
    "identify": {"unmasked": 0.4, "masked": 0.45},
    "far": 0.1,
    "verify": {"both unmasked": 0.5, "one masked": 0.55, "both masked": None},
    **{"probes": 9, "masked_from": "masked", "people": 9, "gallery": 3, "source": "drawn"},
}
NONE = {"offsets": np.zeros(3, "float32")}


def damaged(path: Path, facts: dict[str, Any], **arrays: Any) -> Path:
    """The gallery's file with some of its parts changed, and right digests; of a version that is
    given without digests, but 6 and 7 with them."""
    told, kept = gallery_file.read(path)
    if facts.get("version") in (2, 3, 6):
        kept.pop("cohort_by_photos", None)
    kept |= arrays
    told |= facts
    if facts.get("version") in (None, 6, 7):
        digests = {name: digest(array) for name, array in kept.items()}
        told = {"version": gallery_file.VERSION, **told, "digests": digests}
    buffer = io.BytesIO()
    np.savez(buffer, facts=np.frombuffer(json.dumps(told).encode(), "uint8"), **kept)
    path.write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize(
    ("facts", "arrays", "message"),
    [
        ({"version": 9}, {}, "must be of version 1 to 8"),
        (
            {"version": 8},
            {},
            r"intact gallery file. .*\['crop_ends', 'crops', 'lengths', 'person', 'rows'\] differ",
        ),
        ({"version": 4}, {}, "intact gallery file. .* differ"),
        ({"version": 2}, {}, "with invalid cohort"),
        ({"version": True}, {}, "must be an intact gallery file"),
        ({"people": ["ada", "bo"]}, {}, "with invalid"),
        ({"people": ["ada", "bo", "bo"]}, {}, "with invalid"),
        ({"keep": "some"}, {}, "with invalid keep"),
        ({"more": 1}, {}, "with invalid"),
        ({}, {"person": np.array([0, 1, 5], "int32")}, "with invalid"),
        ({}, {"rows": np.full((3, 3), np.nan, "float32")}, "with invalid"),
        ({}, {"rows": np.ones((3, 3))}, "with invalid"),
        ({}, {"rows": np.ones((3, 3), "float32")}, "with invalid rows"),
        ({}, {"lengths": np.array([1, 0, 1], "float32")}, "with invalid lengths"),
        ({}, {"lengths": np.array([1, 1, 1.1], "float32")}, "with invalid lengths"),
        ({"faces": [2, 1, 0]}, {}, "with invalid faces"),
        ({"faces": [2, 1, True]}, {}, "with invalid faces"),
        ({"unmasked": [0, 0]}, {}, "with invalid people"),
        ({"unmasked": [0, 0, -1]}, {}, "with invalid unmasked"),
        ({"unmasked": [0, 0, 9]}, {}, "with invalid unmasked"),
        ({"unmasked": "000"}, {}, "with invalid unmasked"),
        ({"fingerprint": 7}, {}, "with invalid fingerprint"),
        ({"masks": 101}, {}, "with invalid masks"),
        ({"people": ["ada", "bo", ""]}, {}, "with invalid people"),
        ({"people": ["ada", "bo", "x" * 1_001]}, {}, "with invalid people"),
        *(
            ({"calibration": THRESHOLDS | wrong}, {}, "with invalid calibration")
            for wrong in (
                {"identify": 0.4},
                {"identify": {"unmasked": 0.4}},
                {"identify": {"unmasked": 0.4, "masked": float("nan")}},
                {"identify": {"unmasked": -60.0, "masked": 0.4}},
                {"verify": THRESHOLDS["verify"] | {"one masked": "0.5"}},
                {"verify": None},
                {"masked_from": "a mask"},
                {"more": 1},
            )
        ),
        ({}, {"more": np.ones(1)}, "with invalid more"),
        (
            {},
            {"cohort": np.ones((3, 3), "float32")},
            "with invalid cohort_by_photos, cohort_nearest, offsets",
        ),
        (
            {},
            {"cohort": np.ones((3, 2), "float32"), "cohort_nearest": TWO, **NONE},
            "with invalid",
        ),
        (
            {},
            {"cohort": np.ones((1, 3), "float32"), "cohort_nearest": TWO, **NONE},
            "with invalid",
        ),
        (
            {},
            {"cohort": np.ones((3, 3), "float32"), "cohort_nearest": TWO - 2, **NONE},
            "with invalid",
        ),
        (
            {},
            {"cohort": np.full((3, 3), np.inf, "float32"), "cohort_nearest": TWO, **NONE},
            "with invalid",
        ),
        (
            {},
            {"cohort": np.ones((3, 3), "f4"), "cohort_nearest": TWO, "offsets": np.ones(2, "f4")},
            "with invalid",
        ),
        ({}, {"cohort": np.ones((3, 3)), "cohort_nearest": TWO, **NONE}, "with invalid"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    tmp_path: Path, facts: dict[str, Any], arrays: dict[str, Any], message: str
) -> None:
    gallery().save(tmp_path / "g.npz")
    with pytest.raises(ValueError, match=message):
        Gallery.load(damaged(tmp_path / "g.npz", facts, **arrays))


def test_a_cut_or_missing_file_is_refused(tmp_path: Path) -> None:
    gallery().save(tmp_path / "g.npz")
    whole = (tmp_path / "g.npz").read_bytes()
    for length in (0, 100, len(whole) - 30):
        (tmp_path / "cut.npz").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="must be an intact gallery file"):
            Gallery.load(tmp_path / "cut.npz")
    with pytest.raises(FileNotFoundError):
        Gallery.load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("version", "cohort"), [(1, None), (2, OTHERS), (3, None), (3, OTHERS), (6, OTHERS)]
)
def test_a_gallery_of_a_version_before_is_read(
    tmp_path: Path, version: int, cohort: Cohort | None
) -> None:
    before = cohort and dataclasses.replace(cohort, by_photos=False)
    made = Gallery("f00d", cohort=before)
    made.enroll(PEOPLE, FACES)
    made.save(tmp_path / "g.npz")
    old = Gallery.load(damaged(tmp_path / "g.npz", {"version": version}))
    assert old.search(FACES[0], 3) == made.search(FACES[0], 3)
    # Whoever is enrolled later has scores by the same rule, for which its thresholds were chosen.
    for one in (made, old):
        one.enroll(["new"], FACES[:1])
    old.save(tmp_path / "again.npz")
    again = Gallery.load(tmp_path / "again.npz")
    assert again.search(FACES[0], 3) == old.search(FACES[0], 3) == made.search(FACES[0], 3)


def test_thresholds_of_a_version_before_are_those_of_all_faces(tmp_path: Path) -> None:
    made = gallery()
    made.calibration = thresholds(identify=0.4, verify=0.5)
    made.save(tmp_path / "g.npz")
    former = THRESHOLDS | {"identify": 0.4, "verify": 0.5}
    del former["masked_from"]
    old = damaged(tmp_path / "g.npz", {"version": 7, "calibration": former})
    read = Gallery.load(old).calibration
    assert read == made.calibration and read is not None
    assert {*read.identify.values()} == {0.4} and {*read.verify.values()} == {0.5}
    del former["verify"]
    with pytest.raises(ValueError, match="with invalid calibration"):
        Gallery.load(damaged(tmp_path / "g.npz", {"version": 7, "calibration": former}))


@pytest.mark.parametrize("keep", ["mean", "all"])
def test_two_spellings_in_an_old_file_are_one_person(tmp_path: Path, keep: Any) -> None:
    made = gallery(keep)
    made.save(tmp_path / "g.npz")
    old = damaged(tmp_path / "g.npz", {"people": ["Jos\u00e9", "bo", "Jose\u0301 "]})
    read = Gallery.load(old)
    assert read.people == {"Jos\u00e9": 3, "bo": 1}
    assert read.search(FACES[3])[0].person == "Jos\u00e9"
    read.save(old)
    assert Gallery.load(old).people == read.people


@pytest.mark.parametrize("masks", [0, 7])
def test_the_number_of_masks_is_kept_in_the_file(tmp_path: Path, masks: int) -> None:
    one = Gallery("print", masks=masks)
    one.enroll(["ada"], np.ones((1, 3)))
    one.save(tmp_path / "g.npz")
    assert Gallery.load(tmp_path / "g.npz").masks == masks


def test_a_gallery_that_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    made = gallery()
    made.calibration = Calibration(
        **THRESHOLDS | {"identify": {"unmasked": 0.4, "masked": float("inf")}}
    )
    with pytest.raises(ValueError, match="with invalid calibration"):
        made.save(tmp_path / "g.npz")
    assert not (tmp_path / "g.npz").exists()


@pytest.mark.parametrize(("cohort", "masked"), [(None, 1.0), (OTHERS, 1.000002)])
def test_a_threshold_that_no_cosine_reaches_is_1_in_an_old_gallery(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, cohort: Cohort | None, masked: float
) -> None:
    made = Gallery("f00d", cohort=cohort)
    made.enroll(PEOPLE, FACES)
    identify = {"unmasked": 0.4, "masked": 1.000002}
    made.calibration = Calibration(**THRESHOLDS | {"identify": identify})
    made.save(tmp_path / "g.npz")
    read = Gallery.load(tmp_path / "g.npz").calibration
    assert read is not None and read.verify == THRESHOLDS["verify"]
    assert read.identify == {"unmasked": 0.4, "masked": masked}
    assert ("no face can reach, 1.000002" in caplog.text) == (masked == 1)
