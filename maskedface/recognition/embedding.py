"""The faces of an index as a recognizer embeds, enrolls and scores them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from maskedface.datasets import FaceIndex, read_aligned_faces
from maskedface.evaluation import EmbeddedFaces
from maskedface.masking import masked_templates

if TYPE_CHECKING:
    from maskedface.recognition.recognizer import Recognizer


def embed_index(
    recognizer: Recognizer, index: FaceIndex, *, templates: bool = True, progress: bool = False
) -> EmbeddedFaces:
    """The faces of an index as a recognizer embeds, enrolls and scores them.

    Args:
        recognizer: its gallery says how many masks are drawn on those enrolled, and has the cohort.
        index: the faces; each lies where its row says, or is the whole image.
        templates: whether to draw those masks, where there are any; False for pairs, which enroll nobody.
        progress: whether a progress bar is drawn, on stderr.

    Returns:
        `evaluation.EmbeddedFaces`, in the rows' order.

    Raises:
        ImageError, OSError: as `datasets.read_aligned_faces`.

    >>> import keras
    >>> from maskedface import evaluation, recognition, synthetic
    >>> image = keras.Input((32, 32, 3))
    >>> network = keras.Model(image, keras.layers.Flatten()(image))  # a stand-in
    >>> recognizer = recognition.Recognizer(network, aligned_to="arcface", alignment="arcface")
    >>> index = synthetic.draw_people("drawn", people=2, photos=1)
    >>> faces = recognition.embed_index(recognizer, index)
    >>> evaluation.rank_one_report(faces)["masked"]["faces"]
    2
    """
    embedder, gallery = recognizer.embedder, recognizer.gallery
    chips = read_aligned_faces(
        index, size=embedder.size, alignment=embedder.alignment, progress=progress
    )
    embeddings, enrolled = embedder(chips), None
    if templates and gallery.masks:
        bare = np.flatnonzero(~index.masked)
        enrolled = embeddings.copy()
        enrolled[bare], _ = with_masks(recognizer, chips[bare], embeddings[bare])
    return EmbeddedFaces.of(index.faces, embeddings, enrolled, gallery.cohort)


def with_masks(
    recognizer: Recognizer, chips: np.ndarray, embeddings: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What a recognizer's gallery keeps of unmasked faces, and what they are under a drawn mask.

    Args:
        recognizer: its gallery says how many masks are drawn, at least 1.
        chips: uint8 array, shape (faces, size, size, 3), the network's input.
        embeddings: float array, shape (faces, features), theirs.

    Returns:
        As `masking.masked_templates`.
    """
    return masked_templates(
        recognizer.embedder,
        chips,
        embeddings,
        count=recognizer.gallery.masks,
        alignment=recognizer.alignment,
    )
