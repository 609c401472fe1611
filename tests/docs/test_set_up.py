"""Two commands of the README set everything up: one for the demo, one for the tests."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from doc_blocks import blocks  # noqa: E402


def test_two_commands_set_everything_up() -> None:
    import readme_commands

    demo, tests = readme_commands.set_up()
    for command in (demo, tests):
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -e ")
    assert demo.endswith(".venv/bin/maskedface demo")
    assert ".venv/bin/pytest" in tests


def test_the_readme_comes_in_the_order_of_a_stranger() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    picture, table = text.index("!["), text.index("| task |")
    shell, python = text.index("```sh"), text.index("```python")
    assert picture < shell < python < table < text.index("## Install")
    first, second, *_ = blocks(ROOT / "README.md")
    assert len(first.text.strip().splitlines()) == 3
    assert len([line for line in second.text.splitlines() if line.strip()]) == 3


def test_no_page_takes_the_library_for_one_of_an_index() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs" / "tutorials").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        assert "pip install maskedface" not in text and 'pip install "maskedface' not in text
