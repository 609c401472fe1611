"""What must not be trained, found before any work."""

from __future__ import annotations

import os

import numpy as np

from maskedface.datasets import FaceIndex, shared_rows
from maskedface.evaluation import EmbeddedFaces, rank_one_matches
from maskedface.recipes import Recipe
from maskedface.training.run import Run
from maskedface.training.start import RANDOM, has_name


def refuse_noise(
    recipe: Recipe, backbone: str | os.PathLike[str], weights: str | os.PathLike[str] | None
) -> None:
    """Refuses a network that would stay, whole or in part, as random numbers have made it.

    Args:
        recipe: the experiment.
        backbone, weights: as for `training.train`.

    Raises:
        ValueError: if the recipe freezes a part of the network, or trains nothing, and no weights are
            named for it: neither here, nor by a backbone's file, nor by a run to start from.
    """
    stays = recipe.freeze_through != "none" or not recipe.epochs
    if stays and weights is None and has_name(backbone) and not recipe.init:
        raise ValueError(
            "weights must be a preset or a file (--weights) where a recipe freezes layers or trains "
            f"none, or {RANDOM!r} where that is meant. Received: weights=None, backbone="
            f"{os.fspath(backbone)!r}, freeze_through={recipe.freeze_through!r}, epochs={recipe.epochs}"
        )


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
    ones = EmbeddedFaces.of(faces, np.ones((len(faces), 1)))
    # Who can be compared with whom does not depend on the network: any embedding tells.
    if not counts["unmasked"] or not rank_one_matches(ones):
        raise ValueError(
            "test rows of people not trained on must show somebody masked and unmasked, or, where every "
            "photograph is named, somebody on two photographs without a mask. "
            f"Received: {counts['masked']} masked and {counts['unmasked']} unmasked rows of "
            f"{len(test.people)} people, none to be looked for"
        )


def refuse_leaks(train: FaceIndex, test: FaceIndex, before: Run | None, run_dir: str) -> None:
    """Refuses a training set that holds rows of the test set, this run's or an earlier one's.

    Args:
        train, test: the rows of this run.
        before: the run this one starts from; the runs it started from are looked at too.
        run_dir: where this run goes, for the message.

    Raises:
        ValueError: if a row is in both; the message counts them and says where.
    """
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
