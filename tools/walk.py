"""Walks through pages as a reader would: runs every command, takes its time, keeps what is seen.

python -m venv /tmp/walk && /tmp/walk/bin/pip install "DIST/maskedface.whl[demo,detect,report]"
python tools/walk.py --bin /tmp/walk/bin --out docs/pictures/walk --first "maskedface demo" \\
    --pages README.md docs/tutorials/photographs.md docs/tutorials/paper.md > steps.md

The commands of `--bin` are run in a terminal of 100 columns, in an empty folder per page; for the README
some drawn photographs lie in it. Each command's last lines become an SVG, and what is printed is the part
of docs/walkthrough.md from its first step on.
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


# What a reader of the README has: photographs of their own. Here they are drawn.
OWN = """
from pathlib import Path
from PIL import Image
from maskedface import synthetic

synthetic.draw_people("MY_FACES", people=8, photos=8, size=128)
for person, name in enumerate(["Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana"]):
    Path("people", name).mkdir(parents=True)
    for photo in range(4):
        face = Image.fromarray(synthetic.draw_face(person, photo, False, size=200))
        face.save(f"people/{name}/{photo}.jpg")
Path("photos").mkdir()
for path, person, masked in (("photos/party.jpg", 2, True), ("one.jpg", 6, True), ("other.jpg", 6, False)):
    Image.fromarray(synthetic.draw_face(person, 1, masked, size=200)).save(path)
"""


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
    words.add_argument("--pages", nargs="+", type=Path, required=True)
    words.add_argument("--bin", required=True, type=Path, help="of the environment walked in")
    words.add_argument("--out", required=True, type=Path)
    words.add_argument("--first", nargs="*", default=[], help="commands before those of the README")
    args = words.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    number = 0
    for page in args.pages:
        with tempfile.TemporaryDirectory() as name:
            print(f"## {page}\n", flush=True)
            found = steps(page)
            if page.name == "README.md":
                subprocess.run([args.bin / "python", "-c", OWN], cwd=name, check=True)
                found = [["bash", "-c", command] for command in args.first] + found
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
