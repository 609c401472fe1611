"""What a run trains and tests on: rows that are checked, decoded faces, what each epoch shows, batches."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from maskedface.datasets import (
    EpochPlan,
    FaceIndex,
    is_placed,
    read_chips,
    shared_rows,
    take_share,
    with_domain,
)
from maskedface.datasets.augmentation import Augmentation
from maskedface.evaluation import rank_one_matches
from maskedface.recipes import Recipe
from maskedface.training.run import Run


@dataclass(frozen=True)
class Rows:
    """The rows of a run.

    Attributes:
        train: those trained on, after the recipe took its shares.
        test: those tested on.
        is_open: bool, whether the test rows show people who are not trained on.
    """

    train: FaceIndex
    test: FaceIndex
    is_open: bool

    @property
    def photos(self) -> list[str]:
        """The photograph of each training row."""
        return [face.photo for face in self.train.faces]

    def shown_in_curves(self, domain: str) -> np.ndarray:
        """The test rows of a domain: int array; none where they show other people."""
        chosen = np.flatnonzero([face.domain == domain for face in self.test.faces])
        return chosen[:0] if self.is_open else chosen


@dataclass(frozen=True)
class Data:
    """A run's faces in memory.

    Attributes:
        rows: whose faces they are.
        train, test: uint8 arrays, shape (rows, height, width, 3), RGB, 0-255.
        plan: what each epoch shows of the training faces.
    """

    rows: Rows
    train: np.ndarray
    test: np.ndarray
    plan: EpochPlan


def check_rows(
    recipe: Recipe, train: FaceIndex, test: FaceIndex, before: Run | None, run_dir: str, seed: int
) -> Rows:
    """Takes the rows that a recipe trains on, and refuses what must not be trained or tested on.

    Args:
        recipe: the experiment.
        train, test: the rows given.
        before: the run this one starts from; the runs it started from are looked at too.
        run_dir: where this run goes, for the message.
        seed: int >= 0, of the shares.

    Returns:
        The rows.

    Raises:
        ValueError: if fewer than two people are trained on, a row is in both parts, some people of the
            test rows are trained on and some are not, or the test rows can give no figure.
    """
    train = _taken(train, recipe, seed)
    _refuse_leaks(train, test, before, run_dir)
    _warn_of_whole_images(recipe, train, test)
    others = set(test.people) - set(train.people)
    is_open = len(others) == len(test.people)
    if others and not is_open:
        raise ValueError(
            "the people of the test rows must all be trained on, or none. "
            f"Received: {len(others)} of {len(test.people)} are not, {sorted(others)[:3]}"
        )
    refuse_unscored(test, is_open=is_open)
    return Rows(train, test, is_open)


def read_data(
    recipe: Recipe,
    rows: Rows,
    *,
    size: int,
    alignment: str,
    with_domains: bool,
    seed: int,
    cache: str | None,
    progress: bool,
) -> Data:
    """Decodes the faces of a run and plans its epochs.

    Args:
        recipe: the experiment.
        rows: its rows.
        size, alignment: of the faces, in pixels; a key of `geometry.ALIGNMENTS`.
        with_domains: whether labels have the domain beside them.
        seed: int >= 0, the run's.
        cache: a folder for decoded faces, or None: memory.
        progress: whether to draw a progress bar.

    Raises:
        ImageError: if a file cannot be decoded.
        ValueError: if a layer of the augmentation refuses its arguments.
    """
    train, test = (
        read_chips(part, size=size, alignment=alignment, cache=cache, progress=progress)
        for part in (rows.train, rows.test)
    )
    layers = [layer.build() for layer in recipe.augmentation] if recipe.epochs else []
    plan = EpochPlan(
        rows.train.labels(),
        np.array([face.domain == "masked" for face in rows.train.faces]),
        Augmentation(layers, seed=seed, alignment=alignment, size=size),
        seed,
        recipe.sampling,
        with_domains,
        len(rows.train.people),
    )
    return Data(rows, train, test, plan)


def training_batches(
    data: Data,
    inputs: np.ndarray,
    batch_size: int,
    *,
    epochs: int,
    initial_epoch: int,
    as_arrays: bool,
) -> Any:
    """What `fit` reads of the training faces.

    Args:
        data: the faces.
        inputs: `data.train`, or an array of frozen features, shape (rows, views, ...).
        batch_size: int >= 1.
        epochs, initial_epoch: int >= 0, of the whole run, and the first still to come.
        as_arrays: whether batches must be NumPy arrays, which are there on any Keras backend.

    Returns:
        A `tf.data.Dataset` that begins the next epoch each time, or `TrainingBatches` of all epochs.
    """
    has_features = inputs is not data.train
    if as_arrays or has_features or keras.backend.backend() != "tensorflow":
        return TrainingBatches(
            inputs,
            data.plan,
            batch_size=batch_size,
            epochs=epochs,
            initial_epoch=initial_epoch,
            has_features=has_features,
        )
    from maskedface.datasets.tf_dataset import dataset_of

    return dataset_of(data.plan, data.train, batch_size, initial_epoch)


def validation_batches(data: Data, inputs: np.ndarray, domain: str) -> RowBatches | None:
    """What the curves show: the test rows of a domain, or None where there are none.

    Args:
        data: the faces.
        inputs: array, shape (rows, ...), what the network reads of the test rows.
        domain: "masked" or "unmasked".
    """
    rows = data.rows
    chosen = rows.shown_in_curves(domain)
    if not len(chosen):
        return None
    labels = rows.test.labels(rows.train.people)
    if data.plan.with_domains:
        masked = np.array([face.domain == "masked" for face in rows.test.faces])
        labels = with_domain(labels, masked, len(rows.train.people))
    return RowBatches(inputs, labels, chosen)


class TrainingBatches(keras.utils.PyDataset):
    """The training batches of the epochs still to come, one epoch after the other.

    Give it to `fit` with `steps_per_epoch=batches.steps`. Each batch is a function of its number
    alone, so it does not matter who asks for it when.

    Args:
        inputs: array, shape (rows, height, width, 3), faces; or with `has_features` (rows, views, ...),
            activations of each face and, where faces are mirrored, of its mirror.
        plan: what each epoch shows.
        batch_size: int >= 1.
        epochs: int, how many the whole run has.
        initial_epoch: int >= 0, the number of the first that is still to come.
        has_features: what `inputs` holds.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        plan: EpochPlan,
        *,
        batch_size: int,
        epochs: int,
        initial_epoch: int = 0,
        has_features: bool = False,
    ) -> None:
        super().__init__()
        self.inputs, self.plan, self.has_features = inputs, plan, has_features
        self.batch_size, self.epochs, self.initial_epoch = batch_size, epochs, initial_epoch
        self.steps = -(-len(plan.labels) // batch_size)
        self._elements: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return self.steps * (self.epochs - self.initial_epoch)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        past, step = divmod(number, self.steps)
        epoch, plan = self.initial_epoch + past, self.plan
        elements = self._elements_of(epoch)[step * self.batch_size : (step + 1) * self.batch_size]
        rows, draws = plan.rows(elements), plan.draws(elements, epoch)
        if self.has_features:
            inputs = self.inputs[rows, plan.augmentation.mirrored(draws).astype(int)]
        else:
            inputs = plan.images(self.inputs[rows], draws, epoch, step)
        return inputs, plan.targets(elements, draws)

    def _elements_of(self, epoch: int) -> np.ndarray:
        if self._elements is None or self._elements[0] != epoch:
            self._elements = epoch, self.plan.elements(epoch)
        return self._elements[1]


class RowBatches(keras.utils.PyDataset):
    """Some rows of an array in their order, for validation.

    Args:
        inputs: array, shape (rows, ...).
        labels: int array, shape (rows,), or with the domain (rows, people + 1).
        chosen: int array, the rows to give.
        batch_size: int >= 1.
    """

    def __init__(
        self, inputs: np.ndarray, labels: np.ndarray, chosen: np.ndarray, batch_size: int = 64
    ) -> None:
        super().__init__()
        self.inputs, self.labels, self.chosen = inputs, labels, chosen
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.chosen) // self.batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.chosen[number * self.batch_size : (number + 1) * self.batch_size]
        return self.inputs[rows], self.labels[rows]


def refuse_unscored(test: FaceIndex, *, is_open: bool) -> None:
    """Refuses test rows that give no figure.

    Args:
        test: the rows.
        is_open: whether they show people who are not trained on.

    Raises:
        ValueError: if there is no row, or none of people not trained on can be looked for: that takes a
            masked face of somebody with an unmasked one, or two photographs of somebody without a mask.
    """
    if not test.faces:
        raise ValueError("test must have rows. Received: 0 rows")
    if not is_open:
        return
    faces = test.faces
    counts = {domain: len(test.only(domain).faces) for domain in ("masked", "unmasked")}
    people, domains, photos = zip(*((f.person, f.domain, f.photo) for f in faces), strict=True)
    ones = np.ones((len(faces), 1))
    # Who can be compared with whom does not depend on the network: any embedding tells.
    if not counts["unmasked"] or not rank_one_matches(ones, people, domains, photos):
        raise ValueError(
            "test rows of people not trained on must show somebody masked and unmasked, or, where every "
            "photograph is named, somebody on two photographs without a mask. "
            f"Received: {counts['masked']} masked and {counts['unmasked']} unmasked rows of "
            f"{len(test.people)} people, none to be looked for"
        )


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


def _refuse_leaks(train: FaceIndex, test: FaceIndex, before: Run | None, run_dir: str) -> None:
    where, rows = run_dir, train
    while True:
        leaked = shared_rows(test, rows)
        if leaked:
            raise ValueError(
                "no row may be in both training and test set. "
                f"Received: {len(leaked)} test rows that {where!r} trains on, the first {leaked[0]!r}"
            )
        if before is None:
            return
        where, rows = before.path, before.split()["train"]
        before = Run(before.record["init"]) if before.record["init"] else None


def _warn_of_whole_images(recipe: Recipe, train: FaceIndex, test: FaceIndex) -> None:
    faces = (*train.faces, *test.faces)
    whole = sum(not is_placed(face) for face in faces)
    if recipe.faces == "aligned" and whole:
        logging.getLogger("maskedface").warning(
            "%d of %d images are resized whole, as nothing says where their faces lie, and the recipe "
            "%r wants them aligned: give landmarks (maskedface.landmarks.find_landmarks, --landmarks "
            "find) or an alignment, or set faces=whole",
            whole,
            len(faces),
            recipe.name,
        )
