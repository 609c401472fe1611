"""A run's training and test data: checked rows, decoded faces, and the plan of its epochs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from maskedface.datasets import FaceIndex, take_share
from maskedface.datasets.augmentation import Augmentation
from maskedface.datasets.epoch_plan import EpochPlan
from maskedface.datasets.face_cache import cached_faces
from maskedface.datasets.face_places import is_placed
from maskedface.datasets.splits import shared_rows
from maskedface.evaluation import EmbeddedFaces, rank_one_matches
from maskedface.recipes import Recipe
from maskedface.reprs import short_repr
from maskedface.training.run import Run


@dataclass(frozen=True)
class Rows:
    """The rows of a run.

    Attributes:
        train: the training rows, after the recipe's shares were taken.
        test: the test rows.
        is_open: bool, whether the test set is open-set: its people are unseen identities.
    """

    train: FaceIndex
    test: FaceIndex
    is_open: bool

    __repr__ = short_repr

    @property
    def photos(self) -> list[str]:
        """The source photograph of each training row."""
        return [face.photo for face in self.train.faces]

    def shown_in_curves(self, domain: str) -> np.ndarray:
        """The test rows of a domain, for validation curves: int array; empty for an open set."""
        chosen = np.flatnonzero([face.domain == domain for face in self.test.faces])
        return chosen[:0] if self.is_open else chosen


class Seen(Protocol):
    """The part of a network's interface that determines how faces are read;
    `training.network.Network` implements it."""

    size: int
    alignment: str
    wants_domains: bool


@dataclass(frozen=True)
class Data:
    """A run's faces in memory.

    Attributes:
        rows: the rows of the faces.
        train, test: uint8 arrays, shape (rows, height, width, 3), RGB, 0-255, or `StreamedFaces`.
        plan: the order, augmentation and labels of each epoch.
    """

    rows: Rows
    train: np.ndarray
    test: np.ndarray
    plan: EpochPlan

    __repr__ = short_repr


def check_rows(
    recipe: Recipe, train: FaceIndex, test: FaceIndex, before: Run | None, run_dir: str, seed: int
) -> Rows:
    """Selects the rows that a recipe trains on and checks the split for leakage.

    Args:
        recipe: the experiment.
        train, test: the rows given.
        before: the run this one starts from; the runs that it started from are checked too.
        run_dir: this run's folder, for the message.
        seed: int >= 0, the random seed of the shares.

    Returns:
        The rows.

    Raises:
        ValueError: if there are fewer than two training identities, a row is in both parts, only
            some of the test people are training identities, the test rows cannot be evaluated, or
            `enroll_masks` is set for a closed set without class means to enroll.
    """
    train = _taken(train, recipe, seed)
    _refuse_leaks(train, test, before, run_dir)
    _warn_of_whole_images(recipe, train, test)
    others = set(test.people) - set(train.people)
    is_open = len(others) == len(test.people)
    if others and not is_open:
        raise ValueError(
            "the people of the test rows must be either all in the training rows (closed set) or "
            "all unseen (open set). "
            f"Received: {len(others)} of {len(test.people)} unseen, {sorted(others)[:3]}"
        )
    refuse_unscored(test, is_open=is_open)
    if recipe.enroll_masks and recipe.head_final == "trained" and not is_open:
        raise ValueError(
            "head_final must be 'class_means' or 'photo_means' for masks on the enrolled faces of a "
            f"closed set. Received: head_final='trained', enroll_masks={recipe.enroll_masks}"
        )
    return Rows(train, test, is_open)


def read_data(
    recipe: Recipe, rows: Rows, seen: Seen, *, seed: int, cache: str, progress: bool
) -> Data:
    """Decodes the faces of a run and plans its epochs.

    Args:
        recipe: the experiment.
        rows: its rows.
        seen: the network's input size, alignment and labels.
        seed: int >= 0, the run's seed.
        cache: as for `training.train`.
        progress: whether to show a progress bar.

    Raises:
        ImageError: if a file cannot be decoded.
        ValueError: if an augmentation layer rejects its arguments.
    """
    train, test = (
        cached_faces(part, size=seen.size, alignment=seen.alignment, cache=cache, progress=progress)
        for part in (rows.train, rows.test)
    )
    layers = [layer.build() for layer in recipe.augmentation] if recipe.epochs else []
    plan = EpochPlan(
        rows.train.labels(),
        rows.train.masked,
        Augmentation(layers, seed=seed, alignment=seen.alignment, size=seen.size),
        recipe.sampling,
        seen.wants_domains,
        len(rows.train.people),
    )
    return Data(rows, train, test, plan)


def refuse_unscored(test: FaceIndex, *, is_open: bool) -> None:
    """Rejects test rows that cannot be evaluated.

    Args:
        test: the rows.
        is_open: whether the people are unseen identities.

    Raises:
        ValueError: if there are no rows, or an open set has no mated probe: that takes a person
            with a masked and an unmasked face, or one with two unmasked photographs.
    """
    if not test.faces:
        raise ValueError("test must not be empty. Received: 0 rows")
    if not is_open:
        return
    faces = test.faces
    counts = {domain: len(test.only(domain).faces) for domain in ("masked", "unmasked")}
    ones = EmbeddedFaces.of(faces, np.ones((len(faces), 1)))
    # Who can be compared with whom does not depend on the network: any embedding tells.
    if not counts["unmasked"] or not rank_one_matches(ones):
        raise ValueError(
            "test rows of an open-set split must contain a person with masked and unmasked faces "
            "or, if every row names its photo, a person with two unmasked photos. "
            f"Received: {counts['masked']} masked and {counts['unmasked']} unmasked rows of "
            f"{len(test.people)} people without a mated probe"
        )


def _taken(rows: FaceIndex, recipe: Recipe, seed: int) -> FaceIndex:
    parts = [
        take_share(rows.only(domain), share, seed) for domain, share in recipe.train_on.items()
    ]
    taken = sum(parts[1:], parts[0])
    if len(taken.people) < 2:
        raise ValueError(
            f"the training rows must contain at least 2 people in {list(recipe.train_on)}. "
            f"Received: {len(taken)} images of {len(taken.people)} people"
        )
    return taken


def _refuse_leaks(train: FaceIndex, test: FaceIndex, before: Run | None, run_dir: str) -> None:
    where, rows = run_dir, train
    while True:
        leaked = shared_rows(test, rows)
        if leaked:
            raise ValueError(
                "training and test rows must be disjoint. "
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
            "%d of %d images have no known face position and are resized as a whole, but the "
            "recipe %r expects aligned faces: provide landmarks (maskedface.landmarks."
            "find_landmarks, --landmarks find) or an alignment, or set faces=whole",
            whole,
            len(faces),
            recipe.name,
        )
