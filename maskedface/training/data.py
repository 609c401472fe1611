"""What a run trains and tests on: rows that are checked, decoded faces, what each epoch shows."""

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
        train: those trained on, after the recipe took its shares.
        test: those tested on.
        is_open: bool, whether the test rows show people who are not trained on.
    """

    train: FaceIndex
    test: FaceIndex
    is_open: bool

    __repr__ = short_repr

    @property
    def photos(self) -> list[str]:
        """The photograph of each training row."""
        return [face.photo for face in self.train.faces]

    def shown_in_curves(self, domain: str) -> np.ndarray:
        """The test rows of a domain: int array; none where they show other people."""
        chosen = np.flatnonzero([face.domain == domain for face in self.test.faces])
        return chosen[:0] if self.is_open else chosen


class Seen(Protocol):
    """What of a network decides how its faces are read: `training.network.Network` has it."""

    size: int
    alignment: str
    wants_domains: bool


@dataclass(frozen=True)
class Data:
    """A run's faces in memory.

    Attributes:
        rows: whose faces they are.
        train, test: uint8 arrays, shape (rows, height, width, 3), RGB, 0-255, or `StreamedFaces`.
        plan: what each epoch shows of the training faces.
    """

    rows: Rows
    train: np.ndarray
    test: np.ndarray
    plan: EpochPlan

    __repr__ = short_repr


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
    recipe: Recipe, rows: Rows, seen: Seen, *, seed: int, cache: str, progress: bool
) -> Data:
    """Decodes the faces of a run and plans its epochs.

    Args:
        recipe: the experiment.
        rows: its rows.
        seen: how the network sees them.
        seed: int >= 0, the run's.
        cache: as for `training.train`.
        progress: whether to draw a progress bar.

    Raises:
        ImageError: if a file cannot be decoded.
        ValueError: if a layer of the augmentation refuses its arguments.
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
    """Refuses test rows that give no figure.

    Args:
        test: the rows.
        is_open: whether they show people who are not trained on.

    Raises:
        ValueError: if there is no row, or none of unseen identities can be looked for: that takes a
            masked face of somebody with an unmasked one, or two photographs of somebody without a mask.
    """
    if not test.faces:
        raise ValueError("test must have rows. Received: 0 rows")
    if not is_open:
        return
    faces = test.faces
    counts = {domain: len(test.only(domain).faces) for domain in ("masked", "unmasked")}
    ones = EmbeddedFaces.of(faces, np.ones((len(faces), 1)))
    # Who can be compared with whom does not depend on the network: any embedding tells.
    if not counts["unmasked"] or not rank_one_matches(ones):
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
