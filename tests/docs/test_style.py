"""How pages are written: numbers, lines, openings."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from doc_blocks import pages  # noqa: E402

LONGEST = 100
PAGES = pages()


def prose(page: Path) -> str:
    """A page without its code."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```|^    .*?$|`[^`\n]*`", "``", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_numbers_have_a_digit_before_the_point(page: Path) -> None:
    assert not re.findall(r"(?<![\w.)/\]`])[-+±]?\.\d.*", prose(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_are_short(page: Path) -> None:
    # Tables and pictures are one line each; a command in a sentence cannot be broken.
    lines = [line for line in prose(page).splitlines() if not line.startswith(("|", "![", "<!--"))]
    assert not [line for line in lines if len(line) > LONGEST]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_opens_with_its_title_and_what_it_is_about(page: Path) -> None:
    first, _, rest = page.read_text(encoding="utf-8").partition("\n")
    assert first.startswith("# ")
    opening = rest.strip().split("\n\n")[0].lower()
    assert not re.match(r"(not|no|nothing|never|except|but|however|unless|until)\b", opening)
