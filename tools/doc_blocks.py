"""The code blocks of the README and of docs/, for the tools and tests that run them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>.+?) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL
)


class Block(NamedTuple):
    """A fenced block of a page; `why` says why it is not run, "" where it is."""

    page: Path
    number: int
    language: str
    text: str
    why: str


def pages() -> list[Path]:
    """Every page that a reader reads: the README, CONTRIBUTING, and all of docs/."""
    docs = sorted((ROOT / "docs").rglob("*.md"))
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md", *docs]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page in their order."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [
        Block(page, number, one["language"], one["text"], one["why"] or "")
        for number, one in enumerate(found, 1)
    ]


def commands(text: str) -> Iterator[list[str]]:
    """The words of every `maskedface` command in shell lines or on a page."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        line = line.strip().lstrip("`")
        for part in re.split(r"&&|\|\||;", line):
            words = part.strip()
            if re.match(r"(\S*/)?maskedface \w", words) and " ... " not in words:
                yield shlex.split(words, comments=True)[1:]
