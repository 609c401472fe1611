"""Reports and checks the input format of an ONNX network when it is first used."""

from __future__ import annotations

import logging
import os

from maskedface.engines import OnnxEmbedder, check_normalization
from maskedface.synthetic import draw_faces

_PEOPLE = 8  # drawn people: 20 embeddings per input range, half a minute with a large network


def introduce(embedder: OnnxEmbedder) -> None:
    """Logs the input format of a network ("maskedface").

    On first use the input range is checked on drawn faces, doubts are logged in a warning, and the
    format is stored beside the file.

    Args:
        embedder: the network.
    """
    log, given = logging.getLogger("maskedface"), embedder.face_input
    log.info("model: %s (ONNX Runtime): %s", embedder.path, given.words())
    if os.path.exists(f"{embedder.path}.json"):
        return
    faces = draw_faces([False] * _PEOPLE, alignment=embedder.alignment, size=embedder.size)
    found = check_normalization(embedder, faces)
    log.info(
        "drawn faces: mean cosine %.3f between augmented images of a person, %.3f between people",
        found.stated.same,
        found.stated.different,
    )
    if not found.seems_right:
        best = found.best
        log.warning(
            "%s separates drawn people better with input range %s (%.1f standard deviations) than "
            "with %s (%.1f): check --input-range; to change it, delete %s.json",
            embedder.path,
            best.face_input.words(),
            best.separation,
            given.words(),
            found.stated.separation,
            embedder.path,
        )
    embedder.remember()
