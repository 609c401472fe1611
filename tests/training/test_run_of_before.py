"""Run folders written when an alignment was called a template."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from maskedface import training
from maskedface.training import Run


@pytest.fixture
def before(open_run: Run, tmp_path: Path) -> Run:
    """The open set's run, its folder as it was written then."""
    folder = tmp_path / "before"
    shutil.copytree(open_run.path, folder)
    record = json.loads((folder / "run.json").read_text())
    record["template"] = record.pop("alignment")
    del record["files"]
    (folder / "run.json").write_text(json.dumps(record))
    rows = (folder / "manifest.csv").read_bytes().replace(b",alignment,", b",template,", 1)
    (folder / "manifest.csv").write_bytes(rows)
    return Run(str(folder))


def test_its_alignment_is_known(before: Run) -> None:
    assert before.record["alignment"] == "vggface2"


def test_its_rows_are_read(before: Run, open_run: Run) -> None:
    assert before.split() == open_run.split()


# A training or more.
@pytest.mark.long
def test_it_is_returned_as_it_is(before: Run, open_run: Run, tiny_backbone: Path) -> None:
    rows = open_run.split()
    again = training.train(
        open_run.recipe,
        rows["train"],
        rows["test"],
        run_dir=before.path,
        backbone=tiny_backbone,
        progress=False,
    )
    assert again.metrics == open_run.metrics
