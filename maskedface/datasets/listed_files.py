"""Finds the files of a folder by their names in a published list."""

from __future__ import annotations

import os
from collections import defaultdict

from maskedface.datasets.sources import walk
from maskedface.images.formats import has_image_name, is_tools


class NamedFiles:
    """The images below a folder, looked up by the end of their path.

    Args:
        root: the folder, scanned once.

    Raises:
        FileNotFoundError: if `root` is not a folder.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for folder in walk(root):
            for name in folder.files:
                path = folder.inside(name)
                if has_image_name(name) and not is_tools(path):
                    self._by_name[_stem(_text(name))].append(path)

    def find(self, name: str) -> str | None:
        """The image that a list entry refers to.

        Args:
            name: a path as written in the list, with `/` between folders. The image may be nested
                more deeply than the list says (copies differ in nesting) or lack the list's folders
                (copies are flattened); the extension matters only if two files differ in nothing
                else.

        Returns:
            The path relative to the root, or None if there is none, or if a name without a folder
            matches several.
        """
        folder, _, file = name.rpartition("/")
        found = self._by_name.get(_stem(file), [])
        inside = [path for path in found if folder and _folder(path).endswith(f"/{folder}")]
        found = inside or [path for path in found if not folder or "/" not in path]
        if len(found) > 1:
            found = [path for path in found if _text(path).rpartition("/")[2] == file]
        # Several in folders of that name: a copy of RMFRD that holds a folder twice inside itself.
        return found[0] if len(found) == 1 or (inside and found) else None


def _folder(path: str) -> str:
    return f"/{_text(path)}".rpartition("/")[0]


def _stem(name: str) -> str:
    return os.path.splitext(name)[0] if has_image_name(name) else name


def _text(path: str) -> str:
    """A path decoded as UTF-8, or as GBK, which RMFRD's archive uses."""
    try:
        path.encode("utf-8")
        return path
    except UnicodeEncodeError:
        return os.fsencode(path).decode("gbk", "replace")
