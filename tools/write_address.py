"""Writes the repository's public address, which setup.cfg has, into the notebooks of examples/.

python tools/write_address.py     # after `url` in setup.cfg changed

The site and the page of a package index read setup.cfg themselves.
"""

from __future__ import annotations

import configparser
import re

import _tool

LINE = re.compile(r'REPOSITORY = \\"[^"\\]*\\"')


def main() -> None:
    """Rewrites the one line of each notebook."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(_tool.ROOT / "setup.cfg", encoding="utf-8")
    line = f'REPOSITORY = \\"{config["metadata"]["url"]}\\"'
    for path in sorted((_tool.ROOT / "examples").glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        new, count = LINE.subn(lambda _: line, text)
        assert count == 1, f"{path} must name the address once. Received: {count} times"
        if new != text:
            path.write_text(new, encoding="utf-8")
            print(path)


if __name__ == "__main__":
    main()
