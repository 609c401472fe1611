"""What mkdocstrings does not see by itself in this library (mkdocs.yml names `PublicNames`).

- Which names a package offers that imports on first use: its `.pyi` file lists them, and nothing there says
  that an imported name is for users.
- Examples that stand outside a section of their own: without a fence `>>>` is Markdown for quotations, and
  `report["masked"]["accuracy"]` a link.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^(?P<indent>[ ]*)>>> .*(?:\n(?P=indent).*\S.*)*", re.MULTILINE)


class PublicNames(griffe.Extension):
    """Makes what a `.pyi` file imports from within the library public, and fences examples."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Called once a package is read, its stubs among it."""
        self._visit(pkg, pkg.path)

    def _visit(self, module: griffe.Object, root: str) -> None:
        if isinstance(module, griffe.Module) and module.is_init_module and module.exports is None:
            module.exports = [
                name
                for name, member in module.members.items()
                if isinstance(member, griffe.Alias) and member.target_path.startswith(f"{root}.")
            ]
        if module.docstring:
            module.docstring.value = fenced(module.docstring.value)
        for member in module.members.values():
            if isinstance(member, griffe.Object):
                self._visit(member, root)


def fenced(text: str) -> str:
    """A docstring with its examples in fences."""
    return _EXAMPLE.sub(
        lambda found: "{1}```pycon\n{0}\n{1}```".format(found[0], found["indent"]), text
    )
