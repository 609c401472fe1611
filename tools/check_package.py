"""Builds what users get (source archive, wheel, editable install) and looks into each.

python tools/check_package.py --out FOLDER    # the archive and the wheel are left there

Needs `pip install -e ".[dev]"`, and the index for what builds them.
"""

from __future__ import annotations

import email
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import _tool

# What a change is checked by, and what the library opens beside its code.
IN_SOURCE = {
    *("docs/index.md", "docs/tutorials/photographs.md", "docs/pictures/named.jpg", "mkdocs.yml"),
    *("examples/01_train_on_masks.py", "examples/recognize.ipynb", "tests/conftest.py", ".ci/run"),
    *("tools/check_package.py", "CHANGELOG.md", "LICENSE", "ruff.toml"),
}
IN_WHEEL = {
    *("maskedface/py.typed", "maskedface/__init__.pyi", "maskedface/recognition/__init__.pyi"),
    *("maskedface/landmarks/aligner.npz", "maskedface/reporting/page.html"),
    "maskedface/datasets/masked_faces/README.md",
}


def main() -> None:
    """Builds and checks; fails with what is wrong."""
    words = _tool.parser(__doc__)
    words.add_argument("--out", required=True, type=Path)
    out = words.parse_args().out
    # The wheel is built from the archive: what that forgets is missing in it too.
    run("-m", "build", "--outdir", out, _tool.ROOT)
    (archive,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    run("-m", "twine", "check", "--strict", archive, wheel)
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert names >= IN_SOURCE, f"the source archive lacks {sorted(IN_SOURCE - names)}"
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        text = email.message_from_bytes(file.read(metadata)).get_payload()
    assert names >= IN_WHEEL, f"the wheel lacks {sorted(IN_WHEEL - names)}"
    assert not [name for name in names if name.startswith(("tests/", "docs/", "tools/"))]
    assert "](docs/" not in text, "the index would show links of the README that lead nowhere"
    check_editable()
    print(f"{archive.name}, {wheel.name} and an editable install: complete")


def check_editable() -> None:
    """An editable install is a folder on the path, which type checkers see, and no import hook."""
    from setuptools import build_meta

    with tempfile.TemporaryDirectory() as folder:
        name = build_meta.build_editable(folder)
        with zipfile.ZipFile(Path(folder) / name) as file:
            paths = [file.read(one).decode() for one in file.namelist() if one.endswith(".pth")]
    assert [path.strip() for path in paths] == [str(_tool.ROOT)], paths


def run(*words: str | Path) -> None:
    """A Python module as a command, in the checkout."""
    subprocess.run([sys.executable, *map(str, words)], check=True, cwd=_tool.ROOT)


if __name__ == "__main__":
    main()
