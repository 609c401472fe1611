"""What mkdocs does with a page here that it does not do by itself (mkdocs.yml names this file).

- A link to a file of the repository outside docs/ leads to the repository's public address. Until setup.cfg
  has one (it says `.invalid`), the link's words stay and the link goes.
- `docs/PAGE.md` in a docstring becomes a link to that page.
"""

from __future__ import annotations

import configparser
import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_LINK = re.compile(r"(?<!!)\[(?P<words>[^\]]+)\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
_FENCE = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"<code>docs/(?P<page>[\w/]+\.md)</code>|(?<![\w/])docs/(?P<plain>[\w/]+\.md)")


def address() -> str:
    """The repository's public address, "" as long as setup.cfg holds the placeholder."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    url = config["metadata"]["url"].rstrip("/")
    return "" if ".invalid" in url else url


def outside(markdown: str, page: str, url: str) -> str:
    """A page's text with its links to files outside docs/ made absolute, or taken off.

    Args:
        markdown: str, the page's text.
        page: str, its path from the repository's root ("docs/tutorials/paper.md").
        url: str, the repository's address, or "".

    Returns:
        str, the text. Code blocks and pictures stay as they are.
    """

    def link(found: re.Match[str]) -> str:
        target = found["target"]
        if re.match(r"[a-z]+:", target):
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
        if path.startswith("docs/"):
            return found[0]
        if not url:
            return found["words"]
        return f"[{found['words']}]({url}/blob/main/{path}{found['anchor'] or ''})"

    parts = _FENCE.split(markdown)
    return "".join(part if n % 2 else _LINK.sub(link, part) for n, part in enumerate(parts))


def named_pages(html: str, page: str, known: set[str]) -> str:
    """A page's HTML with `docs/PAGE.md` turned into links, where there is such a page."""

    def link(found: re.Match[str]) -> str:
        name = found["page"] or found["plain"]
        if name not in known:
            return found[0]
        way = posixpath.relpath(name.removesuffix(".md") + ".html", posixpath.dirname(page) or ".")
        return f'<a href="{way}">{name.removesuffix(".md")}</a>'

    # Not within tags and listings.
    parts = re.split(r"(<pre.*?</pre>|<details.*?</details>|<(?!/?code)[^>]*>)", html, flags=re.S)
    return "".join(part if n % 2 else _NAMED.sub(link, part) for n, part in enumerate(parts))


def on_config(config: Any) -> Any:
    """Called by mkdocs: shows the repository, where there is an address."""
    config.repo_url = address() or None
    return config


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Called by mkdocs with each page's text."""
    return outside(markdown, f"docs/{page.file.src_uri}", address())


def on_page_content(html: str, *, page: Any, files: Any, **_: Any) -> str:
    """Called by mkdocs with each page's HTML."""
    known = {file.src_uri for file in files.documentation_pages()}
    return named_pages(html, page.file.src_uri, known)
