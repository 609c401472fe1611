"""Run folders whose files were changed, or do not fit each other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.training import Run
from maskedface.training.consistency import check_rows


@pytest.fixture
def copy(open_run: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(open_run.path, tmp_path / "copy"))


def without_digests(folder: Path) -> None:
    """A run of before."""
    record = json.loads((folder / "run.json").read_text())
    del record["files"]
    (folder / "run.json").write_text(json.dumps(record))


def drop_a_row(folder: Path) -> None:
    lines = (folder / "manifest.csv").read_text().splitlines(keepends=True)
    lines.remove(next(line for line in lines if line.endswith(",test\n")))
    (folder / "manifest.csv").write_text("".join(lines))


def test_a_run_as_it_was_left_is_read(copy: Path) -> None:
    run = Run(str(copy))
    assert len(run.predictions["embeddings"]) == len(run.split()["test"])
    assert run.model is not None and run.metrics and run.cohort is not None and run.recipe


READS: dict[str, Callable[[Run], object]] = {
    "manifest.csv": lambda run: run.split(),
    "recipe.json": lambda run: run.recipe,
    "metrics.json": lambda run: run.metrics,
    "predictions.npz": lambda run: run.predictions,
    "model.keras": lambda run: run.model,
}


@pytest.mark.parametrize("name", READS)
def test_a_file_that_was_changed_is_named(copy: Path, name: str) -> None:
    with (copy / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(ValueError, match=f"must be unmodified. Received: .*{name}', which was"):
        READS[name](Run(str(copy)))


def test_a_row_taken_from_the_manifest_is_an_error_of_evaluate(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drop_a_row(copy)
    assert main(["evaluate", str(copy)]) == 2
    assert "manifest.csv', which was changed" in capsys.readouterr().err


def test_a_run_of_before_is_read(copy: Path, open_run: Run) -> None:
    without_digests(copy)
    np.testing.assert_array_equal(
        Run(str(copy)).predictions["embeddings"], open_run.predictions["embeddings"]
    )


def test_counts_of_a_run_of_before_are_compared(copy: Path) -> None:
    without_digests(copy)
    drop_a_row(copy)
    with pytest.raises(ValueError, match=r"must be consistent.* 24 embeddings for 23 test rows"):
        _ = Run(str(copy)).predictions


def test_people_of_a_run_of_before_are_compared(copy: Path) -> None:
    without_digests(copy)
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(record | {"classes": record["classes"][1:]}))
    with pytest.raises(ValueError, match="4 people in the manifest for 3 classes"):
        _ = Run(str(copy)).predictions


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (
            lambda labels, logits: (labels[::-1], logits),
            "32 labels that differ from the manifest's",
        ),
        (
            lambda labels, logits: (labels, logits[:, 1:]),
            r"logits of shape \(32, 3\) for 4 classes",
        ),
        (lambda labels, logits: (labels[1:], logits), "31 labels for 32 test rows"),
    ],
)
def test_labels_and_logits_are_compared_with_the_rows(
    drawn: FaceIndex, change: Callable[..., tuple[np.ndarray, np.ndarray]], wrong: str
) -> None:
    labels, logits = change(drawn.labels(), np.zeros((len(drawn), 4)))
    arrays, record = {"labels": labels, "logits": logits}, {"classes": list(drawn.people)}
    with pytest.raises(ValueError, match=f"must be consistent. Received: 'run' with {wrong}"):
        check_rows("run", arrays, record, {"train": drawn, "test": drawn})
