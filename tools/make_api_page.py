"""Writes docs/api.md: every public name with its signature and docstring, as the code has them.

python tools/make_api_page.py            # write the page
python tools/make_api_page.py --check    # exit 1 if it is not what the code says (a test runs this)
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import maskedface

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api.md"
_APART = ("datasets.masked_faces",)  # imported by those who ask for it alone
_LONGEST = 40  # letters of a default value; longer ones, and what has an address, are "..."
_HEAD = """# API

Every public name, from the docstrings by `python tools/make_api_page.py`; a test holds it current.
"""


def page() -> str:
    """The whole page."""
    parts = sorted([*(name for name in maskedface.__all__ if not name.startswith("_")), *_APART])
    links = (f"[{part}](#maskedface{part.replace('.', '')})" for part in parts)
    lines = [_HEAD, " · ".join(links)]
    for part in parts:
        module = importlib.import_module(f"maskedface.{part}")
        lines.append(f"\n## maskedface.{part}\n\n{inspect.getdoc(module)}")
        for name in sorted(_public(module)):
            lines += _entry(f"{part}.{name}", getattr(module, name))
    return "\n".join(lines) + "\n"


def _public(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]


def _entry(name: str, value: Any) -> Iterator[str]:
    is_decorated = inspect.isfunction(inspect.unwrap(value))
    if not (is_decorated or inspect.isclass(value)):
        yield f"\n### {name}\n\nA constant: {type(value).__name__}."
        return
    yield f"\n### {name}\n\n```python\n{_signature(name.split('.')[-1], value)}\n```\n\n{_text(value)}"
    # Of an object that is called as a function, its methods beside that.
    owner = value if inspect.isclass(value) else type(value)
    if owner.__module__.startswith("maskedface"):
        for key, member in vars(owner).items():
            member = getattr(member, "func", getattr(member, "__func__", member))
            if key.startswith("_") or not inspect.getdoc(member):
                continue
            if isinstance(member, property):
                yield f"\n`{key}`\n\n{_text(member)}"
            elif inspect.isfunction(member):
                yield f"\n`{_signature(key, member)}`\n\n{_text(member)}"


def _signature(name: str, value: Any) -> str:
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return name
    shown = [
        parameter.replace(default=_Left())
        if parameter.default is not parameter.empty and _is_left_out(repr(parameter.default))
        else parameter
        for parameter in signature.parameters.values()
    ]
    # Annotations are text here: without their quotes they read as in the code.
    return re.sub(
        r"'([^']*)'(?= =|[,)]|$)", _unquoted, f"{name}{signature.replace(parameters=shown)}"
    )


def _is_left_out(default: str) -> bool:
    return len(default) > _LONGEST or " at 0x" in default


def _unquoted(found: re.Match[str]) -> str:
    before = found.string[: found.start()]
    return found[1] if before.endswith((": ", "-> ")) else found[0]


class _Left:
    def __repr__(self) -> str:
        return "..."


def _text(value: Any) -> str:
    return f"```text\n{inspect.getdoc(value) or ''}\n```"


def main() -> int:
    """Writes the page, or with --check says whether it is current."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(
        "docs/api.md is not what the docstrings say: python tools/make_api_page.py", file=sys.stderr
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
