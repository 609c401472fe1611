"""A recognizer's network run by another engine, compared with Keras on faces that it was trained on."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from maskedface import models
from maskedface.datasets import FaceIndex, read_aligned_faces
from maskedface.engines import Embedder, RealFaces
from maskedface.engines.comparing import choose
from maskedface.engines.registry import check_engine
from maskedface.recognition.introducing import drawn_faces

if TYPE_CHECKING:
    from maskedface.engines import KerasEmbedder
    from maskedface.engines.engine import Precision
    from maskedface.training import Run

_DRAWN = 16  # faces: float arithmetic differs alike on all


@dataclass(frozen=True)
class EngineChoice:
    """What embeds in place of Keras, and on which faces it is compared with Keras.

    >>> from maskedface import recognition
    >>> recognition.EngineChoice("openvino").precision
    'float32'

    Args:
        engine: a key of `engines.ENGINES`, or "auto", the fastest that is near enough.
        precision: "float32", "bfloat16" or "int8"; of "auto" the least exact that it may take.
        faces: real faces of people, as a `FaceIndex`, for the comparison and for int8, of whom nothing is
            reported; None: of a run its training faces, where they are there still; else, but for int8,
            drawn ones.
        tolerance: float in [0, 1], the share of rank-1 on those faces that int8 may lose.

    Raises:
        ValueError: if a word is none of these, or the processor cannot compute so.
        ModuleNotFoundError: if the engine is not installed; the message has the pip line.
    """

    engine: str = "keras"
    precision: Precision = "float32"
    faces: FaceIndex | None = None
    tolerance: float = 0.02

    def __post_init__(self) -> None:
        check_engine(self.engine, self.precision)

    @property
    def is_keras(self) -> bool:
        """Whether the network stays as it is."""
        return (self.engine, self.precision) == ("keras", "float32")


def by_engine(embedder: KerasEmbedder, choice: EngineChoice, run: Run | None) -> Embedder:
    """The embedder as an engine runs it, told by `logging` ("maskedface").

    Args:
        embedder: the network.
        choice: what runs it.
        run: whose training faces may be looked at, or None.

    Returns:
        The embedder itself where Keras runs it in float32.

    Raises:
        ModuleNotFoundError, ValueError: as `engines.compile_model`; and if there are no faces for int8.
        ImageError, OSError: as `datasets.read_aligned_faces`.
    """
    if choice.is_keras:
        return embedder
    from maskedface.engines import CompiledEmbedder
    from maskedface.engines.compiling import told

    faces = real_faces(choice, run, embedder.size, embedder.alignment)
    if faces is None:
        faces = RealFaces(drawn_faces(embedder, _DRAWN))
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
    """A run's classifier as an engine runs it, told by `logging` ("maskedface").

    Args:
        run: finished.
        choice: what runs it; None = Keras.

    Returns:
        A function: uint8 faces, as the run takes them -> float32 logits.

    Raises:
        ModuleNotFoundError, ValueError, ImageError, OSError: as `by_engine`.
    """
    if choice is None or choice.is_keras:
        return functools.partial(models.predict, run.model)
    from maskedface.engines import KerasEmbedder, compile_model
    from maskedface.engines.compiling import told

    plain = KerasEmbedder(run.model, run.record["alignment"])
    faces = real_faces(choice, run, plain.size, plain.alignment)
    made = compile_model(
        run.model,
        faces or RealFaces(drawn_faces(plain, _DRAWN)),
        engine=choice.engine,
        precision=choice.precision,
        tolerance=choice.tolerance,
    )
    logging.getLogger("maskedface").info("logits by %s", told(made.facts()))
    return made


def real_faces(
    choice: EngineChoice, run: Run | None, size: int, alignment: str
) -> RealFaces | None:
    """The faces that an engine is compared with Keras on, read.

    Args:
        choice, run: as for `by_engine`.
        size, alignment: how the network takes them.

    Returns:
        The faces; None where there are none, and the precision is not int8.

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
                "int8 must be calibrated on real faces of people: give some (EngineChoice(faces=), "
                "--calibration FOLDER), of whom nothing is reported. Received: none, and no run whose "
                "training faces are there"
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


def few_faces(index: FaceIndex) -> FaceIndex:
    """Of many faces those that an engine would be compared and calibrated on."""
    rows = sorted(row for part in choose([face.person for face in index.faces]) for row in part)
    return FaceIndex(index.root, [index.faces[row] for row in rows])
