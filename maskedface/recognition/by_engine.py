"""Runs a recognizer's network with another engine, after a comparison with Keras on real faces."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from maskedface import models
from maskedface.datasets import FaceIndex, read_aligned_faces
from maskedface.engines import (
    CompiledEmbedder,
    Embedder,
    KerasEmbedder,
    RealFaces,
    compile_model,
)
from maskedface.engines.comparing import choose
from maskedface.engines.compiling import told
from maskedface.recognition.engine_choice import EngineChoice
from maskedface.synthetic import draw_faces

if TYPE_CHECKING:
    from maskedface.training import Run

_DRAWN = 16  # drawn faces; float rounding differs by the same amount on any faces


def by_engine(embedder: KerasEmbedder, choice: EngineChoice, run: Run | None) -> Embedder:
    """Compiles an embedder for an engine, and logs the engine ("maskedface").

    Args:
        embedder: the network.
        choice: the engine.
        run: the run whose training faces may be used, or None.

    Returns:
        The compiled embedder, or the same embedder for Keras in float32.

    Raises:
        ModuleNotFoundError, ValueError: as `engines.compile_model`; or if there are no faces for
            int8.
        ImageError, OSError: as `datasets.read_aligned_faces`.
    """
    if choice.is_keras:
        return embedder
    faces = real_faces(choice, run, embedder.size, embedder.alignment)
    if faces is None:
        faces = _drawn(embedder.size, embedder.alignment)
    made = CompiledEmbedder(
        embedder,
        faces,
        engine=choice.engine,
        precision=choice.precision,
        tolerance=choice.tolerance,
    )
    logging.getLogger("maskedface").info("embeddings by %s", told(made.compiled.facts()))
    return made


def run_by_engine(run: Run, choice: EngineChoice | None) -> Callable[[np.ndarray], np.ndarray]:
    """Compiles a run's classifier for an engine, and logs the engine ("maskedface").

    Args:
        run: a finished run.
        choice: the engine; None means Keras.

    Returns:
        A function from uint8 faces, in the run's input format, to float32 logits.

    Raises:
        ModuleNotFoundError, ValueError, ImageError, OSError: as `by_engine`.
    """
    if choice is None or choice.is_keras:
        return functools.partial(models.predict, run.model)
    plain = KerasEmbedder(run.model, run.record["alignment"])
    faces = real_faces(choice, run, plain.size, plain.alignment)
    made = compile_model(
        run.model,
        faces or _drawn(plain.size, plain.alignment),
        engine=choice.engine,
        precision=choice.precision,
        tolerance=choice.tolerance,
    )
    logging.getLogger("maskedface").info("logits by %s", told(made.facts()))
    return made


def evaluate_run(
    run: Run, rows: FaceIndex, choice: EngineChoice | None = None, *, progress: bool = False
) -> dict[str, Any]:
    """Evaluates a run's classifier on other images of its people.

    Args:
        run: a finished run.
        rows: the images; none should be of the run's training rows (`lineage.refuse_rows`).
        choice: the engine; None means Keras.
        progress: whether to show a progress bar while the faces are read.

    Returns:
        The result of `report_domains`.

    Raises:
        ValueError: if somebody was not trained on; and as `run_by_engine`.
        ModuleNotFoundError, ImageError, OSError: as `run_by_engine`.
    """
    from maskedface.training.domain_reports import report_domains  # imports scikit-learn

    size, alignment = run.record["image_size"], run.record["alignment"]
    faces = read_aligned_faces(rows, size=size, alignment=alignment, progress=progress)
    labels = rows.labels(tuple(run.record["classes"]))
    return report_domains(rows, labels, run_by_engine(run, choice)(faces))


def real_faces(
    choice: EngineChoice, run: Run | None, size: int, alignment: str
) -> RealFaces | None:
    """Reads the faces on which an engine is compared with Keras.

    Args:
        choice, run: as for `by_engine`.
        size, alignment: the size and alignment of the network's input.

    Returns:
        The faces; None if there are none and the precision is not int8.

    Raises:
        ValueError: if there are none for int8.
        ImageError, OSError: as `datasets.read_aligned_faces`.
    """
    index = choice.faces
    if index is None and run is not None:
        index = run.split()["train"]
        index = index if all(map(os.path.isfile, index.paths)) else None
    if index is None or not len(index):
        if choice.precision == "int8":
            raise ValueError(
                "int8 must be calibrated on real faces: give some (EngineChoice(faces=), "
                "--calibration FOLDER) of people on whom no results are reported. Received: none, "
                "and no run whose training faces exist"
            )
        return None
    people = [face.person for face in index.faces]
    compared, rest = (
        FaceIndex(index.root, [index.faces[row] for row in rows]) for rows in choose(people)
    )
    read = functools.partial(read_aligned_faces, size=size, alignment=alignment)
    calibration = None
    if choice.precision == "int8" and len(rest):
        calibration = read(rest)
    names = [face.person for face in compared.faces]
    return RealFaces(read(compared), names, calibration)


def _drawn(size: int, alignment: str) -> RealFaces:
    return RealFaces(draw_faces([False] * _DRAWN, alignment=alignment, size=size))


def few_faces(index: FaceIndex) -> FaceIndex:
    """The subset of many faces on which an engine is compared and calibrated."""
    rows = sorted(row for part in choose([face.person for face in index.faces]) for row in part)
    return FaceIndex(index.root, [index.faces[row] for row in rows])
