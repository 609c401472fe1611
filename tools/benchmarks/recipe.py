"""One of the paper's recipes: frozen features against `model.fit` and PyTorch's eager loop."""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ._frame import (
    PEOPLE,
    SHARE,
    SIZE,
    add_images,
    engine_ways,
    interleaved,
    random_faces,
    report,
    timed,
)
from ._paper import paper_network, whole_recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own words."""
    add_images(parser)
    parser.add_argument("recipe", choices=("unmasked", "masked"))
    parser.add_argument("--tail-epochs", type=int, default=2, help="epochs timed of `masked`")
    parser.add_argument("--engines", action="store_true", help="engines, too")
    parser.add_argument("--ways", nargs="+", metavar="NAME", help="of the table's rows, these")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Runs it, prints its table and returns what is to be kept."""
    import keras

    from maskedface import recipes

    chosen = recipes.PAPER_UNMASKED if args.recipe == "unmasked" else recipes.PAPER_MASKED
    keras.utils.set_random_seed(0)
    faces = random_faces(args.images)
    labels = np.arange(args.images, dtype="int32") % PEOPLE
    cut = int(SHARE * args.images)
    data = faces[:cut], labels[:cut], faces[cut:], labels[cut:]
    # An ordinary epoch is timed on a part of the images: its cost is the same an image.
    part = max(chosen.batch_size, cut // 4 // chosen.batch_size * chosen.batch_size)
    tests = round(part * (1 - SHARE) / SHARE)
    small = faces[:part], labels[:part], faces[cut : cut + tests], labels[cut : cut + tests]
    scale = chosen.epochs * cut / part
    tail = chosen.epochs if args.recipe == "unmasked" else args.tail_epochs

    def ours(**words: Any) -> Callable[[], Callable[[], float]]:
        return lambda: functools.partial(_ours, chosen.override(**words), data, tail)

    makers: dict[str, Callable[[], Callable[[], float]]] = {
        "model.fit": lambda: _keras_epoch(chosen, small, scale),
        "PyTorch": lambda: _torch_epoch(chosen, small, scale),
        "ours float32": ours(),
        "ours bfloat16": ours(precision="bfloat16"),
    }
    if args.engines:
        for engine, precision in engine_ways():
            # Rank-1 of noise tells nothing. What learns is in bfloat16, where a precision is lower.
            words = {"engine": engine, "engine_precision": precision, "engine_tolerance": 1.0}
            words["precision"] = "float32" if precision == "float32" else "bfloat16"
            makers[f"ours {engine} {precision}"] = ours(**words)
    if unknown := {*(args.ways or ())} - {*makers}:
        raise SystemExit(f"--ways must be of {', '.join(makers)}. Received: {', '.join(unknown)}")
    ways = {name: make() for name, make in makers.items() if name in (args.ways or makers)}
    print(f"{chosen.name}, {args.images} images: ordinary epochs timed on {part} + {tests} of them")
    print(f"and counted {scale:.1f} times; ours with {tail} of {chosen.epochs} epochs timed")
    return report(interleaved(ways, args.rounds), "s", ["model.fit", "PyTorch"])


def _ours(recipe: Any, data: tuple[np.ndarray, ...], epochs: int) -> float:
    """Seconds of the whole recipe, tracing included; epochs past `epochs` are extrapolated."""
    from maskedface import models

    network = paper_network(recipe, models.ResNet50(None, (SIZE, SIZE, 3)))
    spent = whole_recipe(network, data, epochs)
    if epochs == recipe.epochs:
        return float(spent["whole"])
    print(f"    features {spent['features']:.1f} s, an epoch {spent['an epoch']:.2f} s")
    return float(spent["whole"] + spent["an epoch"] * (recipe.epochs - epochs))


def _keras_epoch(recipe: Any, data: tuple[np.ndarray, ...], scale: float) -> Callable[[], float]:
    """An epoch of model.fit with the frozen part as it is, float32, no jit, then validation."""
    import tensorflow as tf

    from maskedface import models
    from maskedface.training.network import compile_network

    network = paper_network(recipe, models.ResNet50(None, (SIZE, SIZE, 3)))
    model = network.learner
    compile_network(model, network, steps_per_epoch=len(data[0]) // recipe.batch_size)

    # An iterator's end waits for the autotuner to wake up, 20.48 s after its start at times, whatever
    # the work; on so short an epoch that would count a hundred times.
    options = tf.data.Options()
    options.autotune.enabled = False

    def batches(faces: np.ndarray, labels: np.ndarray, size: int, flip: bool) -> tf.data.Dataset:
        dataset = tf.data.Dataset.from_tensor_slices((faces, labels)).batch(size)
        if flip:
            dataset = dataset.map(lambda x, y: (tf.image.random_flip_left_right(x), y))
        return dataset.prefetch(2).with_options(options)

    train = batches(data[0], data[1], recipe.batch_size, flip=True)
    test = batches(data[2], data[3], 64, flip=False)
    quiet = {"verbose": 0, "shuffle": False}
    model.fit(train.take(1), validation_data=test.take(1), **quiet)
    return lambda: scale * timed(lambda: model.fit(train, validation_data=test, **quiet))


def _torch_epoch(recipe: Any, data: tuple[np.ndarray, ...], scale: float) -> Callable[[], float]:
    """The same epoch in PyTorch: eager, channels-last, float32."""
    import torch

    from tests.models.torch_network import OriginalResNet50

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    backbone = OriginalResNet50().to(memory_format=torch.channels_last)
    frozen = ("conv1", "bn1", "layer1", "layer2", "layer3")
    for name, parameter in backbone.named_parameters():
        stays = recipe.freeze_through == "all" or name.split(".")[0] in frozen
        parameter.requires_grad = not stays
    dropout = torch.nn.Dropout(recipe.value_at("head.dropout"))
    head = torch.nn.Sequential(dropout, torch.nn.Linear(2048, PEOPLE))
    learning = [*(p for p in backbone.parameters() if p.requires_grad), *head.parameters()]
    rate, momentum = (recipe.value_at(f"optimizer.{x}") for x in ("learning_rate", "momentum"))
    optimizer = (
        torch.optim.SGD(learning, rate, momentum, nesterov=True)
        if recipe.optimizer.has_class("SGD")
        else torch.optim.Adam(learning, rate)
    )
    mean = torch.tensor([91.4953, 103.8827, 131.0912])[None, :, None, None]

    def forward(faces: np.ndarray, flip: bool) -> torch.Tensor:
        x = torch.from_numpy(faces[:, :, :, ::-1].copy()).permute(0, 3, 1, 2).float() - mean
        if flip:
            mirrored = torch.rand(len(x)) < 0.5
            x[mirrored] = x[mirrored].flip(3)
        return head(backbone(x.contiguous(memory_format=torch.channels_last))["pooled"])

    def epoch(limit: int | None = None) -> None:
        faces, labels, tests, _ = data
        backbone.train(recipe.freeze_through != "all")
        for name in frozen:  # frozen batch norms use their statistics, as in ours
            getattr(backbone, name).eval()
        head.train()
        for start in range(0, limit or len(faces), recipe.batch_size):
            part = slice(start, start + recipe.batch_size)
            right = torch.from_numpy(labels[part]).long()
            loss = torch.nn.functional.cross_entropy(forward(faces[part], True), right)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        backbone.eval()
        head.eval()
        with torch.no_grad():
            for start in range(0, limit or len(tests), 64):
                forward(tests[start : start + 64], False)

    epoch(1)
    return lambda: scale * timed(epoch)
