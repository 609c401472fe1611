"""A name of the library that a page writes exists."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

import maskedface

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from doc_blocks import pages  # noqa: E402

NAME = re.compile(rf"`(?:maskedface\.)?({'|'.join(maskedface.__all__)})\.([A-Za-z_]\w*)")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_page_writes_names_that_exist(page: Path) -> None:
    gone = []
    for module, name in NAME.findall(page.read_text(encoding="utf-8")):
        part = importlib.import_module(f"maskedface.{module}")
        if not hasattr(part, name):
            try:
                importlib.import_module(f"maskedface.{module}.{name}")
            except ModuleNotFoundError:
                gone.append(f"{module}.{name}")
    assert not gone
