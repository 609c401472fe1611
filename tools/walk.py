"""Walks through pages as a reader would: runs every command, takes its time, keeps what is seen.

python -m venv /tmp/walk && /tmp/walk/bin/pip install "DIST/maskedface.whl[demo,detect,report]"
python tools/walk.py --bin /tmp/walk/bin --out docs/pictures/walk \\
    docs/tutorials/photographs.md docs/tutorials/paper.md > steps.md   # or --first "maskedface demo"

The commands of `--bin` are run in an empty folder, in a terminal of 100 columns. Each one's last lines
become an SVG, and what is printed is the part of docs/walkthrough.md from its first step on.
"""

from __future__ import annotations

import os
import pty
import re
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import _tool
from doc_blocks import Block, blocks
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

COLUMNS, LINES = 100, 24
# Without the fonts that the format would fetch.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.S)
# How TensorFlow begins; written before its logging starts.
NOTES = re.compile(
    r"^(?:[IWEF]\d{4} |WARNING: All log messages|To enable the following|INFO: Created)"
)


class Step(NamedTuple):
    """A command that was run: its words, seconds of the clock and of the processor, code, output."""

    words: str
    clock: float
    processor: float
    code: int
    output: str


def steps(page: Path) -> list[list[str]]:
    """What a page has its reader run, as arguments; a Python block is one command."""
    found: list[list[str]] = []
    for block in blocks(page):
        if not block.why:
            found += commands(block)
    return found


def commands(block: Block) -> list[list[str]]:
    """The commands of one block."""
    if block.language == "python":
        return [["python", "-c", block.text]]
    if block.language != "sh":
        return []
    text = re.sub(r"\\\n\s*", "", block.text)
    return [["bash", "-c", line] for line in text.splitlines() if line.strip()]


def run(words: list[str], folder: Path, programs: Path) -> Step:
    """Runs a command in a terminal of its own."""
    screen, end = pty.openpty()
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": str(COLUMNS),
        "TERM": "xterm-256color",
    }
    environment.pop("PYTHONPATH", None)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen(words, cwd=folder, env=environment, stdout=end, stderr=end)
    os.close(end)
    output = b""
    while True:
        try:
            read = os.read(screen, 65536)
        except OSError:  # the other end is closed
            break
        if not read:
            break
        output += read
    code = process.wait()
    clock, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Step(words[-1].strip(), clock, spent, code, output.decode("utf-8", "replace"))


def seen(output: str) -> str:
    """The last lines that a terminal shows: of a line written over and over, its end."""
    lines = [line.rstrip("\r").split("\r")[-1] for line in output.split("\n")]
    shown = [line for line in lines if line.strip() and not NOTES.match(line)]
    return "\n".join(shown[-LINES:])


def picture(step: Step, path: Path) -> None:
    """What is seen of a step, as an SVG."""
    # Bytes go nowhere: the picture is what counts.
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        text = Text.from_ansi(seen(step.output))
        console.print(text, soft_wrap=False)
        svg = console.export_svg(title="", code_format=FORMAT, unique_id=path.stem)
    path.write_text(svg, encoding="utf-8")


def main() -> None:
    """Walks and prints Markdown."""
    words = _tool.parser(__doc__)
    words.add_argument("pages", nargs="+", type=Path)
    words.add_argument("--bin", required=True, type=Path, help="of the environment walked in")
    words.add_argument("--out", required=True, type=Path)
    words.add_argument("--first", nargs="*", default=[], help="commands before those of the pages")
    args = words.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    first = [["bash", "-c", command] for command in args.first]
    parts = {"README.md": first, **{str(page): steps(page) for page in args.pages}}
    number = 0
    with tempfile.TemporaryDirectory() as name:
        for page, found in parts.items():
            print(f"## {page}\n", flush=True)
            for one in found:
                number += 1
                step = run(one, Path(name), args.bin.resolve())
                path = args.out / f"step{number:02d}.svg"
                language = "sh" if one[0] == "bash" else "python"
                print(f"<!-- not run: the walk -->\n```{language}\n{step.words}\n```\n")
                print(f"{step.clock:.0f} s, {step.processor:.0f} s of the processor", end="")
                print("." if step.code == 0 else f"; exit code {step.code}.", flush=True)
                if seen(step.output):
                    picture(step, path)
                    print(f"\n![What the terminal shows](pictures/walk/{path.name})")
                print()


if __name__ == "__main__":
    main()
