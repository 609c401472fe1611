"""Opens a network by its name: "dlib", a finished run's folder or a model file."""

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
    """A network with its source.

    Attributes:
        model: images -> embeddings, or a classifier.
        alignment: the alignment it expects, a key of `geometry.ALIGNMENTS`; None if only the model
            itself states it (`models.alignment_of`).
        source: str, "dlib" or an absolute path, by which it can be opened again.
        run: the finished run, if the model was opened by a run folder; else None.
    """

    model: keras.Model
    alignment: str | None
    source: str
    run: Run | None = None


def faces_of(model: str | os.PathLike[str] | Run) -> Literal["aligned", "whole"]:
    """How new images are presented to a network: in the same way as the training images of its run.

    Args:
        model: a finished run, or a name as for `open_model`; the model itself is not opened.

    Returns:
        "aligned" (by the position of each face) or "whole". Networks that are not from a run expect
        aligned faces.

    Raises:
        FileNotFoundError: if a folder is not that of a finished run.

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
        name: "dlib", the folder of a finished run or of several runs (`find_run`), or a .keras
            file.
        alignment: for a .keras file, overrides the alignment stated by it or its run folder.

    Returns:
        A `NamedModel`.

    Raises:
        FileNotFoundError: if there is no such model, or the folder is not that of a finished run.
        ValueError: if an alignment is given but `name` is not a file, or the file is not a .keras
            file.

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
            "alignment must only be given for a .keras file; dlib's network and runs state theirs. "
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
