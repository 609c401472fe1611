"""Label noise of a data set, by how a network's embeddings agree with its people's names."""

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
    """The faces of an index whose person a network contradicts.

    Attributes:
        index: the rows that were embedded: those whose place is known, where any is.
        embeddings: float array, shape (rows, features).
        check: `LabelCheck` of these rows.
    """

    index: FaceIndex
    embeddings: np.ndarray
    check: LabelCheck

    __repr__ = short_repr

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The contradicted faces: path, person, other person, both scores; the strongest first."""
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
        """All of it as plain values."""
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
        """An index without the contradicted faces, which move to its `excluded`."""
        gone = {
            row["path"]: Exclusion(row["path"], f"label contradicted: {row['other_person']}")
            for row in self.rows
        }
        kept = (face for face in index.faces if face.path not in gone)
        return FaceIndex(index.root, kept, (*index.excluded, *gone.values()))


def contradicted_labels(recognizer: Recognizer, index: FaceIndex) -> Contradicted:
    """Embeds an index's faces and compares each with its person's other photographs and everybody else.

    Args:
        recognizer: of a network not trained on these people (`training.lineage.refuse_people`).
        index: rows that decode, with their places as the network wants them. Photographs that nobody named
            are found by `datasets.with_photo_groups`.

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
        index = index.where(is_placed)  # a face that is not found is no evidence
    named = with_photo_groups(index)
    faces = embed_index(recognizer, named, templates=False, progress=True)
    return Contradicted(named, faces.embeddings, check_labels(faces))
