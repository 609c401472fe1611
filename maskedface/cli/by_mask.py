"""Runs of an open set beside another network, which compares the faces that seem to wear no mask."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from maskedface.cli.embedding import embedded_faces
from maskedface.cli.recognizing import load_recognizer, print_table
from maskedface.cli.results import difference
from maskedface.datasets import FaceIndex, face_source, read_image
from maskedface.evaluation import bootstrap_interval, by_mask, rank_one_matches
from maskedface.masking import SEEMS_MASKED, masked_probability
from maskedface.reporting import RunGroup
from maskedface.training import last_run

if TYPE_CHECKING:
    from maskedface.training import Run


def print_by_mask(
    groups: Mapping[str, Sequence[Run]],
    bare: str,
    against: Sequence[Run] | None = None,
    alignment: str | None = None,
) -> None:
    """Prints the rank-1 of each run alone, of the other network alone, and of both by what the faces seem.

    Args:
        groups: label -> the runs of one recipe, one a seed, of an open set.
        bare: the network for bare faces, as for `load_recognizer`.
        against: runs over the same test rows, to which the difference of both is shown.
        alignment: of a .keras file, as for `load_recognizer`.

    Raises:
        ValueError: if a run is of a closed set, or one of seeds, or `against`, is of other rows.
        FileNotFoundError: if there is no such network.
    """
    from rich.table import Table

    recognizer = load_recognizer(bare, alignment)
    title = "rank-1 (95 % interval over people); by mask: each face by the network meant for it"
    table = Table(title=title)
    columns = ("probes", "faces", "alone", "bare network alone", "by mask", "misled")
    for column in (*columns, *(("difference",) if against else ())):
        table.add_column(column, no_wrap=True)
    for label, runs in groups.items():
        group = RunGroup(label, tuple(runs))
        if not group.is_open:
            raise ValueError(f"--bare must come with runs of an open set. Received: {label!r}")
        test = group.test
        if bare != "dlib" and os.path.isdir(bare):
            known = {*last_run(bare).split()["train"].people} & {*test.people}
            if known:
                raise ValueError(
                    "--bare must not have been trained on people of the test faces. "
                    f"Received: {bare!r}, trained on {len(known)} of them"
                )
        seems = seems_masked(test)
        embedded = embedded_faces(recognizer, test)
        theirs = rank_one_matches(
            *embedded[:4], cohort=recognizer.gallery.cohort, templates=embedded.templates
        )
        for kind, found in theirs.items():
            people, ours = found.known_people, [one[kind] for one in group.matches]
            both = [by_mask(one, found, seems) for one in ours]
            hits = [np.mean([m.hits() for m in part], 0) for part in (ours, both)]
            misled = (seems[found.rows] != (kind != "unmasked")).mean()
            row = [
                f"{label}, {kind}",
                str(len(found.rows)),
                *(_rate(values, people) for values in (hits[0], found.hits(), hits[1])),
                f"{misled:.3f}",
            ]
            if against:
                row.append(difference(hits[1], people, against, kind))
            table.add_row(*row)
    print_table(table)


def seems_masked(index: FaceIndex) -> np.ndarray:
    """Which faces seem to wear a mask, from the images alone: bool array, shape (rows,)."""
    return np.array(
        [
            masked_probability(read_image(path), face_source(face)) >= SEEMS_MASKED
            for path, face in zip(index.paths, index.faces, strict=True)
        ]
    )


def _rate(hits: np.ndarray, people: Sequence[str]) -> str:
    low, high = bootstrap_interval(hits, people)
    return f"{hits.mean():.3f} [{low:.3f}, {high:.3f}]"
