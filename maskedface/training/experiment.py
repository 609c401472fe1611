"""One run from a recipe: start, fit, evaluate, keep. And several: scenarios, seeds."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
from collections.abc import Sequence
from typing import Any

import keras

from maskedface.datasets import FaceIndex
from maskedface.engines.registry import check_engine
from maskedface.locks import locked
from maskedface.recipes import Recipe, scenario
from maskedface.training.backbones import Backbone, find_start
from maskedface.training.data import check_rows, read_data
from maskedface.training.distribution import find_devices, refuse_coupled
from maskedface.training.environment import settled, surroundings
from maskedface.training.feature_cache import prepare_inputs
from maskedface.training.finalize import finalize
from maskedface.training.fit import fit
from maskedface.training.network import build_network
from maskedface.training.prefix_engine import begun_with, keep_engine
from maskedface.training.run import FEATURES, Run
from maskedface.training.run_dir import open_folder

_NO_FOLDER = ("auto", "memory")  # of `cache`: nothing stays for another run


def train(
    recipe: Recipe,
    train: FaceIndex,
    test: FaceIndex,
    *,
    run_dir: str | os.PathLike[str],
    backbone: Backbone = "ResNet50",
    weights: str | os.PathLike[str] | None = None,
    alignment: str | None = None,
    seed: int = 0,
    cache: str | os.PathLike[str] = "auto",
    features_dir: str | os.PathLike[str] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    threads: int | None = None,
    strategy: str = "none",
    wait: float = 0.0,
    progress: bool = True,
) -> Run:
    """Trains a classifier, evaluates it and leaves a run folder.

    Where the test rows show the people trained on (a closed set), the classifier's names are scored.
    Where they show other people (an open set), the embedding is: masked faces are looked for in a
    gallery of one mean of unmasked faces a person (`evaluation.rank_one_report`).

    What a recipe freezes is computed once an image and view and kept on disk where that gives the
    ordinary loop's results (`training.feature_cache`); run.json says whether it was, and which engine
    computed it, in which precision and how far from Keras. A run goes on with the engine it was begun with.

    Rows are taken as they are: nobody looks for faces here. Where the recipe wants them aligned, one
    warning (`logging`, "maskedface") counts the rows that say neither by landmarks nor by an alignment
    where theirs lies; these are resized whole.

    Deterministic on one machine with one thread count: the same arguments give the same bits. For
    as long as it runs it sets the seeds of Python, NumPy and Keras, and deterministic operations:
    TensorFlow's, or on JAX XLA's by `XLA_FLAGS`, which XLA reads when it first runs. Afterwards all is as
    it was before, but for the number of TensorFlow's threads, which a process can set but once.

    >>> import keras
    >>> from maskedface import datasets, recipes, synthetic, training
    >>> people = synthetic.draw_people("people", people=3, photos=2, size=64)
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> recipe = recipes.Recipe(name="means", head="cosine", head_init="class_means", epochs=0)
    >>> run = training.train(
    ...     recipe, *datasets.split_by_image(people), run_dir="runs/means", backbone=net,
    ...     alignment="arcface", progress=False)
    >>> run.metrics["masked"]["faces"], sorted(run.metrics)
    (3, ['masked', 'unmasked'])

    Args:
        recipe: the experiment.
        train: the rows to train on, before the recipe's `train_on` takes its shares.
        test: the rows to evaluate on: all of them people of the training rows, or none.
        run_dir: the run folder. A finished run of the same recipe, rows and seed is returned as it
            is, an unfinished one goes on after its last whole epoch, another one is an error.
        backbone: "ResNet50", "DlibResNet29", a class of `keras.applications` that scales its input itself
            ("MobileNetV3Small"), the path of a `.keras` file, or a `keras.Model`, images -> embeddings,
            which is copied; a run that goes on must be given the same one.
        weights: what the backbone's own `weights` takes: a preset's name or a path; or "random". None
            is that too, but only where the recipe trains the whole network.
        alignment: what the backbone's faces are aligned to, a key of `geometry.ALIGNMENTS`, in place of
            what it states; it must be given for a backbone that states none (`models.alignment_of`).
        seed: int >= 0.
        cache: "auto": decoded faces (uint8, 97 KB each at 180 px) are kept in memory, in a mapped file that
            goes with the run, or not at all, by what the machine has free; "memory"; or a folder for them
            and for frozen features, where both stay for other runs.
        features_dir: a folder for frozen features alone. By default they go to `cache` if it is a
            folder, else into the run folder until the run is finished.
        callbacks: for `fit`, beside those of the recipe, called after the state of an epoch is kept; one
            that stops the training ends the run there.
        threads: int >= 1, TensorFlow's threads: their number changes the last bits of sums, the number of
            cores below them does not. By default as many as cores, and of a begun run those that its
            run.json records.
        strategy: "none", one device, or "mirrored": each batch is split between all devices of this
            process, and with Keras' JAX backend of all processes that its environment names
            (docs/gpu.md). What is learnt is that of one device but for the last digits, where dropout
            is 0; the run folder then has to lie on a disk that all processes see.
        wait: float >= 0, seconds to wait where another process trains in the run folder, `math.inf` for as
            long as it takes.
        progress: whether to draw progress bars and say what is done with frozen features.

    Returns:
        The finished `Run`: `run.metrics`, `run.model`, `run.predictions`.

    Raises:
        ValueError: if a row is in both parts (also of a run this one starts from), some people of the
            test rows are trained on and some are not, the folder holds another run, a name is
            unknown, the backbone states no alignment and none is given, no weights are given for what
            the recipe freezes, the test rows can give no figure, the recipe's loss couples faces of a
            batch that is split, or it wants the cohort of a run whose network sees faces otherwise; if the
            recipe's engine cannot run the frozen part, or not near enough to Keras. And if a loss, an
            embedding or a logit is no finite number; the epochs before it are kept.
        LockedError: if another process trains in the run folder; the message says which.
        FileNotFoundError: if the run to start from is missing.
        ImageError: if a file cannot be decoded; `maskedface audit` lists them all.
    """
    folder = os.fspath(run_dir)
    check_engine(recipe.engine, recipe.engine_precision)
    start = find_start(recipe, backbone, weights, alignment, folder, seed)
    rows = check_rows(recipe, train, test, start.before, folder, seed)
    with contextlib.ExitStack() as stack:
        used = stack.enter_context(settled(seed, threads, folder))
        devices = find_devices(strategy)
        recipe.check()  # not before: its objects start TensorFlow, or JAX, which stays as it is then
        progress = progress and not devices.process
        folder = stack.enter_context(devices.opened(folder, wait))
        network = build_network(recipe, start, rows)
        refuse_coupled(network.loss, devices)
        record = {
            "seed": seed,
            **start.facts(),
            "data": os.path.abspath((rows.train + rows.test).root),
            "image_size": network.size,
            "alignment": network.alignment,
            **surroundings(),
            "threads": used,
            "devices": devices.count,
            "processes": devices.processes,
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "classes": rows.train.people,
        }
        if open_folder(folder, recipe, rows.train, rows.test, record):
            return Run(os.fspath(run_dir))
        if features_dir is None:
            features_dir = os.path.join(folder, FEATURES) if cache in _NO_FOLDER else cache
        kept = os.fspath(cache)
        data = read_data(recipe, rows, network, seed=seed, cache=kept, progress=progress)
        inputs = prepare_inputs(
            network, data, os.fspath(features_dir), progress, begun_with(folder)
        )
        keep_engine(folder, inputs.facts)
        fit(network, data, inputs, folder, callbacks, devices, progress)
        finalize(folder, network, data, inputs)
    return Run(os.fspath(run_dir))


def train_scenario(
    recipe: Recipe,
    train_rows: FaceIndex,
    test_rows: FaceIndex,
    *,
    run_dir: str | os.PathLike[str],
    seeds: Sequence[int] = (0,),
    **arguments: Any,
) -> list[Run]:
    """Trains a recipe, the recipes it starts from before it, once a seed.

    >>> import keras
    >>> from maskedface import datasets, recipes, synthetic, training
    >>> people = synthetic.draw_people("people", people=3, photos=2, size=64)
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> recipe = recipes.Recipe(name="means", head="cosine", head_init="class_means", epochs=0)
    >>> runs = training.train_scenario(
    ...     recipe, *datasets.split_by_image(people), run_dir="runs/seeds", backbone=net,
    ...     alignment="arcface", progress=False, seeds=[3])
    >>> [(run.path, run.record["seed"]) for run in runs]
    [('runs/seeds', 3)]

    Args:
        recipe: the last experiment; `recipes.scenario(recipe)` are run in order.
        train_rows, test_rows: as `train` and `test` of `training.train`.
        run_dir: the folder of the runs: with several seeds a sub-folder `seed-N` each, with a start
            from another recipe a sub-folder a recipe.
        seeds: ints >= 0, at least one, all different.
        arguments: the other arguments of `training.train`.

    Returns:
        The last recipe's runs, one a seed.

    Raises:
        ValueError: if `seeds` is empty or repeats one; and as `training.train`.
        LockedError: if another process trains in the folder, or in one of a run.
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds must be different numbers, at least one. Received: seeds={seeds}")
    chain, runs = scenario(recipe), []
    shared = os.path.join(run_dir, FEATURES)
    if arguments.get("cache", "auto") in _NO_FOLDER:
        arguments.setdefault("features_dir", shared)  # seeds and steps may want the same ones
    with contextlib.ExitStack() as held:
        if arguments.get("strategy", "none") == "none":  # else others of this job come here too
            wait = arguments.get("wait", 0.0)
            held.enter_context(locked(shared, what="train", wait=wait))
        for seed in seeds:
            folder = os.path.join(run_dir, f"seed-{seed}") if len(seeds) > 1 else os.fspath(run_dir)
            for step in chain:
                step_dir = os.path.join(folder, step.name) if len(chain) > 1 else folder
                run = train(step, train_rows, test_rows, run_dir=step_dir, seed=seed, **arguments)
            runs.append(run)
        shutil.rmtree(shared, ignore_errors=True)
    return runs
