"""The commands of docs and README, on a drawn RMFRD tree with a tiny ResNet50."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.training import Run


def words(drawn: FaceIndex, backbone: Path, recipe: str, run: Path) -> list[str]:
    data = ["train", "--data", drawn.root, "--alignment", "arcface", "--min-masked", "4"]
    return [
        *data,
        "--recipe",
        recipe,
        "--backbone",
        str(backbone),
        "--set",
        "epochs=1",
        "--run",
        str(run),
    ]


# Four runs.
@pytest.mark.long
def test_both_rows_of_the_paper_run(
    drawn: FaceIndex, tiny_resnet50: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for recipe in ("paper_unmasked", "paper_masked"):
        assert main(words(drawn, tiny_resnet50, recipe, tmp_path / recipe)) == 0
    printed = capsys.readouterr().out
    assert "the paper, unmasked RMFRD" in printed and "0.479" in printed
    run = Run(str(tmp_path / "paper_masked" / "paper_masked"))
    assert run.record["init"] == str(tmp_path / "paper_masked" / "paper_unmasked")
    assert set(run.split()["train"].only("masked").faces) == set(run.split()["train"].faces)
    assert main(["evaluate", str(tmp_path / "paper_masked")]) == 0
    assert "paper_masked), masked" in capsys.readouterr().out


# Three runs.
@pytest.mark.long
def test_two_seeds_are_compared_with_a_baseline(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, ours = tmp_path / "base", tmp_path / "ours"
    assert main(words(drawn, tiny_backbone, "frozen_means", base)) == 0
    assert main([*words(drawn, tiny_backbone, "cosine_margin", ours), "--seeds", "0,1"]) == 0
    assert main(["evaluate", str(ours), "--against", str(base)]) == 0
    printed = capsys.readouterr().out
    assert "difference" in printed and "±" in printed


# Commands that train, export or compare networks.
@pytest.mark.long
def test_a_run_is_not_evaluated_on_its_training_images(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(words(drawn, tiny_backbone, "frozen_means", run)) == 0
    assert main(["evaluate", str(run), "--data", drawn.root]) == 2
    assert "must not be training images of the run" in capsys.readouterr().err


# Commands that train, export or compare networks.
@pytest.mark.long
def test_a_line_says_where_the_faces_lie(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = words(drawn, tiny_backbone, "frozen_means", tmp_path / "run")
    assert main([*run, "--landmarks", "none", "--without-people", "PERSON 0003,nobody"]) == 0
    printed = capsys.readouterr().out
    assert "--without-people: 8 images of 1 people left out" in printed
    assert (
        "faces: 0 of 24 located by landmarks, 0 by a stated alignment; 24 images used whole"
        in printed
    )
    rows = Run(str(tmp_path / "run")).split()
    assert {face.person for part in rows.values() for face in part.faces} == set(drawn.people[:3])
    assert not any(face.alignment for face in rows["train"].faces)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--set", "epoch=1"], "a recipe's field must be one of"),
        (["--set", "optimizer.learning_rat=1"], "did you mean learning_rate?"),
        (["--set", "optimizer=Lyon"], "did you mean Lion?"),
        (["--set", "loss.margin=wide"], "loss.margin must be float. Received: loss.margin='wide'"),
        (["--set", "augmentation.1.mode=vertical"], "augmentation.1 must be a number below 1"),
        (["--recipe", "none"], "--recipe must be one of"),
        (["--landmarks", "serch"], "--landmarks must be find, none or a file. Received: 'serch'"),
        (["--min-masked", "9"], "--min-masked must leave at least one person"),
        (["--protocol", "closed_set"], "--protocol must come with --manifest"),
    ],
)
def test_wrong_words_are_refused(
    drawn: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    extra: list[str],
    message: str,
) -> None:
    assert main([*words(drawn, tiny_backbone, "frozen_means", tmp_path / "run"), *extra]) == 2
    assert message in capsys.readouterr().err
