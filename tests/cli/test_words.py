"""The words of commands: help that shows groups and defaults, near words for wrong ones, one set of words
for runs."""

from __future__ import annotations

import argparse
import importlib
import shutil
from pathlib import Path

import pytest

from maskedface.cli.main import COMMANDS, main
from maskedface.cli.parsing import Parser
from maskedface.names import near_path
from maskedface.training import Run, find_run


def parser_of(command: str) -> Parser:
    made = Parser(command)
    importlib.import_module(f"maskedface.cli.{command}").add_arguments(made)
    return made


@pytest.mark.parametrize("command", COMMANDS)
def test_options_are_in_groups_and_defaults_are_shown(command: str) -> None:
    told = parser_of(command).format_help()
    first = told.partition("\noptions:\n")[2].partition("\n\n")[0]
    assert first.strip().startswith("-h, --help") and "\n  --" not in first
    for action in parser_of(command)._actions:
        is_flag = action.nargs == 0 or not action.option_strings
        if not is_flag and action.default not in (None, "", [], argparse.SUPPRESS):
            shown = parser_of(command)._get_formatter()._get_help_string(action)
            assert "default" in shown, action.option_strings


def test_a_default_is_shown_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "mirrored splits each batch between all GPUs (docs/gpu.md); default: none" in told
    assert "--seeds N,N one run a seed; default: 0" in told


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["identify", "--galery", "g.npz", "a.jpg"], "--gallery"),
        (["verify", "a.jpg", "b.jpg", "--treshold", "0.9"], "--threshold"),
        (["verify", "a.jpg", "b.jpg", "--treshold=0.9"], "--threshold"),
        (["enroll", "--gallery", "g", "p", "--existing", "replce"], "replace"),
        (["train", "--split", "by-person", "--recipe", "x", "--run", "r"], "by_person"),
        (["weights", "lst"], "list"),
        (["export", "dlib", "--to", "onx", "--out", "x"], "onnx"),
    ],
)
def test_an_option_or_choice_that_is_none_is_answered_by_a_near_one(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert f"; did you mean {meant}?" in capsys.readouterr().err


def test_an_abbreviated_option_is_no_wrong_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["identify", "--gal", "g.npz"])  # no photograph
    assert "did you mean" not in capsys.readouterr().err


def test_a_file_that_is_not_there_is_answered_by_a_near_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "friends.npz").touch()
    wrong = str(tmp_path / "freinds.npz")
    assert main(["identify", "--gallery", wrong, str(tmp_path)]) == 2
    assert f"; did you mean {tmp_path / 'friends.npz'}?" in capsys.readouterr().err
    assert near_path(tmp_path / "nothing" / "friends.npz") == ""
    assert near_path(tmp_path / "friends.npz") == ""  # it is there


@pytest.fixture
def seeds(open_run: Run, tmp_path: Path) -> Path:
    """A folder of two seeds, and beside it one of two runs that are no recipe's."""
    for place in ("seeds/seed-0", "seeds/seed-1", "several/means", "several/others"):
        shutil.copytree(open_run.path, tmp_path / place)
    return tmp_path / "seeds"


def test_a_folder_of_runs_is_taken_by_every_command(
    seeds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find_run(seeds).path == str(seeds / "seed-0")
    assert main(["evaluate", str(seeds)]) == 0
    assert f"{seeds} (means), masked" in capsys.readouterr().out
    assert main(["evaluate", str(tmp_path / "several")]) == 0
    printed = capsys.readouterr().out
    assert all(f"{tmp_path / 'several' / name} (means)" in printed for name in ("means", "others"))
    export = ["export", str(seeds), "--to", "savedmodel", "--out", str(tmp_path / "saved")]
    assert main([*export, "--calibrate", "2"]) == 0
    assert f"{seeds}: the run {seeds / 'seed-0'}\n" in capsys.readouterr().out
    for words in (["report", "--out", str(tmp_path / "page.html")], ["explain", "a", "--out", "x"]):
        assert main([words[0], str(seeds / "absent"), *words[1:]]) == 2
        assert "Received: " in capsys.readouterr().err


def test_a_run_that_is_not_there_is_answered_by_a_near_one(
    seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = f"{seeds.parent}/seed"
    for command in (["evaluate", wrong], ["report", wrong], ["explain", wrong, "x.png"]):
        assert main(command) == 2
        assert f"; did you mean {seeds}?" in capsys.readouterr().err


def test_set_on_a_chain_says_which_recipes_it_touches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "--run", str(tmp_path / "r"), "--data", str(tmp_path / "absent")]
    assert main([*words, "--recipe", "paper_masked", "--set", "epochs=1"]) == 2
    assert capsys.readouterr().out == (
        "--set changes only paper_masked (epochs=1), not the recipes trained before it: "
        "paper_unmasked\n"
    )
    assert main([*words, "--recipe", "paper_unmasked", "--set", "epochs=1"]) == 2
    assert capsys.readouterr().out == ""
