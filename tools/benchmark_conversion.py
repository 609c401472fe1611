"""Times the conversion of a synthetic 165 MB VGGFace2 pickle, and measures its peak memory.

    python tools/benchmark_conversion.py

Writes the pickle as Python 2 did, into a temporary folder (it needs 260 MB), and prints seconds and
megabytes above Keras with the empty model. Linux only: memory is read from /proc.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import _tool


def main() -> int:
    """Makes the file, and converts it in a process of its own.

    Returns:
        The exit code.
    """
    parser = _tool.parser(__doc__)
    parser.add_argument("--run", nargs=2, metavar=("COMMAND", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        return _run(*arguments.run)
    from tests.conversion import layout_files

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "resnet50_ft_weight.pkl")
        layout_files.write_python2_pickle(path, layout_files.random_network(64))
        print(f"file: {path.stat().st_size:,} bytes")
        codes = [
            subprocess.run(
                [sys.executable, __file__, "--run", name, str(path)], check=False
            ).returncode
            for name in ("load", "convert")
        ]
        return max(codes)


def _run(command: str, source: str) -> int:
    from maskedface import models
    from maskedface.models.converting import convert_weights

    backbone = models.ResNet50(weights=None)  # `convert` builds one of its own in its place
    before = _tool.megabytes("VmRSS")
    _clear_peak()
    run = {
        "load": lambda: models.load_weights(backbone, source),
        "convert": lambda: convert_weights(source, f"{source}.weights.h5"),
    }
    seconds = _tool.timed(run[command])
    peak = _tool.megabytes("VmHWM") - before
    print(f"{command}: {seconds:.2f} s, peak {peak:.0f} MB above the empty model")
    return 0


def _clear_peak() -> None:
    # So that the peak of Keras' own start does not hide ours.
    Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    sys.exit(main())
