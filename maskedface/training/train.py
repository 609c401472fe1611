"""One run from a recipe: start, fit, evaluate, keep. And several: scenarios, seeds."""

from __future__ import annotations

import contextlib
import datetime
import filecmp
import importlib.metadata
import os
import platform
import shutil
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from maskedface import models
from maskedface.datasets import EpochPlan, FaceIndex, read_chips, take_share
from maskedface.evaluation import classification_report, rank_one_report
from maskedface.recipes import Recipe, scenario
from maskedface.training.batches import RowBatches, TrainingBatches, plan_of
from maskedface.training.compiling import build_model, compile_model, prepare_backbone
from maskedface.training.devices import (
    Devices,
    SplitBatches,
    find_devices,
    refuse_coupled,
    synchronised_batch_norm,
)
from maskedface.training.inputs import Inputs, prepare
from maskedface.training.objectives import set_ranking_centres
from maskedface.training.releasing import released_memory
from maskedface.training.run import (
    MANIFEST,
    METRICS,
    MODEL,
    PREDICTIONS,
    RECIPE,
    RECORD,
    Run,
    read_json,
    write_json,
    write_split,
    write_text,
)
from maskedface.training.start import (
    build_backbone,
    class_means,
    earlier_run,
    refuse_leaks,
    take_over,
)
from maskedface.training.state import STATE, KeepState, read_state, write_history
from maskedface.whole_file import whole_file

FEATURES = "features"  # a run's own, until it is finished

_SAME = ("seed", "backbone", "weights", "init", "data")  # what a re-used run folder must agree in
_PACKAGES = ("maskedface", "keras", "tensorflow", "numpy", "scikit-learn", "pillow")


def train(
    recipe: Recipe,
    train: FaceIndex,
    test: FaceIndex,
    *,
    run_dir: str | os.PathLike[str],
    backbone: str | os.PathLike[str] = "ResNet50",
    weights: str | os.PathLike[str] | None = None,
    seed: int = 0,
    cache: str | os.PathLike[str] = "memory",
    features_dir: str | os.PathLike[str] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    threads: int | None = None,
    strategy: str = "none",
    progress: bool = True,
) -> Run:
    """Trains a classifier, evaluates it and leaves a run folder.

    Where the test rows show the people trained on (a closed set), the classifier's names are scored.
    Where they show other people (an open set), the embedding is: masked faces are looked for in a
    gallery of one mean of unmasked faces a person (`evaluation.rank_one_report`).

    What a recipe freezes is computed once an image and view and kept on disk where that gives the
    ordinary loop's results (`training.frozen_features`); run.json says whether it was.

    Deterministic on one machine with one thread count: the same arguments give the same bits. It
    sets the seeds of Python, NumPy and Keras, and TensorFlow's deterministic operations.

    Args:
        recipe: the experiment.
        train: the rows to train on, before the recipe's `train_on` takes its shares.
        test: the rows to evaluate on: all of them people of the training rows, or none.
        run_dir: the run folder. A finished run of the same recipe, rows and seed is returned as it
            is, an unfinished one goes on after its last whole epoch, another one is an error.
        backbone: what `training.build_backbone` takes.
        weights: what the backbone's own `weights` takes: None, a preset's name or a path.
        seed: int >= 0.
        cache: "memory", or a folder for the decoded faces (uint8), 97 KB each at 180 px, and for
            frozen features; both stay there for other runs.
        features_dir: a folder for frozen features alone. By default they go to `cache` if it is a
            folder, else into the run folder until the run is finished.
        callbacks: for `fit`, called after the state of an epoch is kept; one that stops the training
            ends the run there.
        threads: int >= 1, TensorFlow's threads: their number changes the last bits of sums, the number of
            cores below them does not. By default as many as cores, and of a begun run those that its
            run.json records.
        strategy: "none", one device, or "mirrored": each batch is split between all devices of this
            process, and with Keras' JAX backend of all processes that its environment names
            (docs/gpu.md). What is learnt is that of one device but for the last digits, where dropout
            is 0; the run folder then has to lie on a disk that all processes see.
        progress: whether to draw progress bars and say what is done with frozen features.

    Returns:
        The finished `Run`: `run.metrics`, `run.model`, `run.predictions`.

    Raises:
        ValueError: if a row is in both parts (also of a run this one starts from), some people of the
            test rows are trained on and some are not, the folder holds another run, a name is
            unknown, or the recipe's loss couples faces of a batch that is split.
        FileNotFoundError: if the run to start from is missing.
        ImageError: if a file cannot be decoded; `maskedface audit` lists them all.
    """
    folder = os.fspath(run_dir)
    before = earlier_run(recipe.init, folder, seed)
    train = _taken(train, recipe, seed)
    refuse_leaks(train, test, before, folder)
    others = set(test.people) - set(train.people)
    is_open = len(others) == len(test.people)
    if others and not is_open:
        raise ValueError(
            "the people of the test rows must all be trained on, or none. "
            f"Received: {len(others)} of {len(test.people)} are not, {sorted(others)[:3]}"
        )
    labels = None if is_open else test.labels(train.people)
    used = _prepare(seed, threads, folder)
    devices = find_devices(strategy)
    refuse_coupled(recipe, devices)
    progress = progress and not devices.process
    with devices.folder(folder) as folder, devices.scope():
        base = prepare_backbone(recipe, build_backbone(backbone, weights, recipe.image_size))
        model = build_model(recipe, base, len(train.people))
        has_head = before is not None and take_over(model, before, train.people)
        record = {
            "seed": seed,
            "backbone": os.fspath(backbone),
            "weights": None if weights is None else os.fspath(weights),
            "init": "" if before is None else os.path.abspath(before.path),
            "data": os.path.abspath((train + test).root),
            "image_size": base.input_shape[1],
            "template": models.template_of(base),
            **_surroundings(),
            "threads": used,
            "devices": devices.count,
            "processes": devices.processes,
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "classes": train.people,
        }
        if _open(folder, recipe, train, test, record):
            _tidy(folder)
            return Run(os.fspath(run_dir))
        if features_dir is None:
            features_dir = os.path.join(folder, FEATURES) if cache == "memory" else cache
        reading = {"size": record["image_size"], "template": record["template"], "progress": progress}
        reading["cache"] = None if cache == "memory" else cache
        chips = [read_chips(rows, **reading) for rows in (train, test)]
        plan = plan_of(
            recipe,
            train.labels(),
            np.array([face.domain == "masked" for face in train.faces]),
            seed=seed,
            template=record["template"],
            size=record["image_size"],
        )
        inputs = prepare(
            recipe, model, base, *chips, plan=plan, folder=os.fspath(features_dir), progress=progress
        )
        write_json(os.path.join(folder, RECORD), read_json(os.path.join(folder, RECORD)) | inputs.facts)
        if recipe.head_init == "class_means" and not has_head:
            centres = class_means(inputs.embeddings(inputs.train), plan.labels)
            model.get_layer("head_centres").set_weights([centres])
            set_ranking_centres(inputs.learner, centres)
        _fit(inputs, plan, recipe, train, test, folder, callbacks, devices, progress)
        final = _Final(recipe, model, base, inputs, chips)
        if recipe.head_final != "trained":
            photos = [face.photo for face in train.faces] if recipe.head_final == "photo_means" else None
            final.set_centres(class_means(final.train_embeddings(), plan.labels, photos))
        if labels is None:
            _finish(folder, final.model, *open_results(test, final.test_embeddings()))
        else:
            logits = final.test_logits()
            metrics = report_domains(test, labels, logits)
            _finish(folder, final.model, metrics, {"labels": labels, "logits": logits})
        _tidy(folder)
    return Run(os.fspath(run_dir))


class _Final:
    """The model that a run leaves behind, and how it sees the faces: the trained one from what it was
    trained on, one that joins mirrors from the faces themselves."""

    def __init__(
        self,
        recipe: Recipe,
        model: keras.Model,
        base: keras.Model,
        inputs: Inputs,
        chips: list[np.ndarray],
    ) -> None:
        self.model, self._inputs, self._chips = model, inputs, chips
        self._joins = recipe.mirror_join
        if self._joins:
            centres = model.get_layer("head_centres").get_weights()
            self.model = models.cosine_classifier(
                models.mirror_join(base), centres[0].shape[1], scale=recipe.scale
            )
            self.model.get_layer("head_centres").set_weights(centres)

    def set_centres(self, centres: np.ndarray) -> None:
        self.model.get_layer("head_centres").set_weights([centres])

    def train_embeddings(self) -> np.ndarray:
        if self._joins:
            return models.predict(models.embedder(self.model), self._chips[0])
        return self._inputs.embeddings(self._inputs.train)

    def test_embeddings(self) -> np.ndarray:
        if self._joins:
            return models.predict(models.embedder(self.model), self._chips[1])
        return self._inputs.embeddings(self._inputs.test)

    def test_logits(self) -> np.ndarray:
        if self._joins:
            return models.predict(self.model, self._chips[1])
        return models.predict(self._inputs.classifier, self._inputs.test)


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
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds must be different numbers, at least one. Received: seeds={seeds}")
    chain, runs = scenario(recipe), []
    shared = os.path.join(run_dir, "features")
    if arguments.get("cache", "memory") == "memory":
        arguments.setdefault("features_dir", shared)  # seeds and steps may want the same ones
    for seed in seeds:
        folder = os.path.join(run_dir, f"seed-{seed}") if len(seeds) > 1 else os.fspath(run_dir)
        for step in chain:
            step_dir = os.path.join(folder, step.name) if len(chain) > 1 else folder
            run = train(step, train_rows, test_rows, run_dir=step_dir, seed=seed, **arguments)
        runs.append(run)
    shutil.rmtree(shared, ignore_errors=True)
    return runs


def _taken(rows: FaceIndex, recipe: Recipe, seed: int) -> FaceIndex:
    parts = [
        take_share(rows.only(domain), share, seed) for domain, share in recipe.train_on.items()
    ]
    taken = sum(parts[1:], parts[0])
    if len(taken.people) < 2:
        raise ValueError(
            f"the training rows must show at least 2 people in {list(recipe.train_on)}. "
            f"Received: {len(taken)} images of {len(taken.people)} people"
        )
    return taken


def _prepare(seed: int, threads: int | None, folder: str) -> int:
    """Sets seeds, deterministic operations and threads; returns the number of threads."""
    used = _use_threads(threads, folder)
    keras.utils.clear_session()  # layer names, and so seeds, do not depend on earlier models
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    return used


def _use_threads(threads: int | None, folder: str) -> int:
    path = os.path.join(folder, RECORD)
    recorded = read_json(path)["threads"] if os.path.exists(path) else None
    if threads is not None and (threads < 1 or recorded not in (None, threads)):
        raise ValueError(
            "threads must be at least 1, and those of the run that the folder holds. "
            f"Received: threads={threads}, {recorded} in {path!r}"
        )
    wanted = threads or recorded
    # What TensorFlow takes by itself: the cores that this process may use.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if keras.backend.backend() != "tensorflow":
        return cores
    import tensorflow as tf

    now: int = tf.config.threading.get_intra_op_parallelism_threads() or cores
    if wanted in (None, now):
        return now
    try:
        tf.config.threading.set_intra_op_parallelism_threads(wanted)
        tf.config.threading.set_inter_op_parallelism_threads(wanted)
    except RuntimeError:  # TensorFlow runs already
        warnings.warn(
            f"threads should be {wanted}: the last bits will differ. Received: a process in which "
            f"TensorFlow runs with {now} already; a new one can have others",
            stacklevel=3,
        )
        return now
    return int(wanted)


def _surroundings() -> dict[str, Any]:
    def version(package: str) -> str:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return "not installed"

    return {
        "versions": {package: version(package) for package in _PACKAGES},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "keras_backend": keras.backend.backend(),
    }


def _open(
    folder: str, recipe: Recipe, train: FaceIndex, test: FaceIndex, record: dict[str, Any]
) -> bool:
    """Makes the run folder, or checks that it is this very run's; True if that is finished."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, RECORD)
    if not os.path.exists(path):
        write_split(os.path.join(folder, MANIFEST), train, test)
        write_text(os.path.join(folder, RECIPE), recipe.to_json())
        write_json(path, record)
        return False
    old = read_json(path)
    differing = [key for key in _SAME if old[key] != record[key]]
    if Recipe.read(os.path.join(folder, RECIPE)) != recipe:
        differing.append("recipe")
    write_split(os.path.join(folder, "manifest.now"), train, test)
    same = filecmp.cmp(
        os.path.join(folder, "manifest.now"), os.path.join(folder, MANIFEST), shallow=False
    )
    os.remove(os.path.join(folder, "manifest.now"))
    if not same:
        differing.append("manifest")
    if differing:
        raise ValueError(
            "run_dir must be new, or hold the same run. "
            f"Received: run_dir={folder!r} with another {', '.join(differing)}"
        )
    return os.path.exists(os.path.join(folder, METRICS))


def _fit(
    inputs: Inputs,
    plan: EpochPlan,
    recipe: Recipe,
    train: FaceIndex,
    test: FaceIndex,
    folder: str,
    callbacks: Sequence[keras.callbacks.Callback],
    devices: Devices,
    progress: bool,
) -> None:
    learner = inputs.learner
    steps = -(-len(train) // recipe.batch_size)
    compile_model(learner, recipe, steps)
    changing = [*inputs.changing, *learner.optimizer.variables]
    history = read_state(folder, changing)
    if len(history) < recipe.epochs:
        # Keras' own `class_weight` would take labels with the domain beside them for one-hot ones.
        weights = _class_weight(train) if recipe.class_weight == "balanced" else None
        arrays = devices.strategy is not None or weights is not None
        batches = _training_batches(inputs, plan, recipe, train, len(history), arrays)
        validation: Any = _validation(inputs, recipe, train, test)
        if arrays:
            batches = SplitBatches(batches, devices, weights)
        if devices.strategy is not None:
            validation = validation and SplitBatches(validation, devices)
        with released_memory(), synchronised_batch_norm(learner, devices):
            learner.fit(
                batches,
                initial_epoch=len(history),
                epochs=recipe.epochs,
                steps_per_epoch=steps,
                validation_data=validation,
                callbacks=[KeepState(folder, history, changing), *_tensorboard(folder), *callbacks],
                shuffle=False,  # the batches have their order
                verbose="auto" if progress else 0,
            )
    write_history(folder, history)


def _validation(
    inputs: Inputs, recipe: Recipe, train: FaceIndex, test: FaceIndex
) -> RowBatches | None:
    """The test rows of the domain that the curves show; none where other people are in them."""
    chosen = np.flatnonzero([face.domain == recipe.test_on for face in test.faces])
    if not len(chosen) or not set(test.people) <= set(train.people):
        return None
    labels = test.labels(train.people)
    if recipe.wants_domains:
        masked = np.array([face.domain == "masked" for face in test.faces], "int32")
        labels = np.stack([labels, masked], 1)
    return RowBatches(inputs.test, labels, chosen)


def _training_batches(
    inputs: Inputs,
    plan: EpochPlan,
    recipe: Recipe,
    train: FaceIndex,
    initial_epoch: int,
    arrays: bool,
) -> Any:
    if arrays or inputs.views is not None or keras.backend.backend() != "tensorflow":
        return TrainingBatches(
            inputs.train,
            plan,
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            initial_epoch=initial_epoch,
            views=inputs.views,
        )
    from maskedface.datasets import as_tf_dataset

    return as_tf_dataset(
        train,
        image_size=inputs.train.shape[1],
        batch_size=recipe.batch_size,
        sampling=plan.sampling,
        flip=plan.flip,
        masks=plan.masks,
        augment=plan.augment,
        with_domains=plan.with_domains,
        seed=plan.seed,
        initial_epoch=initial_epoch,
        epochs=recipe.epochs - initial_epoch,
        cache=inputs.train,
    )


def _class_weight(train: FaceIndex) -> dict[int, float]:
    counts = np.bincount(train.labels())
    return {label: len(train) / (len(counts) * count) for label, count in enumerate(counts)}


def _tensorboard(folder: str) -> list[keras.callbacks.Callback]:
    if keras.backend.backend() != "tensorflow":
        return []  # Keras' callback writes through TensorFlow
    logs = os.path.join(folder, "tensorboard")
    return [keras.callbacks.TensorBoard(logs, write_graph=False)]


def open_results(
    test: FaceIndex, embeddings: np.ndarray
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What a run reports of people it was not trained on.

    Args:
        test: the rows.
        embeddings: float array, shape (rows, features).

    Returns:
        (`evaluation.rank_one_report`; {"embeddings": embeddings}).
    """
    people, domains, photos = zip(
        *((face.person, face.domain, face.photo) for face in test.faces), strict=True
    )
    metrics = rank_one_report(embeddings, people, domains, photos)
    return metrics, {"embeddings": embeddings}


def _finish(
    folder: str,
    model: keras.Model,
    metrics: dict[str, Any],
    predictions: dict[str, np.ndarray],
) -> None:
    with whole_file(os.path.join(folder, MODEL)) as partial:
        model.save(partial)
    with whole_file(os.path.join(folder, PREDICTIONS)) as partial:
        np.savez(partial, **predictions)  # type: ignore[arg-type]  # NumPy's stub takes any for a flag
    write_json(os.path.join(folder, METRICS), metrics)


def _tidy(folder: str) -> None:
    """Removes what only an unfinished run needs; a run killed in the middle of this is tidied when it
    is asked for again."""
    shutil.rmtree(os.path.join(folder, FEATURES), ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(folder, STATE))


def report_domains(
    test: FaceIndex, labels: np.ndarray, logits: np.ndarray
) -> dict[str, Any]:
    """`evaluation.classification_report` of each domain that the rows hold.

    Args:
        test: the rows.
        labels: int array, shape (rows,).
        logits: float array, shape (rows, classes).

    Returns:
        {domain: report}.
    """
    domains = np.array([face.domain for face in test.faces])
    people = np.array([face.person for face in test.faces], dtype=object)
    return {
        domain: classification_report(
            labels[domains == domain], logits[domains == domain], list(people[domains == domain])
        )
        for domain in sorted(set(domains.tolist()))
    }
