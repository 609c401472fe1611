"""The first time that a network of another program is used: what it takes is told, doubted and kept."""

from __future__ import annotations

import logging
import os

import numpy as np

from maskedface import geometry
from maskedface.engines import Embedder, OnnxEmbedder, check_normalization
from maskedface.synthetic import draw_face

_PEOPLE = 8  # drawn faces: 20 embeddings a range, half a minute with a large network


def introduce(embedder: OnnxEmbedder) -> None:
    """Tells by `logging` ("maskedface") how a network gets its faces.

    Where nothing was remembered of the file, its input range is checked on drawn faces, a doubt is
    told as a warning, and the words are kept beside the file.

    Args:
        embedder: the network.
    """
    log, given = logging.getLogger("maskedface"), embedder.face_input
    log.info("model: %s (ONNX Runtime): %s", embedder.path, given.words())
    if os.path.exists(f"{embedder.path}.json"):
        return
    found = check_normalization(embedder, drawn_faces(embedder, _PEOPLE))
    log.info(
        "drawn faces: %.3f alike under small changes, %.3f from person to person",
        found.stated.same,
        found.stated.different,
    )
    if not found.seems_right:
        best = found.best
        log.warning(
            "%s tells drawn faces apart better where they are %s (%.1f standard deviations) than where "
            "they are %s (%.1f): check --input-range; to say it anew, delete %s.json",
            embedder.path,
            best.face_input.words(),
            best.separation,
            given.words(),
            found.stated.separation,
            embedder.path,
        )
    embedder.remember()


def drawn_faces(embedder: Embedder, people: int) -> np.ndarray:
    """One unmasked face of each of some drawn people, as an embedder takes them."""
    size = embedder.size
    matrix = geometry.chip_matrix(
        size, size, source="arcface", target=embedder.alignment, size=size
    )
    faces = (draw_face(person, 0, False, size=size) for person in range(people))
    return np.stack([geometry.warp(face, matrix, size) for face in faces])
