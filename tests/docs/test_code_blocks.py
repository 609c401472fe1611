"""The README's and the docs' code blocks run, or at least say what the commands understand.

A fenced block runs, in the order of its page, in a folder that holds drawn people as MY_FACES.
`<!-- not run: WHY -->` before it leaves that out. Every `maskedface` command in any block goes
through its own argument parser.
"""

from __future__ import annotations

import argparse
import ast
import configparser
import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from maskedface import synthetic
from maskedface.cli.main import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from doc_blocks import BLOCK, blocks, commands, pages  # noqa: E402

PAGES = pages()
# Fewer epochs and trials than a reader would have: what a page says still runs.
SHORTER = {
    "train": ["--set", "epochs=1", "--seeds", "0"],
    "tune": ["--set", "epochs=1", "--trials", "2"],
}
# 1 is an answer: somebody is unknown, two are different people, or a file of a short training loses a face
# of twelve. So is 3: that cannot be told.
ANSWERS = {"identify": (0, 1), "verify": (0, 1, 3), "enroll": (0, 1), "export": (0, 1)}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def code_lines(page: Path) -> str:
    """All fenced and indented code of a page."""
    text = page.read_text(encoding="utf-8")
    fenced = "\n".join(block.text for block in blocks(page) if block.language in ("sh", "bash"))
    outside = BLOCK.sub("", text)
    indented = [line for line in outside.splitlines() if line.startswith("    ")]
    return fenced + "\n" + "\n".join(indented)


def misunderstood(words: list[str]) -> str:
    """What a command's own parser says against its words, "" where it takes them."""
    if words[0] not in COMMANDS:
        return "no such command"
    command = importlib.import_module(f"maskedface.cli.{words[0]}")
    parser = argparse.ArgumentParser(words[0], exit_on_error=False)
    command.add_arguments(parser)
    try:
        parser.parse_args(words[1:])
    except (SystemExit, argparse.ArgumentError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def test_every_command_is_understood() -> None:
    found = [(page, words) for page in PAGES for words in commands(code_lines(page))]
    assert not [
        f"{name_of(page)}: maskedface {shlex.join(words)}: {wrong}"
        for page, words in found
        if (wrong := misunderstood(words))
    ]


def test_every_command_of_the_docs_was_looked_at() -> None:
    seen = {words[0] for page in PAGES for words in commands(code_lines(page))}
    assert seen == set(COMMANDS)


def test_every_extra_that_is_named_exists() -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    install = re.compile(r"pip install (?:-e )?[\"']?(?:\.|maskedface)\[([\w,-]+)\]")
    named = {
        (name_of(page), extra)
        for page in PAGES
        for group in install.findall(page.read_text(encoding="utf-8"))
        for extra in group.split(",")
    }
    extras = set(config["options.extras_require"])
    assert named and not {(page, extra) for page, extra in named if extra not in extras}


def taken(page: Path) -> Iterator[tuple[str, str]]:
    """Module and name of everything that a page's Python takes from the library."""
    for block in blocks(page):
        if block.language == "python":
            for node in ast.walk(ast.parse(block.text)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                    "maskedface"
                ):
                    yield from ((str(node.module), name.name) for name in node.names)


def test_python_names_what_there_is() -> None:
    found = [(page, *names) for page in PAGES for names in taken(page)]
    assert found and not [
        f"{name_of(page)}: {module}.{name}"
        for page, module, name in found
        if not getattr(importlib.import_module(module), name, None)
    ]


RUN = [page for page in PAGES if any(not block.why for block in blocks(page))]


def lay_out(text: str) -> None:
    """The folders that a page takes for there, of drawn people."""
    if "MY_FACES" in text:
        synthetic.draw_people("MY_FACES", people=4, photos=8, size=128)
    if "photos --pictures" in text and "synthetic.draw_face" not in text:
        faces = synthetic.draw_people("drawn", people=4, photos=4, masked_photos=1).paths
        Path("photos").mkdir()
        Path("drawn/AFDB_face_dataset").rename("people")
        masked = [Path(path) for path in faces if "masked" in path]
        for name, path in zip(("photos/party.jpg", "one.jpg", "other.jpg"), masked, strict=False):
            path.rename(name)


# The pages train, evaluate and export.
@pytest.mark.long
@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(page.read_text(encoding="utf-8"))
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.why or block.language not in ("sh", "bash", "python"):
            continue
        if block.language == "python":
            text = re.sub(r"\bepochs=\d+", "epochs=1", block.text)
            text = re.sub(r"\bpeople=[2-9]\d", "people=12", text)
            exec(compile(text, f"{page.name}, block {block.number}", "exec"), names)
            continue
        run = list(commands(block.text))
        assert run, f"{page.name}, block {block.number} runs nothing: mark it"
        for words in run:
            code = main([*words, *SHORTER.get(words[0], [])])
            assert code in ANSWERS.get(words[0], (0,)), shlex.join(words)
