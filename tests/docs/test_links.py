"""Every link leads somewhere, and what a stranger looks for is two of them away from the README."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from doc_blocks import pages  # noqa: E402
from doc_links import anchors, links, split  # noqa: E402

PAGES = pages()
# What is looked for, and a page that says it: its words must be there.
LOOKED_FOR = {
    "how to name people in a photograph": (r"maskedface identify --gallery", "tutorials/"),
    "how to train with one's own loss": (r"class \w+\(keras\.losses\.Loss\)", "tutorials/"),
    "where a recipe is defined": (r"^MASKED_BEST = ", "maskedface/recipes/"),
    "what accuracy on worn masks is": (r"real worn masks\n[\s\S]*\| command \| masked", "results"),
}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def leads_nowhere(page: Path, target: str) -> bool:
    file, anchor = split(page, target)
    if file is None:
        return False
    # Tests may run beside no package: then what is in it is looked for where it is installed.
    if not there(file).exists():
        return True
    return bool(anchor) and file.suffix == ".md" and anchor not in anchors(file)


def test_every_link_leads_somewhere() -> None:
    found = [(page, target) for page in PAGES for target in links(page)]
    assert not [f"{name_of(page)}: {goal}" for page, goal in found if leads_nowhere(page, goal)]


def there(file: Path) -> Path:
    import maskedface

    package = Path(maskedface.__file__).parent
    inside = file.relative_to(ROOT)
    return package.parent / inside if inside.parts[0] == "maskedface" else file


def reached(clicks: int) -> set[Path]:
    """Every file that so many links at most lead to from the README."""
    found = {ROOT / "README.md"}
    for _ in range(clicks):
        targets = {
            split(page, target)[0]
            for page in found
            if page.suffix == ".md"
            for target in links(page)
        }
        found |= {path for path in targets if path is not None}
    return found


@pytest.mark.parametrize("what", LOOKED_FOR)
def test_two_links_lead_from_the_readme_to(what: str) -> None:
    words, place = LOOKED_FOR[what]
    answers = [
        file
        for file in reached(2)
        if place in file.as_posix()
        and there(file).is_file()
        and re.search(words, there(file).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert answers


def test_a_page_names_files_that_exist() -> None:
    named = re.compile(r"(?<![\w/])(?:tests|tools|examples)/[\w/]+\.py")
    found = [(page, path) for page in PAGES for path in named.findall(page.read_text("utf-8"))]
    assert not [f"{name_of(page)}: {path}" for page, path in found if not (ROOT / path).exists()]


def test_a_page_names_other_pages_by_links() -> None:
    others = [
        p for p in PAGES if p.name not in ("alignment.md", "performance.md", "recognition.md")
    ]
    named = {
        name_of(page): re.findall(r"`docs/[\w/]+\.md`", page.read_text("utf-8")) for page in others
    }
    assert not {name: paths for name, paths in named.items() if paths}
