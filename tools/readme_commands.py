"""Runs the README's two set-up commands as they stand there, each in a fresh copy of the checkout.

python tools/readme_commands.py              # the demo and the tests: many minutes
python tools/readme_commands.py --only demo  # what has this word in it
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import _tool
from doc_blocks import blocks


def set_up() -> list[str]:
    """The README's commands that make an environment."""
    found = blocks(_tool.ROOT / "README.md")
    return [block.text.strip() for block in found if "-m venv" in block.text]


def main() -> None:
    """Runs them; fails as they do."""
    words = _tool.parser(__doc__)
    words.add_argument("--only", default="")
    only = words.parse_args().only
    for command in set_up():
        if only in command:
            with tempfile.TemporaryDirectory() as folder:
                clone = Path(folder) / "clone"
                subprocess.run(["git", "clone", "--quiet", str(_tool.ROOT), str(clone)], check=True)
                print(command, flush=True)
                subprocess.run(["bash", "-euc", command], cwd=clone, check=True)


if __name__ == "__main__":
    main()
