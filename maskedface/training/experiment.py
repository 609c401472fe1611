"""Trains recipes: a single run (build, fit, evaluate, save), scenarios and several seeds."""

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

_NO_FOLDER = ("auto", "memory")  # values of `cache` that keep nothing for other runs


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
    """Trains a classifier, evaluates it and writes a run folder.

    If the test people are also the training people (closed set), the classifier's predictions are
    evaluated. If they are unseen identities (open set), the embeddings are: masked probes are
    searched in a gallery with one template per person, the mean of the unmasked faces
    (`evaluation.rank_one_report`).

    The activations of frozen layers are computed once per image and view and cached on disk, or on
    a GPU kept in its memory, if this gives the same results as the ordinary training loop
    (`training.feature_cache`). run.json
    records whether they were, which engine computed them, its precision and its deviation from
    Keras. A resumed run uses the engine it was started with.

    No faces are detected here. If the recipe expects aligned faces, a warning (`logging`,
    "maskedface") counts the rows with neither landmarks nor a stated alignment; their images are
    resized as a whole.

    Training is deterministic on one machine with a fixed number of threads: equal arguments give
    bit-identical results. While it runs, it sets the seeds of Python, NumPy and Keras and enables
    deterministic operations: TensorFlow's, or on JAX those of XLA through `XLA_FLAGS`, which XLA
    reads when it first runs. On JAX, compiled programs are kept in the user's cache folder, unless
    `$MASKEDFACE_COMPILATION_CACHE` is 0. All settings are restored afterwards, except the number of
    TensorFlow's threads, which can be set only once per process.

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
        train: the training rows, before the recipe's `train_on` takes its shares.
        test: the test rows: their people are either all in the training rows, or none of them is.
        run_dir: the run folder. A finished run of the same recipe, rows and seed is returned
            without training, an unfinished one resumes after its last complete epoch, and any other
            run in the folder is an error.
        backbone: "ResNet50", "DlibResNet29", a class of `keras.applications` with built-in
            preprocessing ("MobileNetV3Small"), the path of a `.keras` file, or a `keras.Model`,
            images -> embeddings, which is copied; a resumed run needs the same one.
        weights: the backbone's `weights` argument: the name of a preset or a path; or "random".
            None means random too, but is accepted only if the recipe trains the whole network.
        alignment: the alignment the backbone expects, a key of `geometry.ALIGNMENTS`, which
            overrides the one it states; required for a backbone that states none
            (`models.alignment_of`).
        seed: int >= 0.
        cache: "auto": decoded faces (uint8, 97 KB each at 180 px) are kept in memory, in a
            memory-mapped file deleted with the run, or not at all, depending on the free memory and
            disk space; "memory"; or a folder for them and for frozen features, where both are kept
            for other runs.
        features_dir: a folder for frozen features only. By default they are stored in `cache` if it
            is a folder, else in the run folder until the run is finished.
        callbacks: additional callbacks for `fit`, called after an epoch's state is saved; one that
            stops the training ends the run. Unlike the recipe's own, they are not restored if a run
            is resumed. On a GPU, an epoch may be a single call, unless one of them acts on batches,
            and states are saved at least ten seconds apart, unless one of them has a true attribute
            `reads_state`.
        threads: int >= 1, TensorFlow's threads. Their number changes the last bits of sums; the
            number of physical cores does not. By default the number of cores, or for a resumed run
            the number recorded in its run.json.
        strategy: "none", one device, or "mirrored": each batch is split between all devices of this
            process, and with Keras' JAX backend of all processes named by its environment
            (docs/gpu.md). Without dropout the result equals that of one device except for the last
            digits. The run folder must be on a disk shared by all processes.
        wait: float >= 0, seconds to wait while another process trains in the run folder; `math.inf`
            waits without a limit.
        progress: whether to show progress bars and log how frozen features are handled.

    Returns:
        The finished `Run`: `run.metrics`, `run.model`, `run.predictions`.

    Raises:
        ValueError: if a row is in both parts (including those of a run this one starts from), only
            some of the test people are training identities, the folder contains another run, a name
            is unknown, the backbone's alignment is unknown, no weights are given for frozen layers,
            the test rows cannot be evaluated, the recipe's loss couples faces of a batch that is
            split, `enroll_masks` is set for a closed set without class means to enroll, or the
            recipe uses the cohort of a run whose network views faces differently; if
            the recipe's engine cannot run the frozen layers, or deviates too much from Keras; and
            if a loss, an embedding or a logit is not finite, in which case the earlier epochs are
            kept.
        LockedError: if another process trains in the run folder; the message identifies it.
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
        recipe.check()  # only now, as its objects initialize TensorFlow or JAX
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
            network, data, os.fspath(features_dir), progress, begun_with(folder), devices
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
    """Trains a recipe, after the recipes that it starts from, once per seed.

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
        recipe: the last recipe; those of `recipes.scenario(recipe)` are trained in order.
        train_rows, test_rows: as `train` and `test` of `training.train`.
        run_dir: the folder of the runs: with several seeds, it gets a subfolder `seed-N` for each;
            with several recipes, a subfolder for each recipe.
        seeds: ints >= 0, at least one, all different.
        arguments: the other arguments of `training.train`.

    Returns:
        The runs of the last recipe, one per seed.

    Raises:
        ValueError: if `seeds` is empty or repeats one; and as `training.train`.
        LockedError: if another process trains in the folder, or in one of a run.
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds must be different numbers, at least one. Received: seeds={seeds}")
    chain, runs = scenario(recipe), []
    shared = os.path.join(run_dir, FEATURES)
    if arguments.get("cache", "auto") in _NO_FOLDER:
        arguments.setdefault("features_dir", shared)  # seeds and steps may share them
    with contextlib.ExitStack() as held:
        # With a strategy the other processes of this job use the folder, too.
        if arguments.get("strategy", "none") == "none":
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
