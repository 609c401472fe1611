"""Which runs a model comes from, and whom they were trained on."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from maskedface.datasets import FaceIndex
from maskedface.datasets.person_names import same_people
from maskedface.datasets.splits import shared_rows
from maskedface.training.run import RECORD, Run, find_run, read_record


def lineage(model: str) -> list[tuple[str, dict[str, Any]]]:
    """The run that made a model, and all that it started from: by their recipe's `init`, or as a
    backbone's file that lies in a run's folder.

    Args:
        model: a run's folder, a model's file, or a name of neither ("dlib").

    Returns:
        (run folder, its run.json) of each, the model's own first; nothing for a model of no run.

    Raises:
        FileNotFoundError: if a run in the line is not where it was, nor beside the one that names it.
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
    """Refuses a model for people whom it, or a run that it started from, was trained on.

    Args:
        model: as for `lineage`.
        people: names, compared as `datasets.person_names.same_people` does.

    Raises:
        ValueError: if it was; the message counts them and names the run.
        FileNotFoundError: as `lineage`.
    """
    asked = tuple(people)
    for folder, record in lineage(model):
        known = same_people(record["classes"], asked)
        if known:
            raise ValueError(
                "the people of a protocol must not be ones that a model was trained on. "
                f"Received: {model!r}, of which {folder!r} was trained on {len(known)} of them, "
                f"{list(known[:4])}"
            )


def refuse_rows(run: Run, index: FaceIndex) -> None:
    """Refuses images that a run was trained on, before it is tested on them.

    Args:
        run: finished.
        index: the rows to test on.

    Raises:
        ValueError: if some are (`datasets.splits.shared_rows`); the message counts them.
    """
    leaked = shared_rows(index, run.split()["train"])
    if leaked:
        raise ValueError(
            "images to evaluate on must not be ones the run trained on. "
            f"Received: {len(leaked)} such, the first {leaked[0]!r}"
        )


def _around(file: str) -> list[str]:
    """The run's folder that a model's file lies in, if it does."""
    folder = os.path.dirname(os.path.abspath(file))
    is_there = os.path.isfile(file) and os.path.isfile(os.path.join(folder, RECORD))
    return [folder] if is_there else []


def _moved(folder: str, after: str) -> str:
    """Where a run lies: where it was, or under its name beside the run that started from it."""
    places = (folder, os.path.join(os.path.dirname(after), os.path.basename(folder)))
    for place in places:
        if os.path.isfile(os.path.join(place, RECORD)):
            return os.path.abspath(place)
    raise FileNotFoundError(
        "the run that a run started from must be there, to know whom it was trained on. "
        f"Received: {after!r}, which started from {folder!r}"
    )
