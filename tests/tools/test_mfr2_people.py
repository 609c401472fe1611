"""Nobody of MFR2, on which the library is reported, is among those that anything shipped is fitted to."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskedface.datasets import MFR2_PEOPLE


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Ann and MFR2's people in lfw/, mlfw/ and rmfrd/, under names as these sets spell them."""
    names = ["Ann", *MFR2_PEOPLE]
    for folder in ("lfw", "mlfw"):
        rows = [f"{name}/1.jpg,{name},unmasked,,train" for name in names]
        _touch(tmp_path / folder, [row.split(",")[0] for row in rows])
        protocols = tmp_path / folder / "protocols"
        protocols.mkdir()
        text = "\n".join(["path,person,domain,photo,open_set", *rows, ""])
        (protocols / "manifest.csv").write_text(text)
    people = [name.lower().replace("_", "") for name in names]
    _touch(tmp_path / "rmfrd", [f"AFDB_face_dataset/{person}/1.jpg" for person in people])
    return str(tmp_path)


def _touch(root: Path, paths: list[str]) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")


def test_the_mask_estimate_is_fitted_on_none_of_them(data: str) -> None:
    from fit_mask_estimate import to_fit

    assert {name: [*rows.people] for name, rows in to_fit(data).items()} == {
        "MLFW": ["Ann"],
        "RMFRD": ["ann"],
        "LFW": ["Ann"],
    }


@pytest.mark.parametrize("name", ["LFW", "MLFW", "RMFRD"])
def test_default_thresholds_are_measured_on_none_of_them(data: str, name: str) -> None:
    from measure_default_thresholds import _training_people

    assert [person.lower() for person in _training_people(data, name).people] == ["ann"]
