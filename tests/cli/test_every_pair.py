"""`maskedface evaluate --protocol`: every pair of a list's faces, and mirrors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from maskedface.cli.main import main
from maskedface.datasets import write_manifest
from maskedface.training import Run
from tests.faces import draw_face


def evaluate(*words: str | Path) -> int:
    return main(["evaluate", "--alignment", "arcface", *map(str, words)])


@pytest.fixture
def mfr2(tmp_path: Path) -> Path:
    """Twelve people with an unmasked and two masked images, of which a list names few pairs."""
    root = tmp_path / "mfr2"
    labels, lines = [], []
    for person in range(12):
        (root / f"P{person}").mkdir(parents=True)
        for number, mask in enumerate(("no-mask", "cloth", "cloth"), 1):
            path = root / f"P{person}" / f"P{person}_{number:04d}.png"
            Image.fromarray(draw_face(person, number, number > 1)).save(path)
            labels.append(f"P{person}, {number}, {mask}")
        lines += [f"P{person} 1 2", f"P{person} 1 P{(person + 1) % 12} 3"]
    (root / "mfr2_labels.txt").write_text("\n".join(labels))
    (root / "pairs.txt").write_text("\n".join(lines))
    return root


# Commands that train, export or compare networks.
@pytest.mark.long
def test_every_pair_is_scored_and_compared_with_the_other_model(
    mfr2: Path, colors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras

    other = tmp_path / "other.keras"
    model = keras.models.load_model(colors, compile=False)
    keras.Model(model.inputs, model.output[:, :12]).save(other)  # the forehead's colors alone
    out = tmp_path / "report.json"
    words = ("--protocol", "mfr2", "--data", mfr2, "--json", out)
    assert evaluate(colors, *words, "--against", other) == 0
    found = json.loads(out.read_text())["models"]
    ours, theirs = (found[str(path)]["every_pair"] for path in (colors, other))
    for kind, genuine, impostors in (("masked-unmasked", 24, 264), ("masked-masked", 12, 264)):
        assert (ours[kind]["genuine"], ours[kind]["impostors"]) == (genuine, impostors)
        shift = ours[kind]["difference"]
        tars = [one[kind]["tar_at_far"]["0.01"]["value"] for one in (ours, theirs)]
        assert shift["against"] == str(other) and "difference" not in theirs[kind]
        assert shift["difference"] == pytest.approx(tars[0] - tars[1])
        assert shift["low"] <= shift["difference"] <= shift["high"]
    assert any(one["difference"]["difference"] for one in ours.values())
    printed = capsys.readouterr().out
    assert "every masked-masked pair" in printed
    assert f"{colors} minus {other}, TAR at FAR 0.01 of every masked-unmasked pair" in printed
    assert evaluate(other, colors, *words) == 0
    shift = json.loads(out.read_text())["models"][str(colors)]["every_pair"]["masked-masked"]
    assert shift["difference"]["against"] == str(other)  # the first of them


def test_a_list_of_one_domain_has_its_own_pairs_alone(
    mfr2: Path, colors: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.json"
    assert evaluate(colors, "--protocol", "lfw", "--data", mfr2, "--json", out) == 0
    assert json.loads(out.read_text())["models"][str(colors)]["every_pair"] == {}


# Whole runs.
@pytest.mark.long
def test_mirrors_are_joined_where_asked(
    mfr2: Path,
    colors: Path,
    open_run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import keras

    from maskedface import models

    joined, out = tmp_path / "joined.keras", tmp_path / "report.json"
    backbone = keras.models.load_model(colors, compile=False)
    models.with_alignment(models.mirror_join(backbone), "arcface").save(joined)
    words = ("--protocol", "mfr2", "--data", mfr2, "--json", out)
    found = []
    for model, more in ((colors, ()), (colors, ("--mirror",)), (joined, ())):
        assert evaluate(model, *words, *more) == 0
        found.append(json.loads(out.read_text())["models"][str(model)])
    assert found[0] != found[1] and found[1] == found[2]
    assert evaluate(open_run.path, *words, "--mirror") == 0  # nobody is enrolled: no cohort
    parts = open_run.split()
    index, manifest = parts["train"] + parts["test"], tmp_path / "manifest.csv"
    write_manifest(manifest, index, {"open": parts})
    column = ("--protocol", "open", "--manifest", manifest, "--data", index.root, "--mirror")
    rates = ("--enrolled", "2", "--draws", "1", "--fpir", "0.25", "--far", "0.1")
    assert evaluate(open_run.path, *column, *rates) == 2
    assert "--mirror must not come with a run that has a cohort" in capsys.readouterr().err
