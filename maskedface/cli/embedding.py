"""The faces of a protocol as each model embeds them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from maskedface import datasets, models
from maskedface.cli import data
from maskedface.cli.recogniser import load_recognizer
from maskedface.datasets import FaceIndex
from maskedface.evaluation import EmbeddedFaces
from maskedface.masking import masked_templates
from maskedface.recognition import Recognizer, each


def models_and_faces(
    args: argparse.Namespace, *parts: FaceIndex
) -> Iterator[tuple[str, Recognizer, tuple[FaceIndex, ...]]]:
    """Each model of the words, with the faces as they are shown to it (`data.placed`); with --detect as
    they are.

    Args:
        args: the words of `maskedface evaluate --protocol`.
        parts: as for `data.placed`.

    Yields:
        (name, recogniser, parts).

    Raises:
        ValueError: if words do not go together.
        FileNotFoundError: if there is no such model.
    """
    if args.detect and args.landmarks:
        raise ValueError(
            f"--detect must come without --landmarks. Received: --landmarks {args.landmarks}"
        )
    found = {name: load_recognizer(name, fall_back="always") for name in args.runs}
    for name, recognizer in found.items():
        if args.detect and recognizer.gallery.masks:
            raise ValueError(
                "--detect must not come with a run that draws masks on those enrolled. "
                f"Received: {name!r} with enroll_masks={recognizer.gallery.masks}"
            )
    placed = {"": parts}
    for name, recognizer in found.items():
        wanted = "" if args.detect else data.wanted_by_model(name)
        if wanted not in placed:
            placed[wanted] = data.placed(args, wanted, *parts)
        yield name, recognizer, placed[wanted]


def embed(recognizer: Recognizer, index: FaceIndex, detect: bool) -> tuple[np.ndarray, int]:
    """Embeddings in the rows' order, and for how many no face was found (the whole image is taken)."""
    if not detect:
        size = recognizer.embedder.input_shape[1]
        chips = datasets.read_chips(
            index, size=size, alignment=recognizer.alignment, progress=True
        )
        return models.predict(recognizer.embedder, chips), 0
    rows, whole = [], 0
    for path, faces, error in each(index.paths, recognizer.faces, "finding faces", progress=True):
        if not faces:
            raise ValueError(f"every face of a protocol must be readable. Received: {path!r}: {error}")
        # A protocol's image is about the face in its middle; others are bystanders.
        face = max(faces, key=lambda face: (face.box[2] - face.box[0]) * (face.box[3] - face.box[1]))
        rows.append(face.embedding)
        whole += face.aligned_by == "whole image"
    return np.stack(rows), whole


def embedded_faces(recognizer: Recognizer, index: FaceIndex, detect: bool) -> EmbeddedFaces:
    """The faces as a recogniser embeds them, with what it enrols of each where masks are drawn on those."""
    embeddings, whole = embed(recognizer, index, detect)
    if whole:
        print(f"{whole} of {len(index)} faces not found: whole image taken")
    people, domains, photos = zip(
        *((face.person, face.domain, face.photo) for face in index.faces), strict=True
    )
    enrolled = templates(recognizer, index, embeddings)
    return EmbeddedFaces(embeddings, people, domains, photos, enrolled)


def templates(
    recognizer: Recognizer, index: FaceIndex, embeddings: np.ndarray
) -> np.ndarray | None:
    """What is enrolled of each face, where masks are to be drawn on bare ones; else None."""
    if not recognizer.gallery.masks:
        return None
    bare = np.flatnonzero([face.domain == "unmasked" for face in index.faces])
    chips = datasets.read_chips(
        index.where(lambda face: face.domain == "unmasked"),
        size=recognizer.embedder.input_shape[1],
        alignment=recognizer.alignment,
    )
    found = embeddings.copy()
    found[bare], _ = masked_templates(
        lambda faces: models.predict(recognizer.embedder, faces),
        chips,
        embeddings[bare],
        count=recognizer.gallery.masks,
        alignment=recognizer.alignment,
    )
    return found
