"""The most frequently confused pairs of people, with a face of each."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from maskedface.datasets import FaceIndex
from maskedface.reporting.run_groups import RunGroup


class Confused(NamedTuple):
    """A person whose faces were identified as another person.

    Attributes:
        person, taken_for: str, their names.
        faces: float, number of confused faces, the mean over seeds.
        of: int, number of the person's faces.
        probe: path of the misidentified face with the highest score.
        own, other: paths of an unmasked face of each of the two people, or "".
    """

    person: str
    taken_for: str
    faces: float
    of: int
    probe: str
    own: str
    other: str


def worst_pairs(group: RunGroup, kind: str, most: int = 8) -> list[Confused]:
    """The pairs with the most misidentified faces.

    Args:
        group: the runs.
        kind: a key of the runs' metrics.
        most: int >= 1, maximum number of pairs.

    Returns:
        Pairs by descending number of faces, then by the highest score.
    """
    wrong: dict[tuple[int, int], list[tuple[float, int]]] = defaultdict(list)
    total: dict[int, int] = defaultdict(int)
    for found in (matches[kind] for matches in group.matches):
        scores, own, rows = (part[found.known] for part in (found.scores, found.own, found.rows))
        taken = scores.argmax(1)
        for row, (mine, named) in enumerate(zip(own.tolist(), taken.tolist(), strict=True)):
            total[mine] += 1
            if mine != named:
                wrong[mine, named].append((float(scores[row, named]), int(rows[row])))
    gallery = group.matches[0][kind].gallery
    stands_for = _one_face_a_person(group.test if group.is_open else group.train)
    ranked = sorted(wrong.items(), key=lambda item: (-len(item[1]), -max(item[1])[0], item[0]))
    return [
        Confused(
            gallery[mine],
            gallery[named],
            len(found) / len(group.runs),
            total[mine] // len(group.runs),
            group.test.paths[max(found)[1]],
            stands_for.get(gallery[mine], ""),
            stands_for.get(gallery[named], ""),
        )
        for (mine, named), found in ranked[:most]
    ]


def _one_face_a_person(index: FaceIndex) -> dict[str, str]:
    faces: dict[str, str] = {}
    for domain in ("unmasked", "masked"):
        for face, path in zip(index.faces, index.paths, strict=True):
            if face.domain == domain:
                faces.setdefault(face.person, path)
    return faces
