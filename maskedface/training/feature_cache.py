"""The activations of a network's frozen layers, computed once and cached in a file."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.lib.format import open_memmap

from maskedface import models
from maskedface.atomic_file import allocate, atomic_write
from maskedface.engines import RealFaces
from maskedface.locks import make_once
from maskedface.progress import track
from maskedface.recipes import Recipe
from maskedface.training.data import Data
from maskedface.training.distribution import ONE_DEVICE, Devices
from maskedface.training.frozen_layers import FrozenPrefix, frozen_prefix
from maskedface.training.network import Network
from maskedface.training.on_device import faces_on_device, features_on_device, fits
from maskedface.training.prefix_engine import PrefixEngine

_BLOCK = 256  # rows between two marks of progress, so that little is lost with a killed run


@dataclass(frozen=True)
class Inputs:
    """The trainable part of a network and its input arrays.

    Attributes:
        learner: inputs -> the loss' input; it shares its layers with the whole network.
        embedder: inputs -> embeddings, or None if the inputs are the embeddings.
        train: array, shape (rows, height, width, 3), uint8 faces; or features, shape (rows, views,
            ...).
        test: array, shape (rows, ...), of the faces without augmentation.
        has_features: bool, whether `train` and `test` are features, or numbers of features.
        changing: the variables that training may change, except the optimizer's. They are the same
            with and without cached features, so a run can resume either way.
        facts: for run.json: whether frozen features are used, and why; the engine; `on_device`.
        on_device: bool, whether faces or features lie on the GPU, and `train` and `test` are
            numbers of their rows (`training.on_device`).
    """

    learner: keras.Model
    embedder: keras.Model | None
    train: np.ndarray
    test: np.ndarray
    has_features: bool
    changing: list[keras.Variable]
    facts: dict[str, Any]
    on_device: bool = False

    def embeddings(self, part: np.ndarray) -> np.ndarray:
        """Embeds `train` or `test` without augmentation: float32 array, shape (rows, features)."""
        plain = part[:, 0] if self.has_features and part is self.train else part
        return np.asarray(plain) if self.embedder is None else models.predict(self.embedder, plain)


def prepare_inputs(
    network: Network,
    data: Data,
    folder: str,
    progress: bool,
    begun: Mapping[str, Any] | None = None,
    devices: Devices = ONE_DEVICE,
) -> Inputs:
    """Computes the activations of the frozen layers, if the recipe and the disk space allow it.

    On a GPU whose memory they fit into, they are computed there and stay there, and no file is
    written; so do the faces, if the recipe has no frozen layers.

    Args:
        network: the network to train.
        data: the faces.
        folder: the folder for activations.
        progress: whether to show a progress bar.
        begun: the engine recorded in the run.json of a resumed run (`prefix_engine.begun_with`);
            None or {} for a new run.
        devices: the devices to train on.

    Returns:
        The part of the network to train, and its inputs.

    Raises:
        OSError: if the disk is full.
        ModuleNotFoundError, ValueError: as `engines.compile_model`, of the recipe's engine.
    """
    recipe, augmentation = network.recipe, data.plan.augmentation
    prefix = frozen_prefix(recipe, network.backbone, augmentation)
    learner, reason, stays = network.learner, "", False
    if isinstance(prefix, str):
        reason = said = prefix
    else:
        learner = keras.Model(prefix.boundary, learner.output)
        size = prefix.bytes_of(len(data.train), 1 + augmentation.mirrors)
        size += prefix.bytes_of(len(data.test), 1)
        stays = fits(size, (1 + augmentation.mirrors) * len(data.train) + len(data.test), devices)
        needs_file = not stays or by_engine(recipe) or prefix.dtype != "float32"
        reason = room(size, folder if needs_file else None, recipe.features_budget)
        place = prefix.boundary._keras_history.operation.name
        said = reason or f"{size / 2**20:.0f} MiB after {place}{', on the GPU' if stays else ''}"
    note = " (the ordinary loop is used)" if reason else ""
    logging.getLogger("maskedface").info("frozen features: %s%s", said, note)
    facts: dict[str, Any] = {"frozen_features": {"used": not reason, "because": said}}
    facts |= {"on_device": False, "engine": _by_keras(recipe)}
    changing = list(learner.variables)
    if reason or isinstance(prefix, str):
        if by_engine(recipe):
            facts["engine"] = _unused(recipe, said)
        whole = network.learner, network.backbone, data.train, data.test
        inputs = Inputs(*whole, False, changing, facts)
        return faces_on_device(inputs, augmentation, devices) if recipe.epochs else inputs
    at_end = prefix.boundary is network.backbone.output
    embedder = None if at_end else keras.Model(prefix.boundary, network.backbone.output)
    if by_engine(recipe):
        faces = RealFaces.of(data.train, data.plan.labels.tolist())
        tail = None if embedder is None else functools.partial(models.predict, embedder)
        engine = PrefixEngine(prefix.model, tail, faces, recipe, folder, begun or {})
        prefix, facts["engine"] = dataclasses.replace(prefix, engine=engine), engine.facts
    inputs = Inputs(learner, embedder, data.train, data.test, True, changing, facts)
    words: dict[str, Any] = {"mirrors": augmentation.mirrors, "progress": progress}
    if not needs_file:
        return features_on_device(inputs, prefix.model, **words)
    train = read_features(prefix, data.train, folder=folder, **words)
    test = read_features(prefix, data.test, folder=folder, **(words | {"mirrors": False}))
    inputs = dataclasses.replace(inputs, train=train, test=test[:, 0])
    return features_on_device(inputs, None, **words) if stays else inputs


def by_engine(recipe: Recipe) -> bool:
    """Whether a recipe's frozen features are computed by another engine than the Keras model."""
    return (recipe.engine, recipe.engine_precision) != ("keras", "float32")


def _by_keras(recipe: Recipe) -> dict[str, Any]:
    return {"engine": "keras", "precision": recipe.precision}


def _unused(recipe: Recipe, reason: str) -> dict[str, Any]:
    """Reports, in the log and run.json, that the recipe's engine has nothing to compute."""
    logging.getLogger("maskedface").warning(
        "the engine %s is not used: it computes frozen features, and there are none: %s",
        recipe.engine,
        reason,
    )
    return _by_keras(recipe) | {"wanted": recipe.engine, "because": reason}


def room(size: int, folder: str | None, budget: float) -> str:
    """The reason why files of a size should not be written; "" if they may be.

    Args:
        size: int, bytes.
        folder: the target folder; it may not exist yet. None if no files are written.
        budget: float, the allowed size in GiB.
    """
    gib = 2**30
    if size > budget * gib:
        return f"{size / gib:.1f} GiB would exceed features_budget={budget:g}"
    if folder is None:
        return ""
    existing = os.path.abspath(folder)
    while not os.path.isdir(existing):
        existing = os.path.dirname(existing)
    free = shutil.disk_usage(existing).free
    if size > free:
        return (
            f"{size / gib:.1f} GiB would not fit into the {free / gib:.1f} GiB free in {existing!r}"
        )
    return ""


def read_features(
    prefix: FrozenPrefix,
    chips: np.ndarray,
    *,
    mirrors: bool,
    folder: str | os.PathLike[str],
    progress: bool = False,
) -> np.ndarray:
    """The activations of faces at the boundary, computed unless they are already on disk.

    An interrupted computation resumes where it stopped; two processes that need the same
    activations compute them once.

    Args:
        prefix: from `frozen_prefix`.
        chips: uint8 array, shape (rows, height, width, 3); it may be memory-mapped.
        mirrors: whether the activations of each face's mirror image are stored too.
        folder: the folder of the files: `features-<key>.npy`, one per set of faces.
        progress: whether to show a progress bar.

    Returns:
        float array, shape (rows, 1 or 2, *activation), a read-only memory map of the file.

    Raises:
        OSError: if the disk is full; incomplete files are never used.
        ValueError: if an activation overflows float16.
    """
    path = os.path.join(folder, f"features-{prefix.key(chips, mirrors)}.npy")
    make_once(
        path, lambda: _compute(prefix, chips, mirrors, path, progress), what="compute features"
    )
    mapped: np.ndarray = np.load(path, mmap_mode="r")
    return mapped


def _compute(
    prefix: FrozenPrefix, chips: np.ndarray, mirrors: bool, path: str, progress: bool
) -> None:
    partial, marks = f"{path}.partial", f"{path}.done"
    shape = (len(chips), 1 + mirrors, *prefix.model.output.shape[1:])
    if not (os.path.exists(partial) and os.path.exists(marks)):
        with contextlib.suppress(FileNotFoundError):
            os.remove(marks)  # an old file's would speak for the new one
        _allocate(partial, lambda file: open_memmap(file, "w+", prefix.dtype, shape))
        _allocate(marks, lambda file: np.memmap(file, "uint8", "w+", shape=(len(chips),)))
    features = open_memmap(partial, "r+")
    done: np.memmap = np.memmap(marks, "uint8", "r+")
    starts = [s for s in range(0, len(chips), _BLOCK) if not done[s : s + _BLOCK].all()]
    for start in track(starts, "frozen features", shown=progress):
        block = np.arange(start, min(start + _BLOCK, len(chips)))
        for view in range(1 + mirrors):
            seen = np.asarray(chips[block])
            seen = seen[:, :, ::-1] if view else seen
            _store(features, block, view, prefix.activations(seen))
        features.flush()  # the values are on the disk before the mark that says so
        done[block] = 1
        done.flush()
    del features, done
    os.replace(partial, path)
    os.remove(marks)


def _store(features: np.memmap, rows: np.ndarray, view: int, values: np.ndarray) -> None:
    try:
        with np.errstate(over="raise"):
            features[rows, view] = values
    except FloatingPointError as error:
        raise ValueError(
            "features_dtype must be 'float32' for activations above 65504, the largest float16. "
            f"Received: {abs(values).max():g}"
        ) from error


def _allocate(path: str, make: Callable[[str], np.memmap]) -> None:
    try:
        with atomic_write(path) as partial:
            allocate(partial, make)
    except OSError as error:
        raise OSError(
            error.errno,
            "the disk must have room for frozen features; choose another folder, or "
            f"--set features=off. Received: {os.strerror(error.errno or 0)}",
            path,
        ) from error
