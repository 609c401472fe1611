"""Times the conversion of a 250 MB IResNet-100 ONNX file of random weights, and the embedding afterwards.

    python tools/benchmark_onnx_conversion.py [--blocks 3,13,30,3] [--batch 32] [--rounds 5]

torch writes the file from a twin (it needs `pip install torch` and 800 MB on disk). It is converted by
`maskedface weights convert` in a process of its own, whose highest memory is printed; then ONNX Runtime on
the original file and our network embed the same batch in turn. Linux only: memory is read from /proc.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SIDE = 112


def main() -> int:
    """Makes the file, converts it and times both.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", default="3,13,30,3", help="residual blocks a stage")
    parser.add_argument("--batch", type=int, default=32, help="faces at a time")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is printed")
    parser.add_argument(
        "--without-jax",
        action="store_true",
        help="as where JAX is not installed: Keras imports it where it is, which takes 110 MB",
    )
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if arguments.run:
        source, out = arguments.run
        return _convert(source, out, arguments.without_jax)
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "net.onnx"), Path(folder, "ours.weights.h5")
        # In a process of its own, so that torch holds no memory or threads here.
        code = "from tests.conversion import onnx_exports as e; import sys; e.write(*sys.argv[1:])"
        blocks = ["64", arguments.blocks, str(SIDE), "512"]
        _python("-W", "ignore", "-c", code, str(source), *blocks)
        print(f"file: {source.stat().st_size:,} bytes", flush=True)
        words = ["--without-jax"] if arguments.without_jax else []
        _python(__file__, "--run", str(source), str(out), *words)
        _compare(str(source), str(out), arguments.batch, arguments.rounds)
    return 0


def _python(*words: str) -> None:
    subprocess.run([sys.executable, *words], check=True, cwd=ROOT)


def _convert(source: str, out: str, without_jax: bool) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    start = time.perf_counter()
    if without_jax:
        sys.modules["jax"] = None  # type: ignore[assignment]
    from maskedface.models.converting import convert_weights

    facts = convert_weights(source, out)
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 2**20
    own = os.times()
    print(
        f"convert: {seconds:.1f} s with the start of Keras (processor: {own.user + own.system:.1f} s), "
        f"at most {peak:.2f} GiB; {len(facts['folded'])} batch norms folded, {facts['probed']}",
        flush=True,
    )
    return 0


def _compare(source: str, out: str, batch: int, rounds: int) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import onnxruntime

    from maskedface import models

    faces = np.random.default_rng(0).integers(0, 256, (batch, SIDE, SIDE, 3), "uint8")
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    values = np.ascontiguousarray((faces.astype("float32") / 127.5 - 1).transpose(0, 3, 1, 2))
    network = models.IResNet.from_preset(out)
    folded = models.fold_batch_norm(network)
    ways: dict[str, Callable[[], np.ndarray]] = {
        "ONNX Runtime": lambda: session.run(None, {image.name: values})[0],
        "ours": lambda: models.predict(folded, faces),
        "ours, not folded": lambda: models.predict(network, faces),
    }
    right = ways["ONNX Runtime"]()
    for name, way in ways.items():
        apart = np.abs(way() - right).max() / np.abs(right).max()  # and it is traced
        print(f"{name}: {apart:.1e} of the largest value from ONNX Runtime", flush=True)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start, busy = time.perf_counter(), time.process_time()
            way()
            seconds[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - busy)
    base = {
        k: statistics.median(one["ONNX Runtime"]) for k, one in (("s", seconds), ("p", processor))
    }
    for name in ways:
        one, busy = statistics.median(seconds[name]), statistics.median(processor[name])
        print(
            f"{name}: {1000 * one / batch:.1f} ms a face "
            f"[{1000 * min(seconds[name]) / batch:.1f}, {1000 * max(seconds[name]) / batch:.1f}], "
            f"{base['s'] / one:.2f} times ONNX Runtime's speed; by processor time {base['p'] / busy:.2f}"
        )


if __name__ == "__main__":
    sys.exit(main())
