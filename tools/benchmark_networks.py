"""What every network of `models` costs: parameters, megabytes, milliseconds an image.

    python tools/benchmark_networks.py [NAME ...] [--rounds 5] [--batch 32] [--threads 2] [--json FILE]

Weights are random, as speed does not depend on them. Each network is built, runs one batch to be traced,
and is let go after its rounds. Timed is one batch through `models.predict` with the batch norms folded
(`models.fold_batch_norm`), as exports run it: medians over the rounds, by the clock and of the
processor's time, all cores together. Printed are the rows of the table in docs/networks.md. Where other
programs hold the cores, the clock's times are too long; look at the processor's.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

# (name in `models`, words that build it), in the table's order.
NETWORKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("DlibResNet29", {}),
    ("ResNet50", {}),
    ("SENet50", {}),
    ("VGGFace", {}),
    ("InceptionResNetV1", {}),
    *(("IResNet", {"depth": depth}) for depth in (18, 34, 50, 100, 200)),
    *(("AdaFaceIR", {"depth": depth}) for depth in (18, 34, 50, 101)),
)


def measure(name: str, words: dict[str, Any], batch: int, rounds: int) -> dict[str, Any]:
    """Builds a network and times it.

    Args:
        name: the network's name in `models`.
        words: what else it is called with.
        batch: int >= 1, images a batch.
        rounds: int >= 1, timed batches.

    Returns:
        {"network", "parameters", "megabytes" (float32), "pixels", "numbers", "ms" an image by the clock,
        "processor_ms" of it on all cores together}.
    """
    import keras

    from maskedface import models

    keras.backend.clear_session()
    network = getattr(models, name)(None, **words)
    _, height, _, channels = network.input_shape
    facts = {
        "network": name + (f"(depth={words['depth']})" if words else ""),
        "parameters": network.count_params(),
        "megabytes": network.count_params() * 4 / 1e6,
        "pixels": height,
        "numbers": network.output_shape[-1],
    }
    folded = models.fold_batch_norm(network)
    del network
    images = np.random.default_rng(0).integers(0, 256, (batch, height, height, channels), "uint8")
    models.predict(folded, images, batch)
    times, processor = [], []
    for _ in range(rounds):
        start, used = time.perf_counter(), time.process_time()
        models.predict(folded, images, batch)
        times.append((time.perf_counter() - start) * 1000 / batch)
        processor.append((time.process_time() - used) * 1000 / batch)
    return facts | {"ms": statistics.median(times), "processor_ms": statistics.median(processor)}


def main() -> int:
    """Measures the networks and prints their table.

    Returns:
        The exit code.
    """
    names = list(dict.fromkeys(name for name, _ in NETWORKS))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="*", metavar="NAME", help=f"of {names}; by default all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2, help="of TensorFlow, in one operation")
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    if not set(args.name) <= set(names):
        parser.error(f"NAME must be of {names}. Received: {args.name}")

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rows = []
    print(
        "| network | parameters | MB | px | numbers | ms an image | processor ms |\n|" + "---|" * 7
    )
    for name, words in NETWORKS:
        if not args.name or name in args.name:
            row = measure(name, words, args.batch, args.rounds)
            print(
                f"| `{row['network']}` | {row['parameters']:,} | {row['megabytes']:.0f} | {row['pixels']} "
                f"| {row['numbers']} | {row['ms']:.1f} | {row['processor_ms']:.0f} |",
                flush=True,
            )
            rows.append(row)
            gc.collect()
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
