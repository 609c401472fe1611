"""A run's npz files, damaged: one clear error each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from maskedface.training import Run
from maskedface.training.checkpoint import read_state


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def compress(path: Path) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez_compressed(path, **arrays)


def pickle(path: Path) -> None:
    objects = np.array([None], object)
    np.savez(path, history=objects, cohort=objects)


DAMAGE = pytest.mark.parametrize("damage", [cut, compress, pickle])


@DAMAGE
def test_a_damaged_state_is_refused(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    np.savez(tmp_path / "state.npz", history=np.array("[]"), variable0=np.zeros(3))
    damage(tmp_path / "state.npz")
    with pytest.raises(ValueError, match=r"state must be complete; .* Received: '.*state.npz' \("):
        read_state(str(tmp_path), [])


@pytest.mark.parametrize("arrays", [{}, {"history": "[]", "more": 1}, {"history": "no JSON"}])
def test_a_state_of_other_arrays_is_refused(tmp_path: Path, arrays: dict[str, object]) -> None:
    np.savez(tmp_path / "state.npz", **{name: np.array(value) for name, value in arrays.items()})
    with pytest.raises(ValueError, match="state must be complete"):
        read_state(str(tmp_path), [])


@DAMAGE
def test_damaged_predictions_are_refused(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    (tmp_path / "metrics.json").write_text("{}")
    (tmp_path / "run.json").write_text("{}")  # of a version before, without digests of its files
    np.savez(tmp_path / "predictions.npz", cohort=np.eye(3), cohort_nearest=np.array(2))
    damage(tmp_path / "predictions.npz")
    with pytest.raises(
        ValueError, match=r"predictions must be readable. Received: '.*predictions.npz' \("
    ):
        print(Run(str(tmp_path)).cohort)
