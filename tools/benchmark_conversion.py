"""Times the conversion of a synthetic 165 MB VGGFace2 pickle, and measures its peak memory.

    python tools/benchmark_conversion.py

Writes the pickle as Python 2 did, into a temporary folder (it needs 260 MB), and prints seconds and
megabytes above Keras with the empty model. Linux only: memory is read from /proc.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Makes the file, and converts it in a process of its own.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", nargs=2, metavar=("COMMAND", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        return _run(*arguments.run)
    sys.path.insert(0, str(ROOT))
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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from maskedface import models
    from maskedface.cli import weights

    backbone = models.ResNet50(weights=None)
    before = _memory("VmRSS")
    _clear_peak()
    start = time.perf_counter()
    if command == "load":
        models.load_weights(backbone, source)
    else:
        del backbone  # the command builds its own
        weights.convert(source, f"{source}.weights.h5")
    seconds, peak = time.perf_counter() - start, _memory("VmHWM") - before
    print(f"{command}: {seconds:.2f} s, peak {peak:.0f} MB above the empty model")
    return 0


def _memory(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1000
    raise OSError(f"/proc/self/status must have {field}")


def _clear_peak() -> None:
    # So that the peak of Keras' own start does not hide ours.
    Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    sys.exit(main())
