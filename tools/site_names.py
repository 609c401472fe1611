"""Tells mkdocstrings which names a package offers: those of its `.pyi` file, where it has one.

mkdocs.yml names it. A package that imports on first use lists its names in `__init__.pyi` alone, and
nothing there says that an imported name is for users.
"""

from __future__ import annotations

from typing import Any

import griffe


class PublicNames(griffe.Extension):
    """Makes what a package's `.pyi` file imports from within the library public."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Called once a package is read, its stubs among it."""
        self._offer(pkg, pkg.path)

    def _offer(self, module: griffe.Module, root: str) -> None:
        if module.exports is None and module.is_init_module:
            module.exports = [
                name
                for name, member in module.members.items()
                if member.is_alias and member.target_path.startswith(f"{root}.")
            ]
        for inner in module.modules.values():
            if not inner.is_alias:
                self._offer(inner, root)
