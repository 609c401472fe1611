"""A recipe on Keras' JAX backend, where TensorFlow cannot be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, models
from maskedface.datasets import FaceIndex
from maskedface.training import Run

SCRIPT = """
import sys
from importlib.abc import MetaPathFinder

class NoTensorFlow(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorflow":
            raise ModuleNotFoundError("TensorFlow is not there", name=name)

sys.meta_path.insert(0, NoTensorFlow())
import os
import keras
from maskedface import datasets, training
from maskedface.recipes import Recipe

class Look(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        flags = os.environ["XLA_FLAGS"]
        assert flags.count("--xla_gpu_deterministic_ops=true") == 1, flags

root, folder, backbone = sys.argv[1:]
before = os.environ.get("XLA_FLAGS")
train, test = datasets.split_by_image(datasets.rmfrd(root))
for features in ("auto", "off"):
    recipe = Recipe(name="jax", freeze_through="layer3", epochs=2, batch_size=8, features=features)
    words = {"backbone": backbone, "callbacks": [Look()], "progress": False}
    training.train(recipe, train, test, run_dir=f"{folder}/{features}", **words)
assert os.environ.get("XLA_FLAGS") == before, os.environ["XLA_FLAGS"]
"""


# A process imports JAX and trains.
@pytest.mark.long
@pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
def test_a_recipe_trains_without_tensorflow_and_its_model_agrees(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    words = [str(drawn.root), str(tmp_path), str(tiny_backbone)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for features in ("auto", "off"):
        run = Run(str(tmp_path / features))
        assert run.record["keras_backend"] == "jax" and run.record["versions"]["jax"][0].isdigit()
        assert run.record["frozen_features"]["used"] == (features == "auto")
        chips = datasets.read_aligned_faces(run.split()["test"], size=64, alignment="vggface2")
        ours, theirs = (
            models.predict(run.model, chips),
            run.predictions["logits"],
        )  # TensorFlow's, JAX's
        assert abs(ours - theirs).max() < 1e-4 * abs(theirs).max()
        assert np.isfinite(theirs).all()
