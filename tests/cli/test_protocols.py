"""`maskedface evaluate --protocol`, on drawn faces with a tiny network."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from maskedface import evaluation, training
from maskedface.cli import open_set
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex, Landmarks, read_pairs, split_by_person, write_manifest
from maskedface.evaluation import identification
from maskedface.synthetic import draw_people
from maskedface.training import Run
from tests.faces import draw_face


@pytest.fixture
def lfw(tmp_path: Path) -> Path:
    lines = ["2 3"]
    for person in range(6):
        folder = tmp_path / f"P{person}"
        folder.mkdir()
        for photo in range(2):
            path = folder / f"P{person}_{photo + 1:04d}.jpg"
            Image.fromarray(draw_face(person, photo, photo == 1)).save(path)
    for fold in range(2):
        for person in range(3 * fold, 3 * fold + 3):
            lines.append(f"P{person} 1 2")
        for person in range(3 * fold, 3 * fold + 3):
            lines.append(f"P{person} 1 P{(person + 1) % 6} 2")
    (tmp_path / "pairs.txt").write_text("\n".join(lines))
    return tmp_path


def evaluate(backbone: str | Path, *words: str | Path) -> int:
    return main(["evaluate", str(backbone), "--alignment", "arcface", *map(str, words)])


def test_pairs_are_scored_and_missing_files_counted_and_listed(
    lfw: Path, colors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.remove(lfw / "P5" / "P5_0002.jpg")
    out = tmp_path / "report.json"
    assert evaluate(colors, "--protocol", "lfw", "--data", lfw, "--json", out) == 0
    printed = capsys.readouterr().out
    assert "1 files are missing; 2 pairs left out" in printed and "P5/P5_0002.jpg" in printed
    report = json.loads(out.read_text())
    assert (report["pairs"], report["lost_pairs"], report["missing"]) == (10, 2, ["P5/P5_0002.jpg"])
    found = report["models"][str(colors)]["kinds"]
    assert found["all"]["accuracy"]["folds"] == 2
    assert found["unmasked-unmasked"]["genuine"] == found["all"]["genuine"] == 5


def test_masked_and_unmasked_pairs_stand_apart(lfw: Path, colors: Path, tmp_path: Path) -> None:
    lines = (lfw / "pairs.txt").read_text().splitlines()[1:]
    (lfw / "pairs.txt").write_text("\n".join([*lines, "P0 1 P1 1", "P0 1 P2 1"]))
    labels = [f"P{p}, {n}, {'no-mask' if n == 1 else 'cloth'}" for p in range(6) for n in (1, 2)]
    (lfw / "mfr2_labels.txt").write_text("\n".join(labels))
    out = tmp_path / "report.json"
    assert evaluate(colors, "--protocol", "mfr2", "--data", lfw, "--json", out) == 0
    kinds = json.loads(out.read_text())["models"][str(colors)]["kinds"]
    assert set(kinds) == {"all", "masked-unmasked", "unmasked-unmasked"}
    assert kinds["masked-unmasked"]["impostors"] == 6 and kinds["all"]["impostors"] == 8
    assert "all of one kind" in kinds["unmasked-unmasked"]["skipped"]


@pytest.mark.parametrize("start", ["", "init", "backbone"])
def test_a_run_trained_on_people_of_the_pairs_is_refused(
    start: str,
    lfw: Path,
    colors: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names differ in spelling; the run itself, one that it started from, or its backbone's knows them."""

    def loads(*_: Any, **__: Any) -> None:
        raise AssertionError("no model is loaded")

    monkeypatch.setattr("maskedface.recognition.Recognizer.load", loads)
    people = {"before": ["p_4", "stranger"], "after": ["other", "p_5" if start == "" else "third"]}
    for name, classes in people.items():
        record = {"classes": classes, "init": "", "backbone": "ResNet50"}
        if name == "after" and start == "init":
            record["init"] = str(tmp_path / "where it was" / "before")  # both were moved
        if name == "after" and start == "backbone":
            record["backbone"] = str(tmp_path / "runs" / "before" / "model.keras")
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps(record))
        (folder / "metrics.json").write_text("{}")
        (folder / "model.keras").touch()
    for model in ("after", "after/model.keras"):
        path = tmp_path / "runs" / model
        assert evaluate(path, "--protocol", "lfw", "--data", lfw) == 2
        error = capsys.readouterr().err
        knows = "after" if start == "" else "before"
        assert "must be unseen by the model" in error
        assert f"{str(tmp_path / 'runs' / knows)!r} was trained on 1 of them" in error


def test_faces_of_pairs_are_shown_by_their_landmarks(
    lfw: Path, colors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = read_pairs("lfw", lfw).index
    five = Landmarks(((38, 51), (73, 51), (56, 71), (41, 92), (70, 92)), "given", 1)
    rows = [face._replace(landmarks=five) for face in index.faces]
    write_manifest(tmp_path / "aligned.csv", FaceIndex(lfw, rows))
    words = ("--protocol", "lfw", "--data", lfw, "--landmarks", tmp_path / "aligned.csv")
    assert evaluate(colors, *words) == 0
    assert "faces: 12 of 12 located by landmarks from " in capsys.readouterr().out


def test_faces_are_found_where_nothing_says_where_they_lie(
    lfw: Path,
    colors: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of each image's faces the main one; an image without one is taken whole, and counted."""
    lost = {"P5/P5_0002.jpg", "P0/P0_0001.jpg"}

    def found(index: FaceIndex, **_: Any) -> FaceIndex:
        five = Landmarks(((38, 51), (73, 51), (56, 71), (41, 92), (70, 92)), "fake", 1)
        rows = (f._replace(landmarks=None if f.path in lost else five) for f in index.faces)
        return FaceIndex(index.root, rows)

    monkeypatch.setattr("maskedface.landmarks.find_landmarks", found)
    out = tmp_path / "report.json"
    words = ["evaluate", str(colors), "--protocol", "lfw", "--data", str(lfw)]
    for more, lacking, told in (
        ([], 2, "faces: 10 of 12 located by landmarks found now"),
        (["--landmarks", "none"], 0, "12 images used whole"),
    ):
        assert main([*words, "--json", str(out), *more]) == 0
        printed = capsys.readouterr().out
        assert told in printed
        assert ("2 faces not found: images taken whole" in printed) == bool(lacking)
        report = json.loads(out.read_text())["models"][str(colors)]
        assert report["faces_not_found"] == lacking


@pytest.mark.parametrize("masked_gallery", [False, True])
def test_crmfrds_gallery_and_probes_give_ranks(
    drawn: FaceIndex,
    colors: Path,
    tmp_path: Path,
    masked_gallery: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lists: dict[str, list[str]] = {"masked": [], "unmasked": ["nobody/0.jpg"]}
    for face in drawn.faces:
        lists[face.domain].append("/".join(face.path.split("/")[1:]))
    names = ("masked", "unmasked") if masked_gallery else ("unmasked", "masked")
    files = []
    for name in names:
        files.append(tmp_path / f"{name}.csv")
        files[-1].write_text("\n".join(lists[name]), encoding="gbk")
    words = ("--protocol", "c-rmfrd", "--data", drawn.root, "--list", *files)
    assert evaluate(colors, *words) == 0
    printed = capsys.readouterr().out
    assert f"16 {names[1]} probes among 4 {names[0]} people: rank-1 " in printed
    assert "nobody/0.jpg" in printed


def test_a_manifests_column_is_an_open_set(
    colors: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    index = draw_people(tmp_path / "faces", people=8, photos=3, size=32)
    train, test = split_by_person(index, train_fraction=0.5, seed=0)
    manifest = tmp_path / "manifest.csv"
    write_manifest(manifest, index, {"open": {"train": train, "test": test}})
    words: list[str | Path] = ["--protocol", "open", "--manifest", manifest, "--data", index.root]
    words += ["--draws", "2", "--fpir", "0.25", "--far", "0.1"]
    out = tmp_path / "report.json"
    assert evaluate(colors, *words, "--enrolled", "2", "--json", out) == 0
    found = json.loads(out.read_text())["models"][str(colors)]
    assert (found["people"], found["enrolled"], found["draws"]) == (len(test.people), 2, 2)
    printed = capsys.readouterr().out
    for row in ("masked probes: FNIR at FPIR 0.25", "masked-masked pairs: TAR at FAR 0.1"):
        assert row in printed
    monkeypatch.setattr(open_set, "embed_index", None)  # refused before that
    assert evaluate(colors, *words, "--enrolled", "8") == 2
    assert "must have different people" in capsys.readouterr().err
    assert evaluate(colors, *words, "--enrolled", "2", "--fpir", "0.01") == 2
    assert (
        "fpirs must be at least 1 / 6, as training people who are not enrolled have 6 masked"
        in capsys.readouterr().err
    )


# Whole runs.
@pytest.mark.long
def test_masks_are_drawn_on_those_enrolled_of_a_column(
    open_run: Run, tiny_backbone: Path, tmp_path: Path
) -> None:
    parts = open_run.split()
    index, manifest = parts["train"] + parts["test"], tmp_path / "manifest.csv"
    write_manifest(manifest, index, {"open": parts})
    run = training.train(
        open_run.recipe.override(enroll_masks=2),
        parts["train"],
        parts["test"],
        run_dir=tmp_path / "run",
        backbone=tiny_backbone,
        progress=False,
    )
    words = ["--protocol", "open", "--manifest", manifest, "--data", index.root, "--draws", "1"]
    words += ["--fpir", "0.25", "--far", "0.1", "--enrolled", "2"]
    reports = []
    for path in (open_run.path, run.path):
        out = tmp_path / "report.json"
        assert evaluate(path, *words, "--json", out) == 0
        reports.append(json.loads(out.read_text())["models"][path])
    plain, masked = ([draw["open_set"] for draw in one["masked"]["per_draw"]] for one in reports)
    assert plain != masked  # other scores, other thresholds
    assert reports[0]["pairs"] == reports[1]["pairs"]  # nobody is enrolled there


def test_a_run_is_scored_with_its_cohort(
    open_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for place, name in ((evaluation, "open_set_report"), (identification, "match_probes")):
        real = getattr(place, name)

        def spied(*args: Any, real: Any = real, **words: Any) -> Any:
            seen.append(args[-1].cohort)
            return real(*args, **words)

        monkeypatch.setattr(place, name, spied)
    parts = open_run.split()
    index, manifest = parts["train"] + parts["test"], tmp_path / "manifest.csv"
    write_manifest(manifest, index, {"open": parts})
    words = ["--protocol", "open", "--manifest", manifest, "--data", index.root, "--draws", "1"]
    words += ["--fpir", "0.25", "--far", "0.1", "--enrolled", "2"]
    assert evaluate(open_run.path, *words) == 0
    lists = []
    for domain in ("unmasked", "masked"):
        lists.append(tmp_path / f"{domain}.csv")
        paths = (face.path for face in parts["test"].only(domain).faces)
        lists[-1].write_text("\n".join("/".join(path.split("/")[1:]) for path in paths))
    assert (
        evaluate(open_run.path, "--protocol", "c-rmfrd", "--data", index.root, "--list", *lists)
        == 0
    )
    assert len(seen) == 2 and all(cohort is not None for cohort in seen)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--protocol", "lfv"], "--protocol must be one of"),
        (["--protocol", "lfw"], "--data must be given with --protocol"),
        (
            ["--protocol", "lfw", "--data", ".", "--without-people", "mfr2"],
            "must come with a manifest's",
        ),
        (["--protocol", "lfw", "--data", ".", "--list", "a", "b"], "--protocol must be c-rmfrd"),
        (
            ["--protocol", "o", "--manifest", "m", "--against", "dlib"],
            "--against must come with one list",
        ),
        (["--mirror"], "--mirror must come with --protocol"),
        (["--protocol", "lfw", "--data", ".", "--list", "a", "b", "c"], "must be one or two files"),
    ],
)
def test_wrong_words_are_refused(
    words: list[str], message: str, colors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(colors, *words) == 2
    assert message in capsys.readouterr().err
