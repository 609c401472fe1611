"""The notebooks run from their first to their last cell, and are kept as nobody has run them."""

from __future__ import annotations

import configparser
import json
import os
import re
import resource
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
SECONDS = 120  # of the processor, so that what else runs does not count


def test_there_are_two() -> None:
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    cells = [
        cell
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]
    assert cells
    assert not [cell["id"] for cell in cells if cell["outputs"] or cell["execution_count"]]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_installs_from_the_address_of_setup_cfg(path: Path) -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    first = next(
        cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"
    )
    source = "".join(first["source"])
    # python tools/write_address.py
    assert f'REPOSITORY = "{config["metadata"]["url"]}"' in source
    assert "%pip install" in source


# A kernel starts, and a network is loaded and trained.
@pytest.mark.long
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "CI" not in os.environ:
        pytest.importorskip("nbclient", reason="pip install -e '.[notebooks]'")
    import nbformat
    from nbclient import NotebookClient

    shutil.copy(path, tmp_path)
    # The kernel imports what this process does.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(word for word in sys.path if word))
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:  # as of the docs' pages
        cell.source = re.sub(r"\bepochs=\d+", "epochs=1", cell.source)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < SECONDS
