"""What setup.cfg cannot say: the README as an index shows it, where a relative link leads nowhere."""

import configparser
import re
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent


def description() -> str:
    """The README with links and pictures at the repository's address, or without them before it has one."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    url = config["metadata"]["url"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pictures, links = (
        r"!\[([^\]]*)\]\((?!https?:)([^)]+)\)\n*",
        r"\[([^\]]+)\]\((?!https?:)([^)]+)\)",
    )
    if ".invalid" in url:
        return re.sub(links, r"\1", re.sub(pictures, "", text))
    text = re.sub(pictures, rf"![\1]({url}/raw/main/\2)\n\n", text)
    return re.sub(rf"(?<!!){links}", rf"[\1]({url}/blob/main/\2)", text)


setup(long_description=description(), long_description_content_type="text/markdown")
