"""A name of the library that a page writes exists."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import maskedface

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from doc_blocks import pages  # noqa: E402

NAME = re.compile(rf"`(?:maskedface\.)?({'|'.join(maskedface.__all__)})\.([A-Za-z_]\w*)")


def is_there(module: str, name: str) -> bool:
    if hasattr(importlib.import_module(f"maskedface.{module}"), name):
        return True
    try:
        importlib.import_module(f"maskedface.{module}.{name}")
    except ModuleNotFoundError:
        return False
    return True


def test_a_page_writes_names_that_exist() -> None:
    written = [
        (page, *names) for page in pages() for names in NAME.findall(page.read_text("utf-8"))
    ]
    assert written and not [
        f"{page.relative_to(ROOT)}: {module}.{name}"
        for page, module, name in written
        if not is_there(module, name)
    ]
