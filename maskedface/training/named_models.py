"""A network by the name that somebody gives it: dlib's, a finished run's folder or a file's."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Literal, NamedTuple

from maskedface import models
from maskedface.datasets.face_places import is_placed
from maskedface.names import did_you_mean, near_path
from maskedface.training.run import Run, alignment_beside, find_run

if TYPE_CHECKING:
    import keras


class NamedModel(NamedTuple):
    """A network, and what is known of it.

    Attributes:
        model: images -> embeddings, or a classifier.
        alignment: what its input is aligned to, a key of `geometry.ALIGNMENTS`; None where nothing but the
            model itself says it (`models.alignment_of`).
        source: str, "dlib" or an absolute path, by which it is found again.
        run: the finished run that it is of, by its folder; else None.
    """

    model: keras.Model
    alignment: str | None
    source: str
    run: Run | None = None


def faces_of(model: str | os.PathLike[str] | Run) -> Literal["aligned", "whole"]:
    """How other images are shown to a network: to a run's as its training rows were.

    Args:
        model: a finished run, or a name as for `open_model`; the model itself is not opened.

    Returns:
        "aligned", by the place of each face, or "whole". A network of no run is made for aligned faces.

    Raises:
        FileNotFoundError: if a folder is no finished run's.

    >>> from maskedface.training.named_models import faces_of
    >>> faces_of("dlib")
    'aligned'
    """
    if not isinstance(model, Run):
        if not os.path.isdir(model):
            return "aligned"
        model = find_run(model)
    return "aligned" if any(map(is_placed, model.split()["train"].faces)) else "whole"


def open_model(name: str | os.PathLike[str], alignment: str | None = None) -> NamedModel:
    """Opens a network by its name.

    Args:
        name: "dlib", a finished run's folder or one of runs (`find_run`), or a .keras file.
        alignment: of a .keras file, in place of what it, or the run that it lies in, states.

    Returns:
        A `NamedModel`.

    Raises:
        FileNotFoundError: if there is no such model, or the folder is no finished run's.
        ValueError: if an alignment is given for something else than a file, or the file is another.

    >>> from maskedface.training.named_models import open_model
    >>> open_model("dlib").model.input_shape
    (None, 150, 150, 3)
    """
    name = os.fspath(name)
    is_file = name != "dlib" and os.path.isfile(name)
    if name != "dlib" and not is_file and not os.path.isdir(name):
        raise FileNotFoundError(
            f"a model must be 'dlib', a run's folder or a .keras file. Received: {name!r}"
            f"{did_you_mean(name, ('dlib',)) or near_path(name)}"
        )
    if alignment is not None and not is_file:
        raise ValueError(
            "alignment must come with a .keras file: dlib's network and runs state their own. "
            f"Received: alignment={alignment!r} for {name!r}"
        )
    if is_file:
        from maskedface.models.saved import load_model  # a wrong name ends before Keras is imported

        stated = alignment or alignment_beside(name)
        return NamedModel(load_model(name), stated, os.path.abspath(name))
    if name == "dlib":
        return NamedModel(models.DlibResNet29(), None, name)
    run = find_run(name)
    if os.path.abspath(run.path) != os.path.abspath(name):
        logging.getLogger("maskedface").info("%s: the run %s", name, run.path)
    return NamedModel(run.model, run.record["alignment"], os.path.abspath(run.path), run)
