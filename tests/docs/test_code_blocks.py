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
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from maskedface import synthetic
from maskedface.cli.main import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    # api.md is made from docstrings and holds no commands.
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "api.md"),
]
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>.+?) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL
)


class Block(NamedTuple):
    page: Path
    number: int
    language: str
    text: str
    why: str


def blocks(page: Path) -> list[Block]:
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [
        Block(page, number, one["language"], one["text"], one["why"] or "")
        for number, one in enumerate(found, 1)
    ]


def commands(text: str) -> Iterator[list[str]]:
    """The words of every `maskedface` command in shell lines or on a page."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        line = line.strip().lstrip("`")
        for part in re.split(r"&&|\|\||;", line):
            words = part.strip()
            if re.match(r"(\S*/)?maskedface \w", words) and " ... " not in words:
                yield shlex.split(words, comments=True)[1:]


def code_lines(page: Path) -> str:
    """All fenced and indented code of a page."""
    text = page.read_text(encoding="utf-8")
    fenced = "\n".join(block.text for block in blocks(page) if block.language in ("sh", "bash"))
    outside = BLOCK.sub("", text)
    indented = [line for line in outside.splitlines() if line.startswith("    ")]
    return fenced + "\n" + "\n".join(indented)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_understood(page: Path) -> None:
    for words in commands(code_lines(page)):
        assert words[0] in COMMANDS, words
        command = importlib.import_module(f"maskedface.cli.{words[0]}")
        parser = argparse.ArgumentParser(words[0], exit_on_error=False)
        command.add_arguments(parser)
        try:
            parser.parse_args(words[1:])
        except (SystemExit, argparse.ArgumentError) as error:
            pytest.fail(f"{page.name}: maskedface {shlex.join(words)}: {error}")


def test_every_command_of_the_docs_was_looked_at() -> None:
    seen = {words[0] for page in PAGES for words in commands(code_lines(page))}
    assert seen == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_extra_that_is_named_exists(page: Path) -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    text = page.read_text(encoding="utf-8")
    named = {
        extra
        for group in re.findall(r"pip install (?:-e )?[\"']?(?:\.|maskedface)\[([\w,-]+)\]", text)
        for extra in group.split(",")
    }
    assert named <= set(config["options.extras_require"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_names_what_there_is(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python":
            for node in ast.walk(ast.parse(block.text)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                    "maskedface"
                ):
                    module = importlib.import_module(str(node.module))
                    assert all(getattr(module, name.name) for name in node.names)


RUN = [page for page in PAGES if any(not block.why for block in blocks(page))]


# The pages train, evaluate and export.
@pytest.mark.long
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "MY_FACES" in page.read_text(encoding="utf-8"):
        synthetic.draw_people("MY_FACES", people=2, photos=8, size=128)
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.why or block.language not in ("sh", "bash", "python"):
            continue
        if block.language == "python":
            exec(compile(block.text, f"{page.name}, block {block.number}", "exec"), names)
            continue
        run = list(commands(block.text))
        assert run, f"{page.name}, block {block.number} runs nothing: mark it"
        for words in run:
            shorter = ["--set", "epochs=1", "--seeds", "0"] if words[0] == "train" else []
            assert main([*words, *shorter]) == 0, shlex.join(words)
