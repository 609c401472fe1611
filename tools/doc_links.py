"""The links and headings of a Markdown page, for the tests that follow them."""

from __future__ import annotations

import re
from pathlib import Path

_CODE = re.compile(r"^```.*?^```|^    .*?$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[(?P<words>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def links(page: Path) -> list[str]:
    """Targets of a page's links and pictures, in their order; those in code are none."""
    text = re.sub(r"(?<=\[)`([^`\]]*)`(?=\])", r"\1", page.read_text(encoding="utf-8"))
    return [found["target"] for found in _LINK.finditer(_CODE.sub("", text))]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    headings = re.findall(r"^#{1,6} +(.+)$", text, re.MULTILINE)
    return {anchor(heading) for heading in headings}


def anchor(heading: str) -> str:
    """A heading's anchor."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", words).strip().lower())


def split(page: Path, target: str) -> tuple[Path | None, str]:
    """The file that a link of a page leads to, and the anchor; None for a web address."""
    if re.match(r"[a-z]+:", target):
        return None, ""
    path, _, name = target.partition("#")
    return ((page.parent / path).resolve() if path else page), name
