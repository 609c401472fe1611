"""`maskedface tune`, and what it leaves for `maskedface train`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.recipes import Recipe
from tests.tuning.fake_training import RECIPE, SPACE, fake_training


@pytest.fixture
def words(drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path) -> list[str]:
    (tmp_path / "recipe.json").write_text(RECIPE.to_json())
    (tmp_path / "space.json").write_text(json.dumps(SPACE))
    found = ["tune", "--data", drawn.root, "--alignment", "arcface"]
    found += ["--recipe", str(tmp_path / "recipe.json")]
    found += ["--space", str(tmp_path / "space.json"), "--backbone", str(tiny_backbone)]
    return [*found, "--search", str(tmp_path / "s"), "--algorithm", "random"]


# Whole runs.
@pytest.mark.long
def test_the_best_recipe_trains_by_the_train_command(
    words: list[str],
    drawn: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_training(monkeypatch, lambda recipe: 0.5 + recipe.value_at("head.dropout") / 10)
    assert main([*words, "--trials", "11"]) == 0
    printed = capsys.readouterr().out
    assert "by a stated alignment; 0 images used whole" in printed
    assert "trial 10 (11 of 11) completed" in printed and "best 0.550" in printed
    assert "of the explained score variance" in printed
    best = tmp_path / "s" / "best.json"
    assert f"best recipe: {best}" in printed and Recipe.read(best).value_at("head.dropout") == 0.5
    run = ["train", "--data", drawn.root, "--recipe", str(best), "--backbone", str(tiny_backbone)]
    assert main([*run, "--alignment", "arcface", "--run", str(tmp_path / "run")]) == 0


def test_a_space_may_stand_in_the_recipes_file(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = fake_training(monkeypatch, lambda recipe: 0.5)
    values = {**json.loads(RECIPE.to_json()), "space": {"head.dropout": [0.5, 0.1]}}
    (tmp_path / "recipe.json").write_text(json.dumps(values))
    place = words.index("--space")
    assert main([*words[:place], *words[place + 2 :], "--trials", "2", "--seeds", "0,1"]) == 0
    assert [(recipe.value_at("head.dropout"), seed) for recipe, seed in fits] == [
        (0.5, 0),
        (0.5, 1),
        (0.1, 0),
        (0.1, 1),
    ]


def test_a_search_of_failures_ends_with_a_reason_and_a_code(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(recipe: Recipe) -> float:
        raise MemoryError("no room")

    fake_training(monkeypatch, fails)
    assert main([*words, "--trials", "2"]) == 1
    assert (
        "at least one trial must succeed" in (error := capsys.readouterr().err)
        and "no room" in error
    )


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--space", "all"], "--space must be one of ['beyond', 'frozen',"),
        (["--recipe", "none"], "--recipe must be one of"),
    ],
)
def test_wrong_words_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str], extra: list[str], message: str
) -> None:
    assert main([*words, *extra]) == 2
    assert message in capsys.readouterr().err


# Two processes search.
@pytest.mark.long
def test_a_killed_search_goes_on_by_the_same_command(words: list[str], tmp_path: Path) -> None:
    words = [*words, "--trials", "2", "--set", "epochs=5"]
    process = subprocess.Popen([sys.executable, "-m", "maskedface", *words], env=os.environ)
    first = tmp_path / "s" / "trial_0" / "record.json"
    end = time.monotonic() + 300
    while not first.exists():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = first.stat().st_mtime_ns
    assert main(words) == 0
    assert first.stat().st_mtime_ns == before  # it was not run again
    assert len(list((tmp_path / "s").glob("trial_*/record.json"))) == 2
