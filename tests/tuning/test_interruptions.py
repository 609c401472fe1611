"""What is not the trials' fault: another process in the folder, a full disk. No trial is lost."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from maskedface import tuning
from maskedface.datasets import FaceIndex
from maskedface.locks import LockedError
from maskedface.recipes import Recipe
from maskedface.tuning import Search
from tests.test_locks import hold
from tests.tuning.fake_training import RECIPE, SPACE, fake_training


def searched(drawn: FaceIndex, backbone: Path, folder: Path) -> Search:
    return tuning.search(
        RECIPE,
        drawn,
        space=SPACE,
        search_dir=folder,
        backbone=str(backbone),
        algorithm="random",
        trials=2,
        progress=False,
    )


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("search.json", {}),
        ("search.json", {"TUNER_ID": "chief", "ORACLE_IP": "127.0.0.1", "ORACLE_PORT": "1"}),
        ("worker-0", {"TUNER_ID": "worker-0", "ORACLE_IP": "127.0.0.1", "ORACLE_PORT": "1"}),
    ],
)
def test_a_second_process_of_the_same_part_is_told_who_the_first_is(
    drawn: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    variables: dict[str, str],
) -> None:
    fits = fake_training(monkeypatch, lambda recipe: 0.5)
    for variable, value in variables.items():
        monkeypatch.setenv(f"KERASTUNER_{variable}", value)
    with hold(tmp_path / "s" / name, 60) as holder:
        with pytest.raises(LockedError, match=f"{name}', held by process {holder.pid} "):
            searched(drawn, tiny_backbone, tmp_path / "s")
        holder.kill()
    assert not fits and not (tmp_path / "s" / "search.json").exists()


@pytest.mark.parametrize(
    "error",
    [
        LockedError("path must not be in use by another process"),
        OSError(errno.ENOSPC, "No space left on device", "state.npz"),
    ],
    ids=["in use", "full disk"],
)
def test_an_error_of_the_machine_ends_the_search_and_fails_no_trial(
    drawn: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
) -> None:
    is_met = True

    def accuracy(recipe: Recipe) -> float:
        if is_met:
            raise error
        return 0.5

    fake_training(monkeypatch, accuracy)
    with pytest.raises(type(error)) as met:
        searched(drawn, tiny_backbone, tmp_path / "s")
    assert met.value is error
    is_met = False
    found = searched(drawn, tiny_backbone, tmp_path / "s")
    assert [(one["trial"], one["status"]) for one in found.trials] == [
        ("0", "completed"),
        ("1", "completed"),
    ]
