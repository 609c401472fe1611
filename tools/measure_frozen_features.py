"""Checks on the real ResNet50 that frozen features give the ordinary loop's results.

    python tools/measure_frozen_features.py            # drawn people, random weights; 10 to 20 minutes

Asserts, at 180 px: activations equal bit for bit (float32, not folded); the head's weights within 1e-5
after the whole unmasked recipe; a first step of the masked recipe by SGD within 1e-5; the masked recipe's
final test accuracy by the ordinary loop within the spread of three seeds with features, where each of them
learned something and none everything. Prints what folding, float16 and bfloat16 change in activations.
"""

from __future__ import annotations

import os
import sys
import tempfile

import _tool  # noqa: F401  (quiet)
import keras
import numpy as np

from maskedface import datasets, models, synthetic, training
from maskedface.datasets import FaceIndex
from maskedface.datasets.augmentation import Augmentation
from maskedface.datasets.face_index import Domain
from maskedface.recipes import PAPER_MASKED_DIRECT, PAPER_UNMASKED, Recipe
from maskedface.training import Run
from maskedface.training.frozen_layers import frozen_prefix

BOTH: dict[Domain, float] = {"masked": 1.0, "unmasked": 1.0}
Rows = tuple[FaceIndex, FaceIndex]


def main() -> int:
    """Runs the checks.

    Returns:
        0; a failed one raises AssertionError.
    """
    with tempfile.TemporaryDirectory() as folder:
        index = synthetic.draw_people(os.path.join(folder, "faces"), people=10, photos=12, size=180)
        parts = datasets.split_by_image(index)
        keras.utils.set_random_seed(0)
        backbone = os.path.join(folder, "resnet50.keras")
        net = models.ResNet50(None, (180, 180, 3))
        chips = datasets.read_aligned_faces(parts[0], size=180, alignment="vggface2")
        _set_statistics(net, chips[:64])
        net.save(backbone)

        def train(recipe: Recipe, name: str, seed: int = 0, rows: Rows = parts) -> Run:
            return training.train(
                recipe,
                *rows,
                run_dir=os.path.join(folder, name),
                backbone=backbone,
                seed=seed,
                progress=False,
            )

        _features(net, chips)
        unmasked = PAPER_UNMASKED.override(batch_size=32, train_on=BOTH)
        quick, slow = train(unmasked, "u"), train(unmasked.override(features="off"), "u-off")
        print(f"unmasked recipe: head's weights {_apart(quick, slow):.1e} apart")
        assert _apart(quick, slow) < 1e-5
        masked = PAPER_MASKED_DIRECT.override(train_on=BOTH)
        # One step of the recipe's own batch, by the gradient itself: Adam's first step is its sign, and
        # folding changes the last digits of those near nothing.
        first = masked.override("optimizer=SGD", "optimizer.learning_rate=0.01", epochs=1)
        some = parts[0].faces[:: len(parts[0]) // first.batch_size][: first.batch_size]
        step = FaceIndex(index.root, some), parts[1]
        ordinary_first = train(first.override(features="off"), "s-off", rows=step)
        apart = _apart(train(first, "s", rows=step), ordinary_first)
        print(f"masked recipe: weights {apart:.1e} apart after the first step")
        assert apart < 1e-5
        ordinary = train(masked.override(features="off"), "m-off")
        seeds = [train(masked, f"m-{seed}", seed) for seed in (0, 1, 2)]
        print(f"masked recipe, ordinary loop, seed 0: {_accuracy(ordinary):.3f}")
        with_features = [_accuracy(run) for run in seeds]
        print("with features, seeds 0, 1, 2:", ", ".join(f"{value:.3f}" for value in with_features))
        assert min(with_features) >= 2 / len(index.people) and max(with_features) < 1
        assert min(with_features) <= _accuracy(ordinary) <= max(with_features)
    return 0


def _set_statistics(net: keras.Model, faces: np.ndarray) -> None:
    """Gives random weights the batch statistics of faces, without which values grow at each block."""
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    keras.Model(net.input, net.output)(faces, training=True)
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9


def _features(net: keras.Model, chips: np.ndarray) -> None:
    models.freeze(net, "layer3")
    folded = frozen_prefix(
        PAPER_MASKED_DIRECT, net, Augmentation(alignment="vggface2", size=net.input_shape[1])
    )
    assert not isinstance(folded, str)
    whole = keras.Model(net.input, [folded.boundary, net.output])
    whole.jit_compile = False
    right = np.asarray(whole.predict_on_batch(chips[:32])[0])
    found = models.predict(keras.Model(net.input, folded.boundary), chips[:32])
    assert (right == found).all()
    largest = abs(right).max()
    print("activations after layer3, not folded: bit for bit those of the whole network")
    for name, other in (
        ("folding", models.predict(folded.model, chips[:32])),
        ("float16", found.astype("float16")),
        ("bfloat16", models.predict(models.with_precision(folded.model, "bfloat16"), chips[:32])),
    ):
        print(
            f"  {name} changes them by {abs(other.astype('float32') - right).max() / largest:.1e}"
        )


def _apart(one: Run, other: Run) -> float:
    pairs = zip(one.model.get_weights(), other.model.get_weights(), strict=True)
    return max(float(abs(a - b).max()) for a, b in pairs)


def _accuracy(run: Run) -> float:
    return float(run.metrics["masked"]["accuracy"])


if __name__ == "__main__":
    sys.exit(main())
