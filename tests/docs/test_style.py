"""How pages are written: numbers, lines, openings."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from doc_blocks import pages  # noqa: E402

LONGEST = 100
PAGES = pages()


def prose(page: Path) -> str:
    """A page without its code."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```|^    .*?$|`[^`\n]*`", "``", text, flags=re.DOTALL | re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_numbers_have_a_digit_before_the_point() -> None:
    without = re.compile(r"(?<![\w.)/\]`])[-+±]?\.\d.*")
    found = {name_of(page): without.findall(prose(page)) for page in PAGES}
    assert not {name: numbers for name, numbers in found.items() if numbers}


def test_lines_are_short() -> None:
    # Tables and pictures are one line each; a command in a sentence cannot be broken.
    lines = [(page, line) for page in PAGES for line in prose(page).splitlines()]
    text = [(page, line) for page, line in lines if not line.startswith(("|", "![", "<!--"))]
    assert not [f"{name_of(page)}: {line}" for page, line in text if len(line) > LONGEST]


def test_a_page_opens_with_its_title_and_what_it_is_about() -> None:
    untitled, negative = [], []
    for page in PAGES:
        first, _, rest = page.read_text(encoding="utf-8").partition("\n")
        opening = rest.strip().split("\n\n")[0].lower()
        if not first.startswith("# "):
            untitled.append(name_of(page))
        if re.match(r"(not|no|nothing|never|except|but|however|unless|until)\b", opening):
            negative.append(name_of(page))
    assert not untitled and not negative
