"""What a run starts from: a backbone with weights, and other runs' weights where asked for."""

from __future__ import annotations

import glob
import inspect
import os
from collections import Counter
from collections.abc import Sequence

import keras
import numpy as np

from maskedface import models
from maskedface.datasets import FaceIndex, shared_rows
from maskedface.recipes import Recipe
from maskedface.training.run import Run

BACKBONES = ("ResNet50", "DlibResNet29")


def build_backbone(
    backbone: str | os.PathLike[str], weights: str | os.PathLike[str] | None, image_size: int
) -> keras.Model:
    """Builds a backbone by name, or reads one from a file.

    Args:
        backbone: "ResNet50", "DlibResNet29", a class of `keras.applications` that scales its input
            itself ("EfficientNetV2B0", "ConvNeXtTiny", "MobileNetV3Small", ...: those with
            `include_preprocessing`), or the path of a `.keras` file (images -> embeddings).
        weights: as the backbone's own `weights` (of `keras.applications`: None, "imagenet" or a file);
            None where a `.keras` file holds them.
        image_size: int, input height and width in pixels; a backbone of one size keeps its own.

    Returns:
        The backbone. Those of `keras.applications` end in their global average pool and see the face
        in the "vggface2" template.

    Raises:
        ValueError: if the name is unknown, or weights are given beside a `.keras` file.
    """
    if backbone == "ResNet50":
        return models.ResNet50(weights, (image_size, image_size, 3))
    if backbone == "DlibResNet29":
        return models.DlibResNet29(weights)
    if os.fspath(backbone) in _applications():
        build = getattr(keras.applications, os.fspath(backbone))
        shape = (image_size, image_size, 3)
        return build(include_top=False, weights=weights, input_shape=shape, pooling="avg")
    if not os.fspath(backbone).endswith(".keras") or not os.path.isfile(backbone):
        raise ValueError(
            f"backbone must be one of {(*BACKBONES, *_applications())} or a .keras file. "
            f"Received: backbone={backbone!r}"
        )
    if weights is not None:
        raise ValueError(
            "weights must be None where the backbone is a .keras file, which holds its own. "
            f"Received: weights={weights!r}"
        )
    return models.embedder(keras.models.load_model(backbone, compile=False))


def _applications() -> tuple[str, ...]:
    """The classes of `keras.applications` that take RGB, 0-255, as all models here do."""
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


def earlier_runs(recipe: Recipe, run_dir: str, seed: int) -> tuple[Run, ...]:
    """The runs that a recipe starts from.

    Args:
        recipe: its `init` is "", a run folder's path, or a recipe's name. In a folder of runs with
            several seeds (seed-0/, seed-1/ ...) the run of the same seed is taken, or with
            `init_seeds="mean"` all.
        run_dir: the new run's folder; a recipe's run lies beside it, under the recipe's name.
        seed: int, the new run's.

    Returns:
        None of them, one, or with `init_seeds="mean"` two or more.

    Raises:
        FileNotFoundError: if there is no finished run, or one of those is not finished.
    """
    if not recipe.init:
        return ()
    beside = os.path.join(os.path.dirname(os.path.abspath(run_dir)), recipe.init)
    start = recipe.init if os.path.isdir(recipe.init) else beside
    if recipe.init_seeds == "mean":
        return runs_at(start)
    of_seed = os.path.join(start, f"seed-{seed}")
    return (Run(of_seed if os.path.isdir(of_seed) else start),)


def runs_at(path: str) -> tuple[Run, ...]:
    """The runs that a path names: the one that lies there, or one a seed.

    Raises:
        FileNotFoundError: if there is no run, or one is not finished.
    """
    seeds = sorted(glob.glob(os.path.join(glob.escape(path), "seed-*")))
    return tuple(Run(folder) for folder in seeds or [path])


def place_of(runs: Sequence[Run]) -> str:
    """What `runs_at` finds several runs by again: their folder, or of one its own; "" for none."""
    if len(runs) > 1:
        return os.path.dirname(os.path.abspath(runs[0].path))
    return os.path.abspath(runs[0].path) if runs else ""


def take_over(
    model: keras.Model, runs: Sequence[Run], classes: tuple[str, ...], share: float = 1.0
) -> bool:
    """Gives a new model the weights of a run's model, or the mean of several, layer by layer by name.

    The head is taken over from one run alone, where it has the same shape and the people are the same.

    Args:
        model: images -> logits.
        runs: one at least.
        classes: the people of the new model.
        share: float in [0, 1], of the runs' weights in the backbone's new ones; the rest is what it has.

    Returns:
        Whether the head was taken over; a cohort's offsets in it are left.

    Raises:
        ValueError: if a backbone's layer is missing in a run's model, or has another shape.
    """
    has_head = len(runs) == 1 and share == 1 and tuple(runs[0].record["classes"]) == classes
    theirs = [_weights_by_layer(run) for run in runs]
    for layer in model.layers:
        ours, head = layer.get_weights(), layer.name.startswith("head_")
        if not ours or (head and not has_head):
            continue
        given = [_given(weights, layer.name) for weights in theirs]
        for run, weights in zip(runs, given, strict=True):
            if [w.shape for w in ours] != [w.shape for w in weights]:
                if head:
                    break
                raise ValueError(
                    "a run must start from a run of the same backbone. "
                    f"Received: {run.path!r}, whose layer {layer.name!r} differs"
                )
        else:
            means = [np.mean(parts, axis=0) for parts in zip(*given, strict=True)]
            if share < 1 and not head:
                means = [share * m + (1 - share) * w for m, w in zip(means, ours, strict=True)]
            layer.set_weights(means)
    return has_head


def _weights_by_layer(run: Run) -> dict[str, list[np.ndarray]]:
    # A run that joined mirrors holds its backbone as a model inside the model.
    parts = [layer for layer in run.model._flatten_layers() if not list(layer._layers)]
    return {layer.name: layer.get_weights() for layer in parts}


def _given(weights: dict[str, list[np.ndarray]], name: str) -> list[np.ndarray]:
    # Where the run looked at the whole face alone, the upper branch starts from that.
    given = weights.get(name) or weights.get(name.removeprefix("upper_"), [])
    return given[:1] if name == "head_centres" else given


def refuse_leaks(
    train: FaceIndex, test: FaceIndex, before: Sequence[Run], run_dir: str
) -> None:
    """Refuses a training set that holds rows of the test set, this run's or an earlier one's.

    Args:
        train, test: the rows of this run.
        before: the runs this one starts from; those that they started from are looked at too.
        run_dir: where this run goes, for the message.

    Raises:
        ValueError: if a row is in both; the message counts them and says where.
    """
    leaked = shared_rows(test, train)
    if leaked:
        raise ValueError(
            "no row may be in both training and test set. "
            f"Received: {len(leaked)} test rows that {run_dir!r} trains on, the first {leaked[0]!r}"
        )
    for run in before:
        start = run.record["init"]
        refuse_leaks(run.split()["train"], test, runs_at(start) if start else (), run.path)


def class_means(
    embeddings: np.ndarray, labels: np.ndarray, photos: Sequence[str] | None = None
) -> np.ndarray:
    """The centres of a cosine head: the mean direction of each person's embeddings.

    Args:
        embeddings: float array, shape (faces, features), of the training faces.
        labels: int array, shape (faces,); every class has a face.
        photos: the photograph each face was made from; "" = unknown, then a photograph of its own.
            With it a person's photographs count alike, however many faces were made from each.

    Returns:
        float32 array, shape (features, classes), of unit columns; without `photos` each embedding
        counts alike.
    """
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    if photos is not None:
        rows = enumerate(zip(labels.tolist(), photos, strict=True))
        names = [(label, photo or row) for row, (label, photo) in rows]
        times = Counter(names)
        unit = unit / np.array([times[name] for name in names])[:, None]
    centres = np.zeros((embeddings.shape[1], labels.max() + 1), "float32")
    np.add.at(centres.T, labels, unit)
    centres /= np.linalg.norm(centres, axis=0, keepdims=True)
    return centres
