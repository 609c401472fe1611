"""Runs a hyperparameter search: hold out rows, run trials, and save the best as a recipe."""

from __future__ import annotations

import filecmp
import glob
import json
import logging
import math
import os
import shutil
from collections.abc import Sequence
from typing import Any

import keras

from maskedface import models
from maskedface.atomic_file import write_json
from maskedface.datasets import FaceIndex, split_by_photo, with_photo_groups, write_manifest
from maskedface.locks import locked
from maskedface.names import did_you_mean
from maskedface.recipes import Recipe, scenario
from maskedface.training.backbones import build_backbone, has_any_size, name_of, refuse_noise
from maskedface.training.run import read_json
from maskedface.tuning._keras_tuner_fixes import worker_name
from maskedface.tuning.hypermodel import FaceHyperModel
from maskedface.tuning.oracles import ALGORITHMS, Algorithm, make_oracle
from maskedface.tuning.search_folder import ARGUMENTS, MANIFEST, Search, write_results
from maskedface.tuning.space import Space, fitting_space
from maskedface.tuning.tuner import RUNG, FaceTuner

_log = logging.getLogger("maskedface")

TRAIN_FRACTION = 0.7  # the paper's share, here of the training rows' photos
TIMEOUT = 3600.0  # seconds; workers are silent for an epoch, or while they compute frozen features


def search(
    recipe: Recipe,
    train: FaceIndex,
    *,
    space: Space,
    search_dir: str | os.PathLike[str],
    algorithm: Algorithm = "bayesian",
    trials: int = 30,
    seeds: Sequence[int] = (0,),
    backbone: str | os.PathLike[str] | keras.Model = "ResNet50",
    weights: str | os.PathLike[str] | None = None,
    alignment: str | None = None,
    seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
    stop_hopeless: bool = True,
    timeout: float = TIMEOUT,
    wait: float = 0.0,
    progress: bool = True,
) -> Search:
    """Searches a recipe's fields for the highest accuracy on held-out training rows.

    The recipe's own values are the first trial. Repeating the same call resumes an interrupted
    search. If Keras Tuner's environment variables make this process a chief or a worker
    (docs/tuning.md), it serves trials to workers, or runs trials of a chief.

    >>> import keras
    >>> from maskedface import recipes, synthetic, tuning
    >>> people = synthetic.draw_people("people", people=3, photos=2, size=64)
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> recipe = recipes.Recipe(name="means", head="cosine", head_init="class_means", epochs=0)
    >>> found = tuning.search(
    ...     recipe, people, space={"mirror_join": [False, True]}, search_dir="search", trials=1,
    ...     backbone=net, alignment="arcface", progress=False)
    >>> len(found.trials), found.best.name
    (1, 'means_tuned')

    Args:
        recipe: the experiment; the runs that a scenario's recipe starts from (`recipes.scenario`)
            are trained once per seed.
        train: the rows to search on, part of which is held out to evaluate the trials. They must
            not contain test rows.
        space: the fields to search; `tuning.spaces` has named ones. Values that the backbone does
            not support (stages, other sizes) are left out.
        search_dir: the search folder, shared by chief and workers.
        algorithm: "random", "bayesian", "hyperband" (whose longest trials have the recipe's epochs)
            or "grid" (with ten values for a range without a step).
        trials: int >= 1, the maximum number of trials. A finished search can be continued with
            more.
        seeds: ints >= 0, all different; a trial is trained once for each, and its score is the
            mean.
        backbone, weights, alignment: as for `training.train`.
        seed: int >= 0, the random seed of the trials and of the held-out rows.
        cache: a folder for decoded faces and frozen features, which is kept. By default a subfolder
            of `search_dir`, removed when the search is finished.
        stop_hopeless: whether trials are stopped by the median rule
            (`tuning.early_stopping.is_hopeless`); Hyperband has its own rule.
        timeout: float > 0, seconds without a report after which a chief finishes with the completed
            trials, or a worker without a chief stops.
        wait: float >= 0, seconds to wait while another process searches in the folder, or is a
            worker of the same name; `math.inf` waits without a limit.
        progress: whether to log one line per trial, with the best so far.

    Returns:
        The `Search`, with `best`, `trials` and `importance`. A worker returns when there are no
        more trials for it.

    Raises:
        ValueError: if an argument is out of range, the space is invalid (`tuning.space`), no
            weights are given for frozen layers, no rows can be held out, or the folder contains
            another search.
        SearchError: if every trial failed; the message gives the reasons.
        LockedError: if another process searches in the folder; the message identifies it.
        OSError: if the chief does not answer, or the disk is full.
    """
    _check(algorithm, trials, seeds, timeout)
    refuse_noise(scenario(recipe)[0], backbone, weights)
    folder = os.fspath(search_dir)
    fit_rows, held_out = validation_split(train, recipe, seed)
    base = build_backbone(backbone, weights, recipe.image_size, alignment)
    space = fitting_space(
        space,
        recipe,
        models.stages(base),
        has_any_size=has_any_size(backbone),
        own_epochs=algorithm == "hyperband",
    )
    arguments = {
        "recipe": recipe.to_dict(),
        "space": space,
        "algorithm": algorithm,
        "seeds": list(seeds),
        "backbone": name_of(backbone),
        "weights": None if weights is None else os.fspath(weights),
        "alignment": models.alignment_of(base),
        "seed": seed,
        "stop_hopeless": stop_hopeless and algorithm != "hyperband",
        "data": os.path.abspath(train.root),
    }
    del base
    # A chief has its workers beside it, but no process of its own name.
    with locked(os.path.join(folder, worker_name() or ARGUMENTS), what="tune", wait=wait):
        _open(folder, arguments, fit_rows, held_out)
        given: dict[str, Any] = dict(backbone=backbone, weights=weights, alignment=alignment)
        hypermodel = FaceHyperModel(
            recipe, space, fit_rows, held_out, folder=folder, cache=cache, **given
        )
        tuner = FaceTuner(
            hypermodel,
            make_oracle(algorithm, trials=trials, epochs=max(1, recipe.epochs), seed=seed),
            folder=folder,
            seeds=seeds,
            trials=trials,
            stop_hopeless=bool(arguments["stop_hopeless"]),
            timeout=timeout,
            progress=progress,
        )
        finished = tuner.search()
        result = Search(folder)
        if not tuner.is_worker:
            _finish(result, finished, progress)
    return result


def validation_split(
    train: FaceIndex, recipe: Recipe, seed: int = 0
) -> tuple[FaceIndex, FaceIndex]:
    """Holds out a part of the training rows by photo; unknown photos are detected.

    Args:
        train: the training rows.
        recipe: the experiment. People are only held out if they have training rows in all domains
            that this recipe, or a recipe it starts from, trains on.
        seed: int, the random seed of the split.

    Returns:
        (training rows, held-out rows): 30 % of each person's photos are held out, with at least one
        in each part; a person with a single photo is only in the training rows.

    Raises:
        ValueError: if no face of the recipe's `test_on` domain can be held out.
    """
    if not all(face.photo for face in train.faces):
        train = with_photo_groups(train, progress=False)
    kept, held_out = split_by_photo(train, TRAIN_FRACTION, seed)
    people = set(kept.people)
    for step in scenario(recipe):
        people &= {face.person for face in kept.faces if face.domain in step.train_on}
    held_out = held_out.where(lambda face: face.person in people)
    if not len(held_out.only(recipe.test_on)):
        raise ValueError(
            f"train must contain two photos of a person with a {recipe.test_on} face. "
            f"Received: {len(train)} images of {len(train.people)} people"
        )
    return kept, held_out


def _check(algorithm: str, trials: int, seeds: Sequence[int], timeout: float) -> None:
    if algorithm not in ALGORITHMS or trials < 1 or timeout <= 0:
        raise ValueError(
            f"algorithm must be one of {ALGORITHMS}, trials at least 1, timeout above 0. "
            f"Received: algorithm={algorithm!r}, trials={trials}, timeout={timeout}"
            f"{did_you_mean(algorithm, ALGORITHMS)}"
        )
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds must be different numbers, at least one. Received: seeds={seeds}")


def _open(folder: str, arguments: dict[str, Any], fit_rows: FaceIndex, held_out: FaceIndex) -> None:
    """Creates the search folder, or checks that an existing one belongs to the same search."""
    manifest, path = os.path.join(folder, MANIFEST), os.path.join(folder, ARGUMENTS)
    # Chief and workers start together.
    with locked(manifest, what="tune", wait=math.inf):
        parts = {"search": {"train": fit_rows, "validation": held_out}}
        write_manifest(f"{manifest}.now", fit_rows + held_out, parts)
        if not os.path.exists(path):
            os.replace(f"{manifest}.now", manifest)
            write_json(path, arguments)
            return
        # As recipes: one written before a field was added has that field's default.
        old = read_json(path) | {"recipe": Search(folder).recipe.to_dict()}
        old, new = json.loads(json.dumps(old)), json.loads(json.dumps(arguments))
        differing = [key for key in new if old.get(key) != new[key]]
        if not filecmp.cmp(f"{manifest}.now", manifest, shallow=False):
            differing.append("manifest")
        os.remove(f"{manifest}.now")
    if differing:
        raise ValueError(
            "search_dir must be new, or contain the same search. "
            f"Received: search_dir={folder!r} with another {', '.join(differing)}"
        )


def _finish(result: Search, finished: bool, progress: bool) -> None:
    if not finished and progress:
        _log.info("the chief timed out: completed trials are kept; run the same commands to resume")
    missing = write_results(result)
    if missing and progress:
        _log.info(missing)
    if not finished:
        return
    # Needed by trials only; a resumed search computes it again.
    for name in ("cache", "start"):
        shutil.rmtree(os.path.join(result.path, name), ignore_errors=True)
    for rung in glob.glob(os.path.join(glob.escape(result.path), "trial_*", "seed-*", RUNG)):
        os.remove(rung)
