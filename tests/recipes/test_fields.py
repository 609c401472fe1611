"""Type checkers know the fields that `Recipe.override` takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

from maskedface.recipes import Recipe
from maskedface.recipes.fields import RecipeFields


def test_the_typed_fields_are_those_of_a_recipe() -> None:
    assert get_type_hints(RecipeFields) == get_type_hints(Recipe)


# mypy reads the library.
@pytest.mark.long
def test_a_type_checker_reads_the_words_of_override(tmp_path: Path) -> None:
    if "CI" not in os.environ:
        pytest.importorskip("mypy", reason="pip install -e '.[dev]'")
    said = {
        "epochs=3, head='cosine'": "",
        "'loss.margin=0.3', epochs=3": "",
        "epoch=3": 'did you mean "epochs"?',
        "epochs='3'": 'expected "int"',
        "features='of'": "expected \"Literal['auto', 'off']\"",
    }
    calls = [f"recipes.COSINE_MARGIN.override({words})" for words in said]
    code, config = tmp_path / "mine.py", tmp_path / "mypy.ini"
    code.write_text("\n".join(["from maskedface import recipes", *calls]))
    # The words are ours: what other packages say of themselves takes most of the time to read.
    config.write_text(
        "[mypy]\nignore_missing_imports = true\nfollow_imports = skip\n"
        "[mypy-maskedface.*]\nfollow_imports = silent\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), str(code)]
    environment = os.environ | {"MYPYPATH": os.environ.get("PYTHONPATH", "")}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.startswith("mine.py:")]
    for number, words in enumerate(said, 2):
        found = "".join(line for line in lines if line.startswith(f"mine.py:{number}: error"))
        assert bool(found) == bool(said[words]) and said[words] in found, done.stdout
