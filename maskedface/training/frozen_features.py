"""The activations of a network's frozen prefix: computed once, kept in a file, read ever after."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.lib.format import open_memmap
from rich.progress import track

from maskedface import models
from maskedface.locks import make_once
from maskedface.masking import RandomMask
from maskedface.recipes import Recipe
from maskedface.whole_file import allocate, whole_file

_VERSION = (
    3  # of what a feature's values depend on besides the key; a change leaves old files unused
)
_BLOCK = 256  # rows between two marks of progress, so that little is lost with a killed run


@dataclass(frozen=True)
class Views:
    """What is kept of each face: as it is, mirrored, and each of these with its fixed masks on.

    Attributes:
        mirrors: whether mirrors are kept.
        masks: with a number of fixed masks an image, or None.
        masked: bool array, shape (rows,): the faces that wear a mask already and are given none; their
            masked views are copies of the bare ones.
    """

    mirrors: bool
    masks: RandomMask | None
    masked: np.ndarray

    def __len__(self) -> int:
        return (1 + (0 if self.masks is None else self.masks.fixed)) * (1 + self.mirrors)

    def column(self, mask: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        """The view's number, from the mask's column (-1 = none) and whether it is mirrored."""
        found: np.ndarray = (mask + 1) * (1 + self.mirrors) + mirrored.astype(int)
        return found

    def of(self, faces: np.ndarray, rows: np.ndarray, view: int) -> np.ndarray:
        """The faces in a view: uint8 array of their shape."""
        mask, mirrored = divmod(view, 1 + self.mirrors)
        if mask and self.masks is not None:
            faces = self.masks.lay(faces, self.masks.masks_of(rows)[:, mask - 1])
        return faces[:, :, ::-1] if mirrored else faces

    def update(self, digest: hashlib.blake2b) -> None:
        """Feeds all that decides the views to a hash."""
        digest.update(f"{len(self)} {self.mirrors}".encode())
        if self.masks is not None:
            masks = self.masks.masks_of(np.arange(len(self.masked)))
            for array in (self.masked, masks, self.masks.bank.patches):
                digest.update(np.ascontiguousarray(array).data)


@dataclass(frozen=True)
class FrozenPrefix:
    """A network cut where its frozen part ends.

    Attributes:
        model: images -> activations at the boundary, in the form in which they are computed.
        boundary: the tensor of the whole network at the cut.
        dtype: "float32" or "float16", how activations are kept.
    """

    model: keras.Model
    boundary: keras.KerasTensor
    dtype: str

    def bytes_of(self, rows: int, views: int) -> int:
        """How many bytes the activations of so many rows and views take."""
        values = int(np.prod(self.model.output.shape[1:]))
        return rows * views * values * np.dtype(self.dtype).itemsize

    def key(self, chips: np.ndarray, views: Views) -> str:
        """A hash of all that decides the activations: the very pixels (so the rows, the decoder, the
        warp and the size), the prefix's layers, weights, precision and folding, the boundary, the
        views, the type, Keras' backend."""
        digest = hashlib.blake2b(digest_size=16)
        layers = [
            # Names say how many layers the process has made before.
            [
                type(layer).__name__,
                str(layer.output.shape) if is_input else layer.get_config() | {"name": ""},
            ]
            for layer in self.model.layers
            for is_input in [isinstance(layer, keras.layers.InputLayer)]
        ]
        facts = [_VERSION, keras.backend.backend(), self.dtype, str(chips.shape), layers]
        digest.update(json.dumps(facts, default=str).encode())
        views.update(digest)
        for weight in self.model.get_weights():
            digest.update(np.ascontiguousarray(weight).data)
        for start in range(0, len(chips), _BLOCK):
            digest.update(np.ascontiguousarray(chips[start : start + _BLOCK]).data)
        return digest.hexdigest()


def frozen_prefix(recipe: Recipe, backbone: keras.Model) -> FrozenPrefix | str:
    """Cuts a backbone at the end of its frozen part.

    Args:
        recipe: the experiment.
        backbone: images -> embeddings, frozen as the recipe says (`training.build_model`).

    Returns:
        The prefix; or, where the recipe must be run by the ordinary loop, the reason in words.
    """
    if recipe.features == "off":
        return "the recipe says features=off"
    if recipe.freeze_through == "none":
        return "no stage is frozen"
    if recipe.augment:
        return "small random changes never repeat (augment)"
    if recipe.mask_probability and not recipe.mask_views:
        return "drawn masks never repeat (mask_views=0)"
    if recipe.batch_norm == "update":
        return "batch norms of the frozen stages move (batch_norm=update)"
    boundary = models.boundary(backbone)
    if boundary is None:
        return "the network has no one place to cut it before the first layer that learns"
    prefix = keras.Model(backbone.input, boundary, name="frozen_prefix")
    if recipe.fold_batch_norm:
        prefix = models.fold_batch_norm(prefix)
    return FrozenPrefix(prefix, boundary, recipe.features_dtype)


def room(size: int, folder: str, budget: float) -> str:
    """Why files of a size should not be written, or "" where they may.

    Args:
        size: int, bytes.
        folder: where to; it may not exist yet.
        budget: float, GiB allowed.
    """
    gib = 2**30
    if size > budget * gib:
        return f"{size / gib:.1f} GiB would be over features_budget={budget:g}"
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
    views: Views,
    folder: str | os.PathLike[str],
    progress: bool = False,
) -> np.ndarray:
    """The activations of faces at the boundary, computed where they are not on disk yet.

    A killed computation goes on where it stopped; two processes that want the same one do it once.

    Args:
        prefix: from `frozen_prefix`.
        chips: uint8 array, shape (rows, height, width, 3), also one mapped from a file.
        views: what is kept of each face.
        folder: where the files go: `features-<key>.npy`, one a set of faces.
        progress: whether to draw a progress bar.

    Returns:
        float array, shape (rows, views, *activation), mapped from the file, read-only.

    Raises:
        OSError: if the disk is full; nothing half-written is ever used.
        ValueError: if float16 cannot hold an activation.
    """
    path = os.path.join(folder, f"features-{prefix.key(chips, views)}.npy")
    make_once(path, lambda: _compute(prefix, chips, views, path, progress), what="compute features")
    mapped: np.ndarray = np.load(path, mmap_mode="r")
    return mapped


def _compute(
    prefix: FrozenPrefix, chips: np.ndarray, views: Views, path: str, progress: bool
) -> None:
    partial, marks = f"{path}.partial", f"{path}.done"
    shape = (len(chips), len(views), *prefix.model.output.shape[1:])
    if not (os.path.exists(partial) and os.path.exists(marks)):
        with contextlib.suppress(FileNotFoundError):
            os.remove(marks)  # an old file's would speak for the new one
        _allocate(partial, lambda file: open_memmap(file, "w+", prefix.dtype, shape))
        _allocate(marks, lambda file: np.memmap(file, "uint8", "w+", shape=(len(chips),)))
    features = open_memmap(partial, "r+")
    done: np.memmap = np.memmap(marks, "uint8", "r+")
    starts = [s for s in range(0, len(chips), _BLOCK) if not done[s : s + _BLOCK].all()]
    for start in track(starts, "frozen features", disable=not progress, transient=True):
        block = np.arange(start, min(start + _BLOCK, len(chips)))
        for view in range(len(views)):
            bare = view % (1 + views.mirrors)
            masked = views.masked[block] & (view != bare)
            rows = block[~masked]
            if len(rows):
                seen = views.of(np.asarray(chips[rows]), rows, view)
                _store(features, rows, view, models.predict(prefix.model, seen))
            features[block[masked], view] = features[block[masked], bare]
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
            "features_dtype must be 'float32' for activations above 65504, the most that float16 "
            f"holds. Received: {abs(values).max():g}"
        ) from error


def _allocate(path: str, make: Callable[[str], np.memmap]) -> None:
    try:
        with whole_file(path) as partial:
            allocate(partial, make)
    except OSError as error:
        raise OSError(
            error.errno,
            "the disk must have room for frozen features; give another folder, or "
            f"--set features=off. Received: {os.strerror(error.errno or 0)}",
            path,
        ) from error
