"""Finds label noise in a data set by comparing its identity labels with a network's embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from maskedface.datasets import FaceIndex, with_photo_groups
from maskedface.datasets.face_index import Exclusion
from maskedface.datasets.face_places import is_placed
from maskedface.evaluation import check_labels
from maskedface.evaluation.label_check import LabelCheck
from maskedface.recognition.embedding import embed_index
from maskedface.recognition.recognizer import Recognizer
from maskedface.reprs import short_repr


@dataclass(frozen=True, eq=False)
class Contradicted:
    """The faces of an index whose identity label a network contradicts.

    Attributes:
        index: the rows that were embedded: those with landmarks or an alignment, if any have one.
        embeddings: float array, shape (rows, features).
        check: the `LabelCheck` of these rows.
    """

    index: FaceIndex
    embeddings: np.ndarray
    check: LabelCheck

    __repr__ = short_repr

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The contradicted faces, the clearest first: path, person, other person, and both
        scores."""
        check = self.check
        places = np.flatnonzero(check.contradicted)
        order = places[np.argsort((check.own - check.other)[places], kind="stable")]
        return [
            {
                "path": self.index.faces[check.rows[place]].path,
                "person": check.people[place],
                "other_person": check.others[place],
                "own_score": round(float(check.own[place]), 4),
                "other_score": round(float(check.other[place]), 4),
            }
            for place in order
        ]

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-serializable dict."""
        shares = self.check.disagreement()
        return {
            "margin": self.check.margin,
            "spread": round(self.check.spread, 6),
            "faces": len(self.index),
            "compared": len(self.check.rows),
            "disagreement": {person: round(share, 4) for person, share in shares.items()},
            "contradicted": self.rows,
        }

    def without(self, index: FaceIndex) -> FaceIndex:
        """Returns an index without the contradicted faces, which are moved to its `excluded`."""
        gone = {
            row["path"]: Exclusion(row["path"], f"label contradicted: {row['other_person']}")
            for row in self.rows
        }
        kept = (face for face in index.faces if face.path not in gone)
        return FaceIndex(index.root, kept, (*index.excluded, *gone.values()))


def contradicted_labels(recognizer: Recognizer, index: FaceIndex) -> Contradicted:
    """Compares each face of an index with the person's other photographs and with all other people.

    Args:
        recognizer: its network must not be trained on these people
            (`training.lineage.refuse_people`).
        index: readable rows, with landmarks or an alignment if the network needs them. If the rows
            do not state their photographs, these are found by `datasets.with_photo_groups`.

    Returns:
        A `Contradicted`.

    Raises:
        ValueError: as `evaluation.check_labels`.

    >>> import keras
    >>> from maskedface import recognition, synthetic
    >>> from maskedface.recognition.labels import contradicted_labels
    >>> image = keras.Input((32, 32, 3))
    >>> network = keras.Model(image, keras.layers.Flatten()(image))  # a stand-in
    >>> recognizer = recognition.Recognizer(network, aligned_to="arcface", alignment="arcface")
    >>> found = contradicted_labels(recognizer, synthetic.draw_people("drawn", people=3, photos=2))
    >>> len(found.index), len(found.check.rows)
    (12, 12)
    """
    if any(map(is_placed, index.faces)):
        index = index.where(is_placed)  # images without a detected face are not evidence
    named = with_photo_groups(index)
    faces = embed_index(recognizer, named, templates=False, progress=True)
    return Contradicted(named, faces.embeddings, check_labels(faces))
