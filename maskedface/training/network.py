"""The network of a run: the recipe's backbone, head and loss, with their initial weights."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from maskedface import models
from maskedface.evaluation import Cohort
from maskedface.models.embedding import unjoined
from maskedface.models.feature_map import check_joinable, has_map, unmapped
from maskedface.models.heads import SideBySide, cosine_head, for_people, with_head
from maskedface.models.settings import in_float32
from maskedface.recipes import Recipe
from maskedface.training.backbones import Start
from maskedface.training.data import Rows
from maskedface.training.many_steps import compile_steps_together
from maskedface.training.run import Run


@dataclass
class Network:
    """A backbone with a recipe's head and loss.

    Attributes:
        recipe: the experiment.
        backbone: images -> embeddings, with layers frozen according to the recipe.
        learner: images -> the loss' input.
        head: the last layer, after the embedding.
        loss: the recipe's loss.
        people: the people's names, in the order of the classes.
        size: int, height and width of the images in pixels.
        alignment: the images' alignment, a key of `geometry.ALIGNMENTS`.
        names_people: bool, whether the learner has one output per person.
        wants_domains: bool, whether the loss needs each face's domain in addition to its label.
        cohort: the cohort for score normalization in a closed set, or None.
        mapped: the backbone joined with its feature map (`models.map_join`), as in the untrained
            run it starts from; None if the run has to join it itself, or does not.
        has_start: bool, whether the head's weights are those of an earlier run.
    """

    recipe: Recipe
    backbone: keras.Model
    learner: keras.Model
    head: keras.layers.Layer
    loss: keras.losses.Loss
    people: tuple[str, ...]
    size: int
    alignment: str
    names_people: bool
    wants_domains: bool
    cohort: Cohort | None = None
    mapped: keras.Model | None = None
    has_start: bool = False


def build_network(recipe: Recipe, start: Start, rows: Rows) -> Network:
    """Builds a run's network and sets its initial weights.

    Args:
        recipe: the experiment.
        start: the backbone, and the earlier run whose weights are loaded, if any.
        rows: the training and test rows.

    Returns:
        The network, not compiled.

    Raises:
        ValueError: as `network_of`; if the earlier run has another backbone; or if the recipe uses
            the earlier run's cohort but views faces differently.
    """
    before = start.before
    network = network_of(recipe, start.build(recipe.image_size), rows.train.people)
    if recipe.map_join:
        check_joinable(network.backbone)
        if not has_map(network.backbone):
            logging.getLogger("maskedface").warning(
                "map_join has no effect: %r has no feature map of 3 x 3 positions",
                network.backbone.name,
            )
    if not rows.is_open:
        network.cohort = _cohort_of_start(recipe, before)
    if before is not None:
        network.has_start = _take_over(network, before)
    return network


def network_of(recipe: Recipe, backbone: keras.Model, people: Sequence[str]) -> Network:
    """Adds the recipe's head to a backbone and freezes the recipe's frozen layers.

    Args:
        recipe: the experiment.
        backbone: images -> embeddings; its `trainable` flags are changed, or it is copied if the
            recipe uses another precision.
        people: at least two names, one per class.

    Returns:
        The network, not compiled.

    Raises:
        ValueError: if the backbone has no stage with the recipe's name, a layer or loss rejects its
            arguments, or the head does not have one output per person although the recipe keeps it.
    """
    if recipe.precision != "float32":
        backbone = models.with_precision(backbone, recipe.precision)
    models.freeze(backbone, recipe.freeze_through, recipe.batch_norm)
    with in_float32():
        loss = recipe.loss.build()
        head = for_people(_head(recipe, loss), len(people), backbone)
        learner = with_head(backbone, head)
    network = Network(
        recipe=recipe,
        backbone=backbone,
        learner=learner,
        head=head,
        loss=loss,
        people=tuple(people),
        size=int(backbone.input_shape[1]),
        alignment=models.alignment_of(backbone),
        names_people=learner.output_shape == (None, len(people)),
        wants_domains=bool(getattr(loss, "wants_domains", False)),
    )
    _check_head(network)
    return network


def _check_head(network: Network) -> None:
    recipe = network.recipe
    if recipe.head_final == "trained" and not network.names_people:
        raise ValueError(
            "head_final must be 'class_means' or 'photo_means' unless the head has one output per "
            f"person. Received: {recipe.head} of shape {network.learner.output_shape}, "
            f"{len(network.people)} people"
        )
    reads = getattr(network.loss, "reads", None)
    beside = network.head.parts[-1] if isinstance(network.head, SideBySide) else None
    if reads is not None and not isinstance(beside, reads):
        raise ValueError(
            f"head must be models.SideBySide([models.CosineHead(), losses.{reads.__name__}()]) for this "
            f"loss. Received: head={recipe.head}, loss={recipe.loss}"
        )
    keeps_cosines = recipe.head_final == "trained" and (recipe.mirror_join or recipe.cohort > 0)
    needs_cosines = recipe.head_init != "random" or keeps_cosines
    if needs_cosines and cosine_head(network.learner) is None:
        raise ValueError(
            "head must contain a models.CosineHead with head_init='class_means', or with "
            f"mirror_join or a cohort and a trained head. Received: head={recipe.head}"
        )


def compile_network(
    model: keras.Model, network: Network, steps_per_epoch: int, steps_together: int = 1
) -> None:
    """Compiles the trainable model according to the recipe, for `training.train` and for tuning.

    Args:
        model: inputs -> the loss' input; it is compiled in place, with the optimizer's variables
            built.
        network: the network with the recipe.
        steps_per_epoch: int >= 1, batches per epoch.
        steps_together: int >= 1, batches per compiled call (`training.many_steps`).
    """
    recipe = network.recipe
    optimizer = build_optimizer(recipe, steps_per_epoch)
    model.compile(
        optimizer,
        network.loss,
        # If the outputs are not one per person, the largest one identifies nobody.
        metrics=[_accuracy(network)] if network.names_people else [],
        jit_compile="auto" if keras.backend.backend() != "tensorflow" else recipe.jit,
        steps_per_execution=steps_together,
    )
    if steps_together > 1:
        compile_steps_together(model)
    optimizer.build(model.trainable_variables)


def _accuracy(network: Network) -> keras.metrics.Metric:
    """What Keras makes of "accuracy", but with its variables: those of a name are created while the
    step is traced, which TensorFlow then traces again."""
    if network.wants_domains:  # labels are rows with the largest number in the person's column
        return keras.metrics.CategoricalAccuracy("accuracy")
    return keras.metrics.SparseCategoricalAccuracy("accuracy")


def build_optimizer(recipe: Recipe, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """The recipe's optimizer, with the recipe's learning rate schedule, if any.

    Args:
        recipe: the experiment.
        steps_per_epoch: int >= 1, batches per epoch.

    Returns:
        A new optimizer.

    Raises:
        ValueError: if both the recipe and its optimizer have a schedule.
    """
    whole = recipe.whole_schedule()
    if whole is None:
        return recipe.optimizer.build()
    rate = recipe.value_at("optimizer.learning_rate")
    if type(rate) not in (int, float):
        raise ValueError(
            "optimizer.learning_rate must be a number if the recipe has a schedule. "
            f"Received: {rate!r} and schedule={recipe.schedule}"
        )
    schedule = InEpochs(whole.build(), rate, steps_per_epoch)
    return recipe.optimizer.build(learning_rate=keras.saving.serialize_keras_object(schedule))


@keras.saving.register_keras_serializable(package="maskedface")
class InEpochs(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate schedule in units of epochs, multiplied by a rate.

    Args:
        schedule: callable on fractional epochs: with 10 steps per epoch, step 15 is epoch 1.5.
        rate: float >= 0, the factor of the schedule's values.
        steps_per_epoch: int >= 1.
    """

    def __init__(self, schedule: Any, rate: float, steps_per_epoch: int) -> None:
        super().__init__()
        self.schedule, self.rate, self.steps_per_epoch = schedule, rate, steps_per_epoch

    def __call__(self, step: Any) -> Any:
        epoch = keras.ops.cast(step, "float32") / self.steps_per_epoch
        return self.rate * self.schedule(epoch)

    def get_config(self) -> dict[str, Any]:
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "rate": self.rate, "steps_per_epoch": self.steps_per_epoch}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InEpochs:
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(**{**config, "schedule": schedule})


def _cohort_of_start(recipe: Recipe, before: Run | None) -> Cohort | None:
    """The cohort of the run that a closed set starts from, if the network is still that run's."""
    if not recipe.cohort:
        return None
    theirs = None if before is None or recipe.epochs else before.cohort
    if before is None or theirs is None:
        logging.getLogger("maskedface").info(
            "no cohort: a closed set uses that of the run it starts from, untrained (epochs=0)"
        )
        return None
    for field in ("mirror_join", "map_join"):
        value = getattr(recipe, field)
        if value != getattr(before.recipe, field):
            raise ValueError(
                f"{field} must be that of the run whose cohort is used, or cohort 0. "
                f"Received: {field}={value!r}, init={before.path!r}"
            )
    return Cohort(theirs.people, recipe.cohort)


def _head(recipe: Recipe, loss: keras.losses.Loss) -> keras.layers.Layer:
    """The recipe's head; a cosine head without a scale gets that of the loss."""
    if not hasattr(loss, "scale"):  # `losses.WithEmbeddings` holds the loss of the logits
        loss = getattr(loss, "loss", loss)
    scale = getattr(loss, "scale", None)
    takes_margin = getattr(loss, "margin", 1) != 0 or getattr(loss, "deviation", 0) != 0
    head = recipe.head.build()
    for one in head._flatten_layers():
        if isinstance(one, models.CosineHead) and one.scale is None:
            one.scale = scale
        elif isinstance(one, models.CosineHead) and scale not in (None, one.scale) and takes_margin:
            raise ValueError(
                "the scale of a cosine head must equal that of its loss. "
                f"Received: head={recipe.head}, loss={recipe.loss}"
            )
    return head


def _take_over(network: Network, run: Run) -> bool:
    """Loads a run's weights into a network, including the head if its configuration and the people
    are the same.

    Returns:
        Whether the head was loaded; a cohort's offsets in it are left out.
    """
    joined = models.embedder(run.model)
    if run.recipe.mirror_join:
        joined = unjoined(joined)
    ours = network.backbone
    theirs = unmapped(joined) if run.recipe.map_join else joined
    shapes = [[tuple(w.shape) for w in model.weights] for model in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "a run must start from a run of the same backbone. "
            f"Received: {run.path!r} with {len(shapes[1])} weights, {len(shapes[0])} expected, or "
            "with other shapes"
        )
    ours.set_weights(theirs.get_weights())
    recipe = network.recipe
    if recipe.map_join and not recipe.epochs and theirs is not joined:
        network.mapped = models.map_join(ours)
        network.mapped.set_weights(joined.get_weights())
    if tuple(run.record["classes"]) != network.people:
        return False
    return _take_over_head(network, run)


def _take_over_head(network: Network, run: Run) -> bool:
    theirs, ours = cosine_head(run.model), cosine_head(network.learner)
    if theirs is not None and ours is not None:
        if theirs.centers.shape[0] != ours.centers.shape[0]:  # of an embedding joined with its map
            return False
        ours.set_centers(np.asarray(theirs.centers)[:, : len(network.people)])
        return True
    head, trained = network.head, run.model.layers[-1]
    if [w.shape for w in head.weights] != [w.shape for w in trained.weights]:
        return False
    head.set_weights(trained.get_weights())
    return True
