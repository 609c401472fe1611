"""The chain of runs that led to a model, and the people they were trained on."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from maskedface.datasets import FaceIndex
from maskedface.datasets.person_names import same_people
from maskedface.datasets.splits import shared_rows
from maskedface.training.run import RECORD, Run, find_run, read_record


def lineage(model: str) -> list[tuple[str, dict[str, Any]]]:
    """The run that produced a model and all runs that it started from, through their recipe's
    `init` or a backbone file in a run folder.

    Args:
        model: a run folder, a model file, or any other name ("dlib").

    Returns:
        (run folder, its run.json) of each run, the model's own first; empty if the model is not
        from a run.

    Raises:
        FileNotFoundError: if a run of the chain is neither at its recorded place nor next to the
            run that refers to it.
    """
    found: dict[str, dict[str, Any]] = {}
    folders = [os.path.abspath(find_run(model).path)] if os.path.isdir(model) else _around(model)
    while folders:
        folder = folders.pop(0)
        if folder in found:
            continue
        record = found[folder] = read_record(folder)
        if record["init"]:
            folders.append(_moved(record["init"], folder))
        folders += _around(record["backbone"])
    return list(found.items())


def refuse_people(model: str, people: Iterable[str]) -> None:
    """Rejects the evaluation of a model on people that it or an earlier run was trained on.

    Args:
        model: as for `lineage`.
        people: names, compared as in `datasets.person_names.same_people`.

    Raises:
        ValueError: if there are such people; the message counts them and names the run.
        FileNotFoundError: as `lineage`.
    """
    asked = tuple(people)
    for folder, record in lineage(model):
        known = same_people(record["classes"], asked)
        if known:
            raise ValueError(
                "the people of a protocol must be unseen by the model. "
                f"Received: {model!r}, whose run {folder!r} was trained on {len(known)} of them, "
                f"{list(known[:4])}"
            )


def refuse_rows(run: Run, index: FaceIndex) -> None:
    """Rejects the evaluation of a run on its own training images.

    Args:
        run: a finished run.
        index: the rows to evaluate on.

    Raises:
        ValueError: if there are such images (`datasets.splits.shared_rows`); the message counts
            them.
    """
    leaked = shared_rows(index, run.split()["train"])
    if leaked:
        raise ValueError(
            "images to evaluate on must not be training images of the run. "
            f"Received: {len(leaked)} training images, the first {leaked[0]!r}"
        )


def _around(file: str) -> list[str]:
    """The run folder that contains a model file, if any."""
    folder = os.path.dirname(os.path.abspath(file))
    is_there = os.path.isfile(file) and os.path.isfile(os.path.join(folder, RECORD))
    return [folder] if is_there else []


def _moved(folder: str, after: str) -> str:
    """A run's folder: at its recorded place, or next to the run that started from it."""
    places = (folder, os.path.join(os.path.dirname(after), os.path.basename(folder)))
    for place in places:
        if os.path.isfile(os.path.join(place, RECORD)):
            return os.path.abspath(place)
    raise FileNotFoundError(
        "the run that a run started from must exist, since its training people must be known. "
        f"Received: {after!r}, which started from {folder!r}"
    )
