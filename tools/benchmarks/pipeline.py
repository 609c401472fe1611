"""`as_tf_dataset`: cold against decoding alone, warm against a training step."""

from __future__ import annotations

import argparse
import collections
import functools
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

from ._frame import SIZE, add_images, all_in_turn
from ._paper import paper_network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own words."""
    add_images(parser)
    parser.add_argument("--jpeg-size", type=int, default=250, help="of the files, in pixels")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Runs it, prints its table and returns what is to be kept."""
    import keras
    import tensorflow as tf

    from maskedface import datasets, models, recipes, synthetic
    from maskedface.training.network import compile_network

    with tempfile.TemporaryDirectory() as folder:
        people = -(-args.images // 20)
        index = synthetic.draw_people(folder, people=people, photos=10, size=args.jpeg_size)
        paths = [os.fspath(path) for path in index.paths]

        chips = datasets.read_aligned_faces(index, size=SIZE, alignment="vggface2")
        mirror = keras.layers.RandomFlip("horizontal")
        ours: dict[str, Any] = {"image_size": SIZE, "shuffle": True, "augmentation": [mirror]}
        # Built once: tracing their functions is start-up. Single images never reach Python: that
        # would slow decode_jpeg down.
        sources = {
            "decode_jpeg alone": tf.data.Dataset.from_tensor_slices(paths)
            .map(
                lambda path: tf.io.decode_jpeg(tf.io.read_file(path), channels=3),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
            .filter(lambda image: False),
            "ours cold": datasets.as_tf_dataset(index, **ours),
            "ours warm": datasets.as_tf_dataset(index, **ours, cache=chips),
        }
        kept = []  # an iterator that is let go of waits for its autotuning to wake up

        def drain(source: tf.data.Dataset) -> None:
            kept.append(iter(source))
            collections.deque(kept[-1], maxlen=0)

        runs: dict[str, tuple[int, Callable[[], Any]]] = {
            name: (len(index), functools.partial(drain, source)) for name, source in sources.items()
        }
        result = all_in_turn(args, runs, "ms an image", "decode_jpeg alone")
        recipe = recipes.PAPER_MASKED
        backbone = models.ResNet50(None, (SIZE, SIZE, 3))
        network = paper_network(recipe, backbone, len(index.people))
        compile_network(network.learner, network, 10)
        batches = datasets.as_tf_dataset(index, **ours, cache=chips)
        waits, whole = _waiting(network.learner, batches)
    step = whole / (10 * recipe.batch_size) * 1000
    print(
        f"training step: {step:.1f} ms an image, {step / result['medians']['ours warm']:.0f}x warm;"
    )
    print(f"steps waited {100 * waits / whole:.2f} % of the time")
    return result | {"step_ms": step, "waited_share": waits / whole}


def _waiting(model: Any, source: Any) -> tuple[float, float]:
    """Seconds that ten steps waited for their batches, and seconds in all."""
    batches = iter(source.repeat(20))
    model.train_on_batch(*next(batches))
    start, waited = time.perf_counter(), 0.0
    for _ in range(10):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        model.train_on_batch(*batch)
    return waited, time.perf_counter() - start
