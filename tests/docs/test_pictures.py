"""Pictures in the docs: small, used, and made by a tool."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from doc_blocks import pages  # noqa: E402
from doc_links import links, split  # noqa: E402

PICTURES = sorted(path for path in (ROOT / "docs" / "pictures").rglob("*") if path.is_file())
SIGN = "icon.png"  # the site's, which no page shows
EACH, ALL = 150_000, 1_500_000


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in PICTURES}
    assert sizes and not {name: size for name, size in sizes.items() if size > EACH}
    assert sum(sizes.values()) < ALL


def test_every_picture_is_shown_on_a_page() -> None:
    shown = {split(page, target)[0] for page in pages() for target in links(page)}
    assert not [path.name for path in PICTURES if path not in shown and path.name != SIGN]


def test_every_picture_is_made_by_a_tool() -> None:
    import docs_pictures

    drawn = {f"{name}.{ending}" for name, (ending, _) in docs_pictures.DRAWN.items()}
    ours = {path.name for path in PICTURES if path.parent.name == "pictures"}
    assert ours == drawn


def test_pictures_open() -> None:
    for path in PICTURES:
        if path.suffix != ".svg":
            with Image.open(path) as picture:
                picture.verify()


def test_a_picture_is_drawn_again() -> None:
    import docs_pictures

    for name in ("people", "alignments"):
        ending, draw = docs_pictures.DRAWN[name]
        with Image.open(ROOT / "docs" / "pictures" / f"{name}.{ending}") as kept:
            assert draw(Path()).size == kept.size
