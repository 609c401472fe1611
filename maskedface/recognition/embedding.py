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
        bare = np.flatnonzero([face.domain == "unmasked" for face in index.faces])
        enrolled = embeddings.copy()
        enrolled[bare], _ = masked_templates(
            embedder,
            chips[bare],
            embeddings[bare],
            count=gallery.masks,
            alignment=embedder.alignment,
        )
    return EmbeddedFaces.of(index.faces, embeddings, enrolled, gallery.cohort)
