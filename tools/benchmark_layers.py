"""Masks and jitter in tf.data: the layers' graph operations against NumPy and OpenCV.

    python tools/benchmark_layers.py [--rounds 8] [--batches 100]

Batches of 64 faces of 150 px, uint8, two parallel calls. Each round reads every way once, in turn. Printed
are microseconds an image by the clock (median over the rounds), the processor's time an image and as a
multiple of the clock's, and the throughput against NumPy's in the same round. Where other programs hold
the cores, look at the processor's time.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import _tool
import cv2
import numpy as np

BATCH, SIZE = 64, 150


def numpy_jitter(images: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """What `layers.RandomFaceJitter(1.0).transform` computes, by OpenCV, image by image.

    Args:
        images: uint8 array, shape (batch, height, width, 3), RGB.
        draws: float array, shape (batch, 6), in [0, 1).

    Returns:
        uint8 array of the images' shape.
    """
    found = np.empty_like(images)
    height, width = images.shape[1:3]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    for row, image in enumerate(images):
        turn, zoom, right, down, contrast, brightness = 2 * draws[row].astype("float64") - 1
        cos, sin = np.cos(0.12 * turn), np.sin(0.12 * turn)
        linear = (1 + 0.1 * zoom) * np.array([[cos, -sin], [sin, cos]])
        shift = middle - linear @ middle + 0.04 * width * np.array([right, down])
        moved = cv2.warpAffine(
            image,
            np.column_stack([linear, shift]),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        mean = float(moved.mean())
        levels = mean + (1 + 0.3 * contrast) * (np.arange(256) - mean) + 30 * brightness
        found[row] = cv2.LUT(moved, levels.round().clip(0, 255).astype("uint8"))
    return found


def main() -> int:
    """Runs the benchmark and prints its table.

    Returns:
        The exit code.
    """
    parser = _tool.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--batches", type=int, default=100, help="read in each round")
    args = parser.parse_args()
    ways = _ways(args.batches)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(args.rounds + 1):
        for name, dataset in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in dataset:
                pass
            spent = (time.perf_counter() - wall, time.process_time() - cpu)
            if turn:  # the first one traces and compiles
                times[name].append(spent)
    count = args.batches * BATCH
    for name, rounds in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = [
            n[0] / own[0]
            for n, own in zip(times[name.split(", ")[0] + ", NumPy"], rounds, strict=True)
        ]
        print(
            f"{name:15} {1e6 * wall / count:7.0f} us an image, processor {1e6 * cpu / count:5.0f} "
            f"({statistics.median(c / w for w, c in rounds):.2f} of the clock), "
            f"throughput {statistics.median(ratios):.2f} of NumPy's"
        )
    return 0


def _ways(batches: int) -> dict[str, Any]:
    import tensorflow as tf

    from maskedface import layers
    from maskedface.synthetic import draw_face

    faces = np.stack([draw_face(n % 16, n // 16, False, size=SIZE) for n in range(BATCH)])
    draws = np.random.default_rng(0).uniform(size=(batches, BATCH, 9)).astype("float32")
    mask = layers.RandomMask(0.5, alignment="arcface", seed=0)
    mask.build((None, SIZE, SIZE, 3))
    jitter = layers.RandomFaceJitter(1.0)

    def numpy_way(function: Any) -> Any:
        def run(images: Any, draws: Any) -> Any:
            return tf.numpy_function(function, [images, draws], tf.uint8, stateful=False)

        return run

    def numpy_mask(images: np.ndarray, draws: np.ndarray) -> np.ndarray:
        return mask.bank.lay(images, mask.choices(draws[:, :3]))

    def layer_mask(images: Any, draws: Any) -> Any:
        return mask.transform(images, draws[:, :3])

    def layer_jitter(images: Any, draws: Any) -> Any:
        return jitter.transform(images, draws[:, 3:])

    ways = {
        "both, NumPy": numpy_way(lambda x, d: numpy_jitter(numpy_mask(x, d), d[:, 3:])),
        "both, layers": lambda x, d: layer_jitter(layer_mask(x, d), d),
        "masks, NumPy": numpy_way(numpy_mask),
        "masks, layers": layer_mask,
        "jitter, NumPy": numpy_way(lambda x, d: numpy_jitter(x, d[:, 3:])),
        "jitter, layers": layer_jitter,
    }
    source = tf.data.Dataset.from_tensor_slices(draws)
    source = source.map(lambda d: (tf.constant(faces), tf.ensure_shape(d, (BATCH, 9))))
    return {
        name: source.map(
            tf.autograph.experimental.do_not_convert(way), num_parallel_calls=2
        ).prefetch(2)  # as `as_tf_dataset` has it
        for name, way in ways.items()
    }


if __name__ == "__main__":
    sys.exit(main())
