"""The paper's recipes on arrays in memory, as `train` runs them."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import numpy as np

from ._frame import PEOPLE


def whole_recipe(network: Any, data: tuple[np.ndarray, ...], epochs: int) -> dict[str, float]:
    """Trains a network's learner on frozen features, as `train` does.

    Args:
        network: not compiled.
        data: training faces, their labels, test faces, their labels.
        epochs: int, how many of the recipe's.

    Returns:
        Seconds of the frozen "features", of the "whole" with compiling, and of "an epoch" without.
    """
    from maskedface.training.batches import RowBatches, TrainingBatches
    from maskedface.training.feature_cache import prepare_inputs
    from maskedface.training.network import compile_network

    recipe = network.recipe
    train, labels, test, test_labels = data
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        faces = data_of(network, train, labels, np.zeros(len(train), bool), test)
        inputs = prepare_inputs(network, faces, folder, progress=False)
        assert inputs.has_features, inputs.facts
        computed = time.perf_counter() - start
        words = {"batch_size": recipe.batch_size, "epochs": recipe.epochs, "has_features": True}
        batches = TrainingBatches(inputs.train, faces.plan, **words)
        validation = RowBatches(inputs.test, test_labels, np.arange(len(test)))
        steps = -(-len(train) // recipe.batch_size)
        compile_network(inputs.learner, network, steps)
        quickest = quickest_epoch(inputs.learner, batches, epochs, steps, validation)
        whole = time.perf_counter() - start
    return {"features": computed, "whole": whole, "an epoch": quickest}


def paper_network(recipe: Any, backbone: Any, people: int = PEOPLE) -> Any:
    """A recipe's network for so many people, not compiled."""
    from maskedface.training.network import network_of

    return network_of(recipe, backbone, [f"{number:04d}" for number in range(people)])


def data_of(
    network: Any, train: np.ndarray, labels: np.ndarray, masked: np.ndarray, test: np.ndarray
) -> Any:
    """Faces in memory, as `training.data.read_data` gives them; their rows are no files'."""
    from maskedface.datasets import FaceIndex
    from maskedface.datasets.augmentation import Augmentation
    from maskedface.datasets.epoch_plan import EpochPlan
    from maskedface.training.data import Data, Rows

    layers = [layer.build() for layer in network.recipe.augmentation]
    plan = EpochPlan(
        labels,
        masked,
        Augmentation(layers, alignment=network.alignment, size=network.size),
        sampling=network.recipe.sampling,
        with_domains=network.wants_domains,
        classes=len(network.people),
    )
    nobody = FaceIndex("", [])
    return Data(Rows(nobody, nobody, False), train, test, plan)


def quickest_epoch(
    learner: Any, batches: Any, epochs: int, steps: int, validation: Any = None
) -> float:
    """Seconds of the quickest epoch after the first, which compiles; infinite where there is none."""
    import keras

    ends: list[float] = []
    mark = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    learner.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=steps,
        validation_data=validation,
        callbacks=[mark],
        shuffle=False,
        verbose=0,
    )
    return float(np.diff(ends).min(initial=np.inf))
