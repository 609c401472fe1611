"""Embeds the faces of an index with a recognizer."""

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
    """Embeds the faces of an index with a recognizer, as it would enroll and score them.

    Args:
        recognizer: its gallery sets the number of masks drawn at enrollment, and the cohort.
        index: the faces, located by their rows' landmarks or alignment, else whole images.
        templates: whether to also make templates with drawn masks, if the gallery has any; False
            for pairs, where nobody is enrolled.
        progress: whether to show a progress bar on stderr.

    Returns:
        `evaluation.EmbeddedFaces`, in the order of the rows.

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
        enrolled[bare] = masked_templates(
            embedder,
            chips[bare],
            embeddings[bare],
            count=gallery.masks,
            alignment=recognizer.alignment,
        )
    return EmbeddedFaces.of(index.faces, embeddings, enrolled, gallery.cohort)
