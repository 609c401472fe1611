"""Times the library against the ordinary ways, side by side in one run, on this machine.

    python -m tools.benchmarks                       # the list of benchmarks
    python -m tools.benchmarks recipe unmasked --rounds 3 --json FILE

Each is a file of this folder. Each round times every way once, in turn; the figures are medians over the
rounds, and the ratios are of figures from the same run. The JSON holds the "benchmark", its "arguments",
the "machine", the "unit", the "times" of every way and their "medians", and what the benchmark adds. Images
are drawn or random where none are given: speed does not depend on what they show. Some need
`pip install torch==2.13.0 onnxruntime tf2onnx`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

NAMES = sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py"))


def main() -> int:
    """Runs one benchmark, prints its table and keeps it where --json says.

    Returns:
        The exit code.
    """
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m tools.benchmarks", description=__doc__, formatter_class=raw
    )
    commands = parser.add_subparsers(dest="benchmark", required=True, metavar="NAME")
    modules = {name: importlib.import_module(f".{name}", __package__) for name in NAMES}
    for name, module in modules.items():
        doc = module.__doc__ or ""
        sub = commands.add_parser(
            name, help=doc.splitlines()[0], description=doc, formatter_class=raw
        )
        sub.add_argument("--rounds", type=int, default=3)
        sub.add_argument("--json", metavar="FILE")
        module.add_arguments(sub)
    args = parser.parse_args()
    result: dict[str, Any] = modules[args.benchmark].run(args)
    told = {k: v for k, v in vars(args).items() if k not in ("json", "benchmark")}
    kept = {"benchmark": args.benchmark, "arguments": told, "machine": _machine(), **result}
    if args.json:
        Path(args.json).write_text(json.dumps(kept, indent=2) + "\n")
    return 0


def _machine() -> dict[str, Any]:
    return {"processors": os.cpu_count(), "name": platform.processor() or platform.machine()}


if __name__ == "__main__":
    sys.exit(main())
