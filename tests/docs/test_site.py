"""The documentation as a site: it builds strictly, has every public name, and needs no other server."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import maskedface

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import site_hooks  # noqa: E402

MODULES = [*maskedface.__all__, "datasets.masked_faces"]
# Pages that set it off: no script, style, font or picture of another server.
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*\b(?:src|data)=["']?(https?:)?//"""
    r"""|<link\b(?=[^>]*rel=["']?(?:stylesheet|preload|preconnect|icon|dns-prefetch))"""
    r"""[^>]*href=["']?(https?:)?//""",
    re.IGNORECASE,
)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_page(module: str) -> None:
    page = ROOT / "docs" / "reference" / f"{module.split('.')[-1]}.md"
    assert f"::: maskedface.{module}\n" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("module", MODULES)
def test_no_public_name_is_that_of_its_file(module: str) -> None:
    """The site would show the file in place of what is in it."""
    part = importlib.import_module(f"maskedface.{module}")
    files = {path.stem for at in getattr(part, "__path__", ()) for path in Path(at).glob("*.py")}
    names = files & set(getattr(part, "__all__", ()))
    assert all(inspect.ismodule(getattr(part, name)) for name in names), names


def test_links_out_of_the_docs_need_an_address() -> None:
    text = "[one](../examples/a.py) [two](masking.md) ![three](p.jpg)\n```\n[four](../x)\n```\n"
    assert site_hooks.outside(text, "docs/recipes.md", "") == text.replace(
        "[one](../examples/a.py)", "one"
    )
    there = site_hooks.outside(text, "docs/recipes.md", "https://host/us")
    assert "[one](https://host/us/blob/main/examples/a.py)" in there and "[four](../x)" in there


def test_a_page_named_in_a_docstring_is_a_link() -> None:
    html = "<p>see <code>docs/gpu.md</code> and docs/none.md</p><pre>docs/gpu.md</pre>"
    assert site_hooks.named_pages(html, "reference/models.md", {"gpu.md"}) == (
        '<p>see <a href="../gpu.html">gpu</a> and docs/none.md</p><pre>docs/gpu.md</pre>'
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site: that of MASKEDFACE_SITE, else built here."""
    if built := os.environ.get("MASKEDFACE_SITE"):
        return Path(built)
    if "CI" not in os.environ:
        pytest.importorskip("mkdocs", reason="pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


# mkdocs reads every docstring.
@pytest.mark.long
@pytest.mark.parametrize("module", MODULES)
def test_the_site_has_every_public_name(site: Path, module: str) -> None:
    page = (site / "reference" / f"{module.split('.')[-1]}.html").read_text(encoding="utf-8")
    part = importlib.import_module(f"maskedface.{module}")
    # Of a module within it the names are there.
    ids = {
        name: f'id="maskedface.{module}.{name}{"." if inspect.ismodule(getattr(part, name)) else chr(34)}'
        for name in getattr(part, "__all__", [])
    }
    assert not [name for name, shown in ids.items() if shown not in page]


@pytest.mark.long  # as above
def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not LOADED.search(text), page
        # Material's script would fetch the program that draws these.
        assert 'class="mermaid"' not in text, page
    for style in [*site.rglob("*.css"), *site.rglob("*.svg")]:
        found = re.findall(
            r"(?:url\(|@import\s*)[\"']?(?:https?:)?//[^)\"']*", style.read_text("utf-8")
        )
        assert not found, style


@pytest.mark.long  # as above
def test_the_site_can_be_searched(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text(encoding="utf-8")
    assert "cohort score normalization" in index.lower() and "maskedface.recipes.Recipe" in index


def test_examples_in_docstrings_are_fenced() -> None:
    if "CI" not in os.environ:
        pytest.importorskip("griffe", reason="pip install -e '.[docs]'")
    import site_names

    text = 'One.\n\n>>> a["x"]["y"]\n3\n\nArgs:\n    b: int.\n\nExample:\n    >>> 1\n    1'
    assert site_names.fenced(text) == (
        'One.\n\n```pycon\n>>> a["x"]["y"]\n3\n```\n\nArgs:\n    b: int.\n\n'
        "Example:\n    ```pycon\n    >>> 1\n    1\n    ```"
    )
