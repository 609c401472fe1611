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


# mypy reads Keras and the library once.
@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("epochs=3, head='cosine'", ""),
        ("'loss.margin=0.3', epochs=3", ""),
        ("epoch=3", 'did you mean "epochs"?'),
        ("epochs='3'", 'expected "int"'),
        ("features='of'", "expected \"Literal['auto', 'off']\""),
    ],
)
def test_a_type_checker_reads_the_words_of_override(words: str, said: str, tmp_path: Path) -> None:
    if "CI" not in os.environ:
        pytest.importorskip("mypy", reason="pip install -e '.[dev]'")
    code = tmp_path / "mine.py"
    code.write_text(f"from maskedface import recipes\n\nrecipes.COSINE_MARGIN.override({words})\n")
    command = [sys.executable, "-m", "mypy", "--ignore-missing-imports", "--follow-imports=silent"]
    # Kept between the cases: all that they import is the same.
    command += ["--cache-dir", str(tmp_path.parent / "mypy"), str(code)]
    environment = os.environ | {"MYPYPATH": os.environ.get("PYTHONPATH", "")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == bool(said), done.stdout
    assert said in done.stdout
