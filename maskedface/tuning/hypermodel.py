"""The hypermodel for Keras Tuner: a recipe with some fields to search."""

from __future__ import annotations

import functools
import hashlib
import math
import os
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner

from maskedface import training
from maskedface.datasets import FaceIndex
from maskedface.locks import locked
from maskedface.recipes import Recipe, scenario
from maskedface.training.backbones import build_backbone
from maskedface.training.network import compile_network, network_of
from maskedface.training.run import METRICS, MODEL
from maskedface.tuning.space import Space, check_space, declare, recipe_of

OBJECTIVE = keras_tuner.Objective("val_accuracy", "max")
"""The final rank-1 accuracy on the validation faces of the recipe's `test_on` domain."""


class FaceHyperModel(keras_tuner.HyperModel):
    """A recipe as a hypermodel, for `tuning.search` and for any tuner of Keras Tuner.

    Each fit is a call of `training.train`, so all fields of a recipe can be searched. All trials
    share a folder for decoded faces and frozen features: features with the same boundary, size,
    precision and views are computed once.

    >>> import keras_tuner
    >>> from maskedface import datasets, recipes, synthetic, tuning
    >>> parts = datasets.split_by_image(synthetic.draw_people("people", people=3, photos=2, size=64))
    >>> space = {"optimizer.learning_rate": {"min": 1e-5, "max": 1e-2, "sampling": "log"}}
    >>> model = tuning.FaceHyperModel(recipes.COSINE_MARGIN, space, *parts, folder="trials")
    >>> model.declare_hyperparameters(hp := keras_tuner.HyperParameters())
    >>> hp.values
    {'optimizer.learning_rate': 2e-05}

    Args:
        recipe: the experiment; its own values are the first trial.
        space: the fields to search (`tuning.Space`).
        train: the training rows.
        validation: the rows on which trials are evaluated; never test rows.
        folder: the folder for all files of the trials.
        backbone, weights, alignment: as for `training.train`.
        cache: the folder of decoded faces and frozen features; by default a subfolder of `folder`.

    Raises:
        ValueError: if the space is invalid (`tuning.space.check_space`).
    """

    def __init__(
        self,
        recipe: Recipe,
        space: Space,
        train: FaceIndex,
        validation: FaceIndex,
        *,
        folder: str | os.PathLike[str],
        backbone: str | os.PathLike[str] | keras.Model = "ResNet50",
        weights: str | os.PathLike[str] | None = None,
        alignment: str | None = None,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        check_space(space, recipe)
        self.recipe, self.space = recipe, space
        self.train_rows, self.folder = train, os.fspath(folder)
        network: dict[str, Any] = {"backbone": backbone, "weights": weights, "alignment": alignment}
        self._backbone = functools.partial(build_backbone, **network)
        self._train = functools.partial(
            training.train,
            train=train,
            test=validation,
            cache=os.path.join(self.folder, "cache") if cache is None else cache,
            progress=False,
            **network,
        )

    def declare_hyperparameters(self, hp: keras_tuner.HyperParameters) -> None:
        """Declares the space to Keras Tuner.

        Args:
            hp: the hyperparameters, modified in place.
        """
        declare(self.space, self.recipe, hp)

    def recipe_of(self, hp: keras_tuner.HyperParameters) -> Recipe:
        """The recipe of a trial.

        Args:
            hp: the trial's values.

        Raises:
            ValueError: if the trial's values are incompatible.
        """
        return recipe_of(self.recipe, hp.values)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """The compiled, untrained model of a trial: images -> the loss' input, which for most
        losses are logits."""
        self.declare_hyperparameters(hp)
        recipe = self.recipe_of(hp)
        base = self._backbone(image_size=recipe.image_size)
        network = network_of(recipe, base, self.train_rows.people)
        steps = -(-len(self.train_rows) // recipe.batch_size)
        compile_network(network.learner, network, steps)
        return network.learner

    def fit(
        self,
        hp: keras_tuner.HyperParameters,
        model: keras.Model | None = None,
        *,
        run_dir: str | None = None,
        seed: int = 0,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        **unused: Any,
    ) -> dict[str, float]:
        """Trains and evaluates a trial once; an interrupted one resumes after its last epoch.

        Args:
            hp: the trial's values.
            model: ignored: `training.train` builds its own model with the same functions, after
                setting the seeds for its initial weights.
            run_dir: the run folder; by default named after the recipe and the seed.
            seed: int >= 0.
            callbacks: for `fit`.
            unused: other arguments passed by Keras Tuner's tuners.

        Returns:
            {"val_accuracy": rank-1 accuracy on the validation faces, "val_loss": their loss}.
        """
        recipe = self.recipe_of(hp)
        if run_dir is None:
            digest = hashlib.blake2b(recipe.to_json().encode(), digest_size=8).hexdigest()
            run_dir = os.path.join(self.folder, "runs", digest, f"seed-{seed}")
        if recipe.init:
            recipe = recipe.override(init=self._start(recipe, seed))
        run = self._train(recipe=recipe, run_dir=run_dir, seed=seed, callbacks=callbacks)
        if os.path.exists(os.path.join(run_dir, MODEL)):
            os.remove(os.path.join(run_dir, MODEL))  # one per trial would fill the disk
        report = run.metrics[recipe.test_on]
        return {"val_accuracy": report["accuracy"], "val_loss": report["loss"]}

    def _start(self, recipe: Recipe, seed: int) -> str:
        """The folder of the run that a recipe starts from, which is trained once per seed."""
        *before, _ = scenario(recipe)
        if not before:
            return recipe.init
        folder = os.path.join(self.folder, "start", f"seed-{seed}")
        start = os.path.join(folder, before[-1].name)
        with locked(start, what="train what trials start from", wait=math.inf):
            for step in before:
                if not os.path.exists(os.path.join(folder, step.name, METRICS)):
                    self._train(recipe=step, run_dir=os.path.join(folder, step.name), seed=seed)
        return start
