"""The starting point of a run: a backbone with weights, and optionally an earlier run."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np

from maskedface import models
from maskedface.geometry import ALIGNMENTS, alignment_points
from maskedface.models.config_names import steady_names
from maskedface.models.saved import load_model
from maskedface.models.settings import in_float32, refuse_channels_first
from maskedface.names import did_you_mean, near_path
from maskedface.recipes import Recipe
from maskedface.training.run import Run, alignment_beside, last_run

# Those that take images of any size; the others end in a dense layer over the whole map, or keep the size
# that their weights were trained at.
_OF_ANY_SIZE = ("ResNet50", "SENet50", "InceptionResNetV1")
BACKBONES = (*_OF_ANY_SIZE, "DlibResNet29", "IResNet", "AdaFaceIR", "VGGFace")
RANDOM = "random"  # the weights of a network that nobody trained, where they are meant


Backbone: TypeAlias = str | os.PathLike[str] | keras.Model
"""A backbone's name, a model file, or a model."""


@dataclass(frozen=True)
class Start:
    """The starting point of a run.

    Attributes:
        source: as `backbone` of `build_backbone`.
        weights, alignment: as for `build_backbone`.
        before: the run whose weights are loaded, or None.
    """

    source: Backbone
    weights: str | os.PathLike[str] | None
    alignment: str | None
    before: Run | None

    def build(self, image_size: int) -> keras.Model:
        """The backbone, before another run's weights are loaded."""
        return build_backbone(self.source, self.weights, image_size, self.alignment)

    def facts(self) -> dict[str, Any]:
        """The description for run.json."""
        return {
            "backbone": name_of(self.source),
            "weights": None if self.weights is None else os.fspath(self.weights),
            "init": "" if self.before is None else os.path.abspath(self.before.path),
        }


def find_start(
    recipe: Recipe,
    backbone: Backbone,
    weights: str | os.PathLike[str] | None,
    alignment: str | None,
    run_dir: str,
    seed: int,
) -> Start:
    """Finds the starting point of a run, without building a network.

    Args:
        recipe: the experiment.
        backbone, weights, alignment: as for `training.train`.
        run_dir: the new run's folder.
        seed: int >= 0, the new run's seed.

    Returns:
        The start.

    Raises:
        ValueError: as `refuse_noise`.
        FileNotFoundError: as `earlier_run`.
    """
    refuse_noise(recipe, backbone, weights)
    return Start(backbone, weights, alignment, earlier_run(recipe.init, run_dir, seed))


@in_float32()
def build_backbone(
    backbone: Backbone,
    weights: str | os.PathLike[str] | None,
    image_size: int,
    alignment: str | None = None,
) -> keras.Model:
    """Builds a backbone by name, loads one from a file, or copies a model.

    Args:
        backbone: one of `BACKBONES`; a class of `keras.applications` with built-in preprocessing
            ("EfficientNetV2B0", "ConvNeXtTiny", "MobileNetV3Small", ...: those with
            `include_preprocessing`); the path of a `.keras` file (images -> embeddings); or such a
            model, functional or sequential, which is copied.
        weights: the backbone's `weights` argument (for `keras.applications`: "imagenet" or a file);
            None or "random" for random initialization; None for a `.keras` file, which contains its
            weights.
        image_size: int, input height and width in pixels; a backbone with a fixed size keeps its
            own size, or that of its weights.
        alignment: the alignment the backbone expects, a key of `geometry.ALIGNMENTS`; None if the
            backbone states it (`models.alignment_of`): this library's backbones do, and so do files
            of such models and files in a run folder, whose run.json states it. Required for a class
            of `keras.applications`.

    Returns:
        The backbone, which states its alignment. Those of `keras.applications` end in global
        average pooling.

    Raises:
        ValueError: if a name is unknown, weights are given together with a `.keras` file, no
            alignment is given for a backbone that states none, or Keras' settings do not suit the
            backbone.
    """
    if alignment is not None:
        alignment_points(alignment, 1, 1)  # refuses an unknown one
    if isinstance(backbone, keras.Model):
        return _copied(backbone, weights, image_size, alignment)
    if has_name(backbone) and weights == RANDOM:
        weights = None
    if os.fspath(backbone) in BACKBONES:
        return _of_ours(os.fspath(backbone), weights, image_size, alignment)
    if os.fspath(backbone) in _applications():
        refuse_channels_first()
        if alignment is None:
            raise ValueError(
                "alignment must be given for a backbone of keras.applications "
                f"(--backbone-alignment on the command line), one of {sorted(ALIGNMENTS)}. "
                f"Received: alignment=None, backbone={backbone!r}"
            )
        build = getattr(keras.applications, os.fspath(backbone))
        shape = (image_size, image_size, 3)
        built = build(include_top=False, weights=weights, input_shape=shape, pooling="avg")
        return models.with_alignment(built, alignment)
    if not os.fspath(backbone).endswith(".keras") or not os.path.isfile(backbone):
        known = (*BACKBONES, *_applications())
        raise ValueError(
            f"backbone must be one of {known} or a .keras file. "
            f"Received: backbone={backbone!r}{did_you_mean(backbone, known) or near_path(backbone)}"
        )
    if weights is not None:
        raise ValueError(
            "weights must be None if the backbone is a .keras file, which contains its own. "
            f"Received: weights={weights!r}"
        )
    found = models.embedder(load_model(backbone))
    alignment = alignment or alignment_beside(backbone)
    if alignment is None:
        models.alignment_of(found)  # refuses a model that states none
        return found
    return models.with_alignment(found, alignment)


def _of_ours(
    name: str, weights: str | os.PathLike[str] | None, image_size: int, alignment: str | None
) -> keras.Model:
    words: dict[str, Any] = {} if alignment is None else {"alignment": alignment}
    if name in _OF_ANY_SIZE:
        words["input_shape"] = (image_size, image_size, 3)
    architecture = getattr(models, name)
    # From weights it has their depth and size.
    built: keras.Model = (
        architecture(None, **words)
        if weights is None
        else architecture.from_preset(weights, **words)
    )
    return built


def has_name(backbone: Backbone) -> bool:
    """Whether a backbone is built by its name, rather than a model or a model file."""
    if isinstance(backbone, keras.Model):
        return False
    return os.fspath(backbone) in (*BACKBONES, *_applications())


def has_any_size(backbone: Backbone) -> bool:
    """Whether a backbone is built for the recipe's image size, rather than a fixed one."""
    return has_name(backbone) and backbone not in set(BACKBONES) - set(_OF_ANY_SIZE)


def name_of(backbone: Backbone) -> str:
    """A backbone's name in run.json: its name or path; for a model a hash, which does not depend on
    the numbers in Keras' names of layers and operations."""
    if not isinstance(backbone, keras.Model):
        return os.fspath(backbone)
    config = backbone.get_config() | {"name": ""}
    text = json.dumps(config, default=str, sort_keys=True)
    for number, layer in enumerate(backbone.layers):
        text = text.replace(json.dumps(layer.name), f'"layer {number}"')
    for tensor in backbone.inputs:  # a sequential model's input is none of its layers
        text = text.replace(json.dumps(tensor._keras_history.operation.name), '"input"')
    for name, steady in steady_names(config).items():
        text = text.replace(json.dumps(name), json.dumps(steady))
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for weight in backbone.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return f"keras.Model {digest.hexdigest()}"


def _copied(
    model: keras.Model,
    weights: str | os.PathLike[str] | None,
    image_size: int,
    alignment: str | None,
) -> keras.Model:
    """A copy of the caller's model, which training may modify, at `size` if it accepts any size."""
    if weights is not None:
        raise ValueError(
            f"weights must be None if the backbone is a model. Received: weights={weights!r}"
        )
    shape = model.input_shape[1:] if isinstance(model.input_shape, tuple) else ()
    if len(shape) != 3 or not hasattr(model, "get_layer") or not model.inputs:
        raise ValueError(
            "backbone must be a functional or sequential model of images, shape (batch, height, width, "
            f"3). Received: {model.name!r} of input shape {model.input_shape}"
        )
    model = models.embedder(model)
    size = keras.Input((shape[0] or image_size, shape[1] or image_size, shape[2]), name="image")
    if not isinstance(model, keras.Sequential):  # a list where the model was given one
        size = keras.tree.map_structure(lambda _: size, model.input)
    copy = keras.models.clone_model(model, input_tensors=size)
    copy.set_weights(model.get_weights())
    if alignment is None:
        models.alignment_of(copy)  # refuses a model that states none
        return copy
    return models.with_alignment(copy, alignment)


def _applications() -> tuple[str, ...]:
    """The classes of `keras.applications` with RGB input, 0-255, as all models here have."""
    builders = {
        name: value
        for name, value in vars(keras.applications).items()
        if name[0].isupper() and callable(value)
    }
    return tuple(
        name
        for name, value in builders.items()
        if "include_preprocessing" in inspect.signature(value).parameters
    )


def earlier_run(name: str, run_dir: str, seed: int) -> Run | None:
    """The run that a recipe starts from.

    Args:
        name: the recipe's `init`: "", a run folder's path, or a recipe's name. In a folder of runs
            with several seeds (seed-0/, seed-1/ ...), the run with the same seed is used; in a
            folder of a scenario, the run of its last recipe.
        run_dir: the new run's folder; a recipe's run is next to it, in a folder with the recipe's
            name.
        seed: int, the new run's seed.

    Returns:
        The run, or None if `name` is "".

    Raises:
        FileNotFoundError: if there is no finished run.
    """
    if not name:
        return None
    beside = os.path.join(os.path.dirname(os.path.abspath(run_dir)), name)
    start = name if os.path.isdir(name) else beside
    if not os.path.isdir(start):
        raise FileNotFoundError(
            "init must be a finished run's folder, or a recipe whose run is in a sibling folder "
            f"(training.train_scenario trains it first). Received: {name!r}, no {start!r}"
        )
    of_seed = os.path.join(start, f"seed-{seed}")
    # A run that was begun in the folder that it starts from does not start from itself.
    return last_run(of_seed if os.path.isdir(of_seed) else start, but=run_dir)


def refuse_noise(
    recipe: Recipe,
    backbone: Backbone,
    weights: str | os.PathLike[str] | None,
) -> None:
    """Rejects a network with randomly initialized layers that would never be trained.

    Args:
        recipe: the experiment.
        backbone, weights: as for `training.train`.

    Raises:
        ValueError: if the recipe freezes a part of the network, or trains nothing, but no weights
            are given: neither by `weights`, nor by a model file, nor by an earlier run.
    """
    stays = recipe.freeze_through != "none" or not recipe.epochs
    if stays and weights is None and has_name(backbone) and not recipe.init:
        raise ValueError(
            "weights must be a preset or a file (--weights) if a recipe freezes layers or trains "
            f"none, or {RANDOM!r} if random weights are intended. Received: weights=None, backbone="
            f"{backbone!r}, freeze_through={recipe.freeze_through!r}, epochs={recipe.epochs}"
        )
