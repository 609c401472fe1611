from __future__ import annotations

import copy
import io
import json
import os
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface.evaluation import Cohort, match_probes, normalised, person_means
from maskedface.recognition import Calibration, Gallery, calibration, gallery_file

FACES = np.array([[1, 0, 0], [0, 1, 0], [0.6, 0.8, 0], [0, 0, 2]], "float32")
PEOPLE = ["ada", "bo", "ada", "cy"]


def gallery(keep: Any = "mean") -> Gallery:
    made = Gallery("f00d", keep=keep, source="a model")
    made.enroll(PEOPLE, FACES)
    return made


def test_a_person_is_the_mean_of_their_unit_faces() -> None:
    made = gallery()
    assert made.people == {"ada": 2, "bo": 1, "cy": 1}
    (first, second) = made.search(np.array([1.0, 0, 0]), k=2)
    assert first == ("ada", pytest.approx(2 / 5**0.5)) and second.score == pytest.approx(0)


def test_all_faces_are_kept_where_asked() -> None:
    (first,) = gallery("all").search(np.array([0.6, 0.8, 0]))
    assert first == ("ada", pytest.approx(1))


@pytest.mark.parametrize("keep", ["mean", "all"])
def test_enrolling_one_by_one_is_enrolling_at_once(keep: Any) -> None:
    slow = Gallery("f00d", keep=keep)
    for person, face in zip(PEOPLE, FACES, strict=True):
        slow.enroll([person], face[None])
    assert slow.people == gallery(keep).people
    for probe in np.eye(3):
        for one, other in zip(slow.search(probe, 3), gallery(keep).search(probe, 3), strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-6)


@pytest.mark.parametrize("keep", ["mean", "all"])
def test_who_is_removed_is_found_no_more(keep: Any) -> None:
    made = gallery(keep)
    made.remove("ada")
    assert made.people == {"bo": 1, "cy": 1} and "ada" not in made
    assert {found.person for found in made.search(FACES[0], 5)} == {"bo", "cy"}
    made.enroll(["ada"], FACES[:1])
    assert made.search(FACES[0])[0] == ("ada", pytest.approx(1))


@pytest.mark.parametrize("keep", ["mean", "all"])
def test_a_saved_gallery_is_the_same(keep: Any, tmp_path: Path) -> None:
    made = gallery(keep)
    odd = os.fsdecode(b"\xc5\xfa")  # a folder's name that is no UTF-8
    made.enroll([odd], np.array([[1, 1, 1]]))
    made.calibrate(FACES, PEOPLE, fpir=0.5, far=0.5, source="themselves")
    made.save(tmp_path / "g.npz")
    read = Gallery.load(tmp_path / "g.npz")
    assert read.people == made.people and odd in read
    assert (read.fingerprint, read.keep, read.source) == ("f00d", keep, "a model")
    assert read.calibration == made.calibration
    assert read.search(FACES[2], 4) == made.search(FACES[2], 4)
    read.enroll(["bo"], FACES[:1])  # what is read goes on as what was saved
    made.enroll(["bo"], FACES[:1])
    assert read.search(FACES[0], 4) == made.search(FACES[0], 4)


def test_an_emptied_gallery_can_be_saved(tmp_path: Path) -> None:
    made = Gallery("f00d")
    made.save(tmp_path / "g.npz")
    assert len(Gallery.load(tmp_path / "g.npz")) == 0
    with pytest.raises(ValueError, match="somebody must be enrolled"):
        made.search(FACES[0])


def test_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="must be used with the model that made it, a model"):
        gallery().check_model("beef")


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
        with pytest.raises(ValueError, match="must be a gallery's file, whole"):
            Gallery.load(name)
    assert not os.path.exists("unpickled")


TWO = np.array(2, "int64")
THRESHOLDS: dict[str, Any] = {
    **{"fpir": 0.1, "identify": 0.4, "far": 0.1, "verify": 0.5},
    **{"probes": 9, "people": 9, "gallery": 3, "source": "drawn"},
}
NONE = {"offsets": np.zeros(3, "float32")}


def damaged(path: Path, facts: dict[str, Any], **arrays: Any) -> Path:
    """The gallery's file with some of its parts changed, as version 3 wrote it."""
    told, kept = gallery_file.read(path)
    text = json.dumps({"version": 3, **told, **facts}).encode()
    buffer = io.BytesIO()
    np.savez(buffer, facts=np.frombuffer(text, "uint8"), **{**kept, **arrays})
    path.write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize(
    ("facts", "arrays", "message"),
    [
        ({"version": 5}, {}, "must be of version 1 to 4"),
        ({"version": 4}, {}, r"whole, .*\['lengths', 'person', 'rows'\] differ"),
        ({"version": 2}, {}, "do not fit together: cohort"),
        ({"version": True}, {}, "must be a gallery's file, whole"),
        ({"people": ["ada", "bo"]}, {}, "do not fit together"),
        ({"people": ["ada", "bo", "bo"]}, {}, "do not fit together"),
        ({"keep": "some"}, {}, "do not fit together: keep"),
        ({"more": 1}, {}, "do not fit together"),
        ({}, {"person": np.array([0, 1, 5], "int32")}, "do not fit together"),
        ({}, {"rows": np.full((3, 3), np.nan, "float32")}, "do not fit together"),
        ({}, {"rows": np.ones((3, 3))}, "do not fit together"),
        ({}, {"rows": np.ones((3, 3), "float32")}, "do not fit together: rows"),
        ({}, {"lengths": np.array([1, 0, 1], "float32")}, "do not fit together: lengths"),
        ({}, {"lengths": np.array([1, 1, 1.1], "float32")}, "do not fit together: lengths"),
        ({"faces": [2, 1, 0]}, {}, "do not fit together: faces"),
        ({"faces": [2, 1, True]}, {}, "do not fit together: faces"),
        ({"fingerprint": 7}, {}, "do not fit together: fingerprint"),
        ({"masks": 101}, {}, "do not fit together: masks"),
        ({"people": ["ada", "bo", ""]}, {}, "do not fit together: people"),
        ({"people": ["ada", "bo", "x" * 1_001]}, {}, "do not fit together: people"),
        ({"calibration": THRESHOLDS | {"identify": float("nan")}}, {}, "fit together: calibration"),
        ({"calibration": THRESHOLDS | {"identify": -60.0}}, {}, "fit together: calibration"),
        ({"calibration": THRESHOLDS | {"verify": "0.5"}}, {}, "fit together: calibration"),
        ({"calibration": THRESHOLDS | {"more": 1}}, {}, "fit together: calibration"),
        ({}, {"more": np.ones(1)}, "do not fit together: more"),
        ({}, {"cohort": np.ones((3, 3), "float32")}, "fit together: cohort_nearest, offsets"),
        ({}, {"cohort": np.ones((3, 2), "float32"), "cohort_nearest": TWO, **NONE}, "do not fit together"),
        ({}, {"cohort": np.ones((1, 3), "float32"), "cohort_nearest": TWO, **NONE}, "do not fit together"),
        ({}, {"cohort": np.ones((3, 3), "float32"), "cohort_nearest": TWO - 2, **NONE}, "do not fit"),
        ({}, {"cohort": np.full((3, 3), np.inf, "float32"), "cohort_nearest": TWO, **NONE}, "do not fit"),
        ({}, {"cohort": np.ones((3, 3), "f4"), "cohort_nearest": TWO, "offsets": np.ones(2, "f4")}, "fit"),
        ({}, {"cohort": np.ones((3, 3)), "cohort_nearest": TWO, **NONE}, "do not fit together"),
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
        with pytest.raises(ValueError, match="must be a gallery's file, whole"):
            Gallery.load(tmp_path / "cut.npz")
    with pytest.raises(FileNotFoundError):
        Gallery.load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("people", "embeddings", "message"),
    [
        (["ada"], FACES, "people must name somebody"),
        (["ada", " "], FACES[:2], "name must be text of 1 to 1000 characters"),
        (["ada", "x" * 200_000], FACES[:2], "name must be text of .*, 200000 characters"),
        (["dee", "dee"], np.array([[1, 0, 0], [-1, 0, 0]]), "must not cancel each other"),
        (["ada"], np.ones((1, 5)), "must have 3 features"),
        (["ada"], np.zeros((1, 3)), "must not be zero"),
        (["ada"], np.full((1, 3), np.inf), "finite"),
    ],
)
def test_wrong_faces_are_refused(people: list[str], embeddings: np.ndarray, message: str) -> None:
    made = gallery()
    with pytest.raises(ValueError, match=message):
        made.enroll(people, embeddings)
    assert made.people == gallery().people


def test_wrong_words_are_refused() -> None:
    with pytest.raises(ValueError, match="keep must be"):
        Gallery("f00d", keep="some")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="person must be enrolled"):
        gallery().remove("dee")


def test_the_threshold_holds_its_rate_on_strangers() -> None:
    rng = np.random.default_rng(0)
    made = Gallery("f00d")
    made.enroll([f"p{n}" for n in range(50)], rng.normal(size=(50, 8)))
    strangers = rng.normal(size=(200, 8))
    names = [f"s{n // 2}" for n in range(200)]
    chosen = made.calibrate(strangers, names, fpir=0.1, far=0.01, source="drawn")
    best = [made.search(face)[0].score for face in strangers]
    assert np.mean(np.array(best) >= chosen.identify) == 0.1
    unit = normalised(strangers)
    different = np.array(names)[:, None] != np.array(names)
    scores = (unit @ unit.T)[np.triu(different)]
    assert np.mean(scores >= chosen.verify) == pytest.approx(0.01, abs=1e-4)
    assert (chosen.probes, chosen.people, chosen.gallery) == (200, 100, 50)


def test_people_of_the_gallery_are_strangers_to_the_others() -> None:
    chosen = gallery().calibrate(FACES, PEOPLE, fpir=0.25, far=1.0, source="themselves")
    # Against everybody but themselves: 0 and .8 for Ada's, Bo's .447 to Ada's mean, 0 for Cy's.
    assert 2 / 5**0.5 * 0.5 < chosen.identify <= 0.8
    assert chosen.identify == pytest.approx(1 / 5**0.5, abs=1e-5)


def test_too_few_probes_are_refused() -> None:
    with pytest.raises(ValueError, match="between 1 / scores and 1"):
        gallery().calibrate(FACES, PEOPLE, fpir=0.1, far=1.0, source="")
    assert gallery().calibrate(FACES, PEOPLE, fpir=0.5, far=0.01, source="").verify is None
    alone = Gallery("f00d")
    alone.enroll(["ada"], FACES[:1])
    with pytest.raises(ValueError, match="somebody else to be"):
        alone.calibrate(FACES[:1], ["ada"], fpir=1.0, far=1.0, source="")


OTHERS = Cohort(normalised(np.random.default_rng(1).normal((1, 0, 0), size=(30, 3))), 5)


@pytest.mark.parametrize("keep", ["mean", "all"])
def test_with_a_cohort_the_scores_are_those_of_an_evaluation(keep: Any, tmp_path: Path) -> None:
    made = Gallery("f00d", keep=keep, cohort=OTHERS)
    probes, people = np.random.default_rng(2).normal(size=(4, 3)), ["ada", "bo", "cy"]
    made.enroll(people, FACES[[0, 1, 3]])
    made.save(tmp_path / "g.npz")
    faces = np.vstack([FACES[[0, 1, 3]], probes])
    matches = match_probes(
        faces,
        [*people, *["x"] * 4],
        ["unmasked"] * 3 + ["masked"] * 4,
        cohort=OTHERS,
        enrolled=people,
    )
    for one in (made, Gallery.load(tmp_path / "g.npz")):
        for probe, scores in zip(probes, matches.scores, strict=True):
            found = dict(one.search(probe, 3))
            assert [found[name] for name in people] == pytest.approx(scores.tolist(), abs=1e-6)


def test_a_cohorts_thresholds_are_on_its_scores() -> None:
    made = Gallery("f00d", cohort=OTHERS)
    made.enroll(PEOPLE, FACES)
    strangers = np.random.default_rng(3).normal(size=(50, 3))
    threshold = made.calibrate(strangers, [f"s{n}" for n in range(50)], fpir=0.1, source="x").identify
    assert sum(made.search(probe)[0].score >= threshold for probe in strangers) == 5


def test_nobody_enrolled_cannot_be_compared_with_a_cohort() -> None:
    made = Gallery("f00d", cohort=OTHERS)
    with pytest.raises(ValueError, match="a probe somebody else to be compared with"):
        made.calibrate(np.eye(3), ["a", "b", "c"], fpir=1, source="x")
    with pytest.raises(ValueError, match="must have 3 features"):
        made.enroll(["ada"], np.ones((1, 2)))


@pytest.mark.parametrize(("version", "cohort"), [(1, None), (2, OTHERS), (3, None), (3, OTHERS)])
def test_a_gallery_of_a_version_before_is_read(
    tmp_path: Path, version: int, cohort: Cohort | None
) -> None:
    made = Gallery("f00d", cohort=cohort)
    made.enroll(PEOPLE, FACES)
    made.save(tmp_path / "g.npz")
    old = Gallery.load(damaged(tmp_path / "g.npz", {"version": version}))
    assert old.search(FACES[0], 3) == made.search(FACES[0], 3)


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


@pytest.mark.parametrize("masks", [-1, 101])
def test_a_number_of_masks_out_of_range_is_refused(masks: int) -> None:
    with pytest.raises(ValueError, match=r"masks be in \[0, 100\]. Received: .*masks="):
        Gallery("print", masks=masks)


def test_one_name_in_two_forms_of_unicode_is_one_person() -> None:
    made = gallery()
    made.enroll(["Jos\u00e9"], FACES[:1])
    made.enroll([" Jose\u0301\n"], FACES[:1])
    assert made.people["Jos\u00e9"] == 2 and "Jose\u0301" in made
    made.remove("Jose\u0301")
    assert "Jos\u00e9" not in made


def test_a_probe_is_not_compared_with_itself_in_another_form_of_unicode() -> None:
    made = gallery()
    made.remove("cy")
    made.enroll(["Jos\u00e9"], FACES[3:])
    chosen = made.calibrate(np.array([[0, 0, 1.0]]), ["Jose\u0301"], fpir=1, far=1, source="")
    assert chosen.identify < 1


def test_names_that_differ_by_case_alone_are_said(caplog: pytest.LogCaptureFixture) -> None:
    made = gallery()
    made.enroll(["Ada", "bo"], FACES[:2])
    assert [record.getMessage() for record in caplog.records] == [
        "ada and Ada differ by case alone: they are two people"
    ]


def test_a_miss_names_who_is_near() -> None:
    made = gallery()
    made.enroll(["Grace Hopper"], FACES[:1])
    with pytest.raises(ValueError, match="Received: person='grace hoper'; enrolled are 'Grace Hopper'"):
        made.remove("grace hoper")


def test_a_gallery_that_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    made = gallery()
    made.calibration = Calibration(**THRESHOLDS | {"identify": float("inf")})
    with pytest.raises(ValueError, match="do not fit together: calibration"):
        made.save(tmp_path / "g.npz")
    assert not (tmp_path / "g.npz").exists()


def test_a_gallery_can_be_copied() -> None:
    made = copy.deepcopy(gallery())
    made.enroll(["dee"], FACES[:1])
    assert "dee" in pickle.loads(pickle.dumps(made)) and "dee" not in gallery()


def test_one_long_name_among_a_thousand_costs_little() -> None:
    names = ["x" * 200_000, *(f"p{n}" for n in range(999))]  # as a table may hold it
    faces = np.random.default_rng(0).normal(size=(1_000, 3))
    tracemalloc.start()
    person_means(faces, names)
    calibration._pairs(normalised(faces), names)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000  # 800 MB a copy, where each name takes as much as the longest
