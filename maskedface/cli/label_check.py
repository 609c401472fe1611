"""Label noise of a data set, by how a network's embeddings agree with its people's names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from maskedface import datasets
from maskedface.cli.recognizing import load_recognizer
from maskedface.datasets import FaceIndex
from maskedface.datasets.face_index import Exclusion
from maskedface.datasets.face_places import is_placed
from maskedface.evaluation import check_labels
from maskedface.evaluation.label_check import LabelCheck
from maskedface.names import shown
from maskedface.recognition import embed_index

_SHOWN = 5  # rows of each list in the text; the JSON has all


@dataclass(frozen=True, eq=False)
class Contradicted:
    """The faces of an index whose person a network contradicts.

    Attributes:
        model: str, the network's name.
        index: the rows that were embedded: those whose place is known, where any is.
        embeddings: float array, shape (rows, features).
        check: `LabelCheck` of these rows.
    """

    model: str
    index: FaceIndex
    embeddings: np.ndarray
    check: LabelCheck

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

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "model": self.model,
            "margin": self.check.margin,
            "spread": round(self.check.spread, 6),
            "faces": len(self.index),
            "compared": len(self.check.rows),
            "disagreement": {
                person: round(share, 4) for person, share in self.check.disagreement().items()
            },
            "contradicted": self.rows,
        }

    def to_text(self) -> str:
        """A summary to read: counts, the most contradicted faces and people."""
        rows, compared = self.rows, len(self.check.rows)
        nearer = float((self.check.other > self.check.own).mean()) if compared else 0.0
        lines = [
            f"{len(rows)} faces whose label {shown(self.model)} contradicts by {self.check.margin:g} "
            f"spreads of {self.check.spread:.3f} or more, of {compared} compared; look before removing any"
        ]
        lines += [
            f"    {shown(row['path'])}  {row['own_score']:.2f}, {shown(row['other_person'])} "
            f"{row['other_score']:.2f}"
            for row in rows[:_SHOWN]
        ]
        if len(rows) > _SHOWN:
            lines.append(f"    ... and {len(rows) - _SHOWN} more")
        people = sorted(self.check.disagreement().items(), key=lambda item: (-item[1], item[0]))
        lines.append(f"people by share of faces nearer to somebody else (of all: {nearer:.3f})")
        lines += [f"    {shown(person)}  {share:.2f}" for person, share in people[:_SHOWN]]
        return "\n".join(lines)

    def without(self, index: FaceIndex) -> FaceIndex:
        """An index without the contradicted faces, which move to its `excluded`."""
        gone = {
            row["path"]: Exclusion(row["path"], f"label contradicted: {row['other_person']}")
            for row in self.rows
        }
        kept = (face for face in index.faces if face.path not in gone)
        return FaceIndex(index.root, kept, (*index.excluded, *gone.values()))


def contradicted_labels(model: str, alignment: str | None, index: FaceIndex) -> Contradicted:
    """Embeds an index's faces and compares each with its person's other photographs and everybody else.

    Args:
        model: "dlib", a finished run's folder, or a .keras file, not trained on these people.
        alignment: of a .keras file that states none; else None.
        index: rows that decode, with their places as the model wants them. Photographs that nobody named
            are found by `datasets.with_photo_groups`.

    Returns:
        A `Contradicted`.

    Raises:
        ValueError: as `load_recognizer` and `evaluation.check_labels`.
        FileNotFoundError: if there is no such model.
    """
    if any(map(is_placed, index.faces)):
        index = index.where(is_placed)  # a face that is not found is no evidence
    named = datasets.with_photo_groups(index)
    recognizer = load_recognizer(model, alignment)
    faces = embed_index(recognizer, named, templates=False, progress=True)
    return Contradicted(model, named, faces.embeddings, check_labels(faces))
