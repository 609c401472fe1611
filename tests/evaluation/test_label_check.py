"""Label noise, on made-up embeddings: people are orthogonal directions with a little noise."""

from __future__ import annotations

import numpy as np
import pytest

from maskedface.evaluation import EmbeddedFaces, check_labels

Faces = tuple[np.ndarray, list[str], list[str], list[str]]


@pytest.fixture
def faces() -> Faces:
    """Four people, four unmasked faces and two masked; masks pull towards one direction."""
    rng = np.random.default_rng(0)
    rows, people, domains, photos = [], [], [], []
    for person in range(4):
        for image in range(6):
            row = np.eye(16)[person] + rng.normal(0, 0.05, 16)
            row[15] += 2.0 * (image >= 4)
            rows.append(row)
            people.append(f"p{person}")
            domains.append("masked" if image >= 4 else "unmasked")
            photos.append(f"p{person}/{image}")
    return np.array(rows), people, domains, photos


def contradicted(faces: Faces, **words: float) -> list[int]:
    check = check_labels(EmbeddedFaces(*faces), **words)
    return check.rows[check.contradicted].tolist()


def test_right_labels_are_not_contradicted(faces: Faces) -> None:
    assert contradicted(faces) == []


@pytest.mark.parametrize("row", [1, 5])  # unmasked, masked
def test_a_face_under_another_name_is_found_and_its_person_named(faces: Faces, row: int) -> None:
    faces[1][row] = "p2"
    check = check_labels(EmbeddedFaces(*faces))
    (found,) = np.flatnonzero(check.contradicted)
    assert (check.rows[found], check.people[found], check.others[found]) == (row, "p2", "p0")
    assert check.other[found] - check.own[found] >= check.margin * check.spread > 0
    assert check.disagreement() == {"p0": 0, "p1": 0, "p2": 1 / 7, "p3": 0}


def test_copies_of_a_face_do_not_vouch_for_each_other(faces: Faces) -> None:
    embeddings, people, domains, photos = faces
    strangers = np.tile(np.eye(16)[9], (6, 1)) + 0.8 * np.eye(16)[1]
    joined = (
        np.concatenate([embeddings, strangers]),
        [*people, *["p2"] * 6],
        [*domains, *["unmasked"] * 6],
    )
    copies = [24, 25, 26, 27, 28, 29]
    assert not set(copies) & set(contradicted((*joined, [*photos, *map(str, copies)])))
    assert set(copies) <= set(contradicted((*joined, [*photos, *["one"] * 6])))


def test_masked_faces_are_compared_with_unmasked_ones_alone(faces: Faces) -> None:
    embeddings, people, domains, photos = faces
    # A masked face of p0 that is as near to p1's masked faces as can be.
    embeddings[5] = embeddings[10] + embeddings[11] + 6 * np.eye(16)[0]
    check = check_labels(EmbeddedFaces(embeddings, people, domains, photos))
    assert not check.contradicted.any()
    embeddings[10:12] = 0  # masked faces of another person: nothing that anybody is compared with
    again = check_labels(EmbeddedFaces(embeddings, people, domains, photos))
    row = check.rows.tolist().index(5)
    assert (again.own[row], again.other[row]) == (check.own[row], check.other[row])


def test_a_face_alone_in_its_person_is_not_compared(faces: Faces) -> None:
    embeddings, people, domains, photos = faces
    people[0], people[5] = "alone", "masked alone"
    check = check_labels(EmbeddedFaces(embeddings, people, domains, photos))
    assert not {0, 5} & set(check.rows.tolist()) and len(check.rows) == 22


def test_unknown_photographs_are_each_their_own(faces: Faces) -> None:
    embeddings, people, domains, photos = faces
    known = check_labels(EmbeddedFaces(embeddings, people, domains, photos))
    for unknown in (None, [""] * len(people)):
        check = check_labels(EmbeddedFaces(embeddings, people, domains, unknown))
        np.testing.assert_array_equal(check.own, known.own)


def test_the_margin_decides(faces: Faces) -> None:
    faces[1][1] = "p2"
    spread = check_labels(EmbeddedFaces(*faces)).spread
    assert contradicted(faces, margin=0.5 / spread) == [1]
    assert contradicted(faces, margin=1.5 / spread) == []


def test_a_networks_own_scale_of_cosines_does_not_count(faces: Faces) -> None:
    faces[1][1] = "p2"
    narrow = faces[0] + 3.0  # every two faces are alike, as dlib's network has them
    assert check_labels(EmbeddedFaces(narrow, *faces[1:])).own.min() > 0.6
    assert contradicted((narrow, *faces[1:])) == [1]


def test_words_out_of_range_are_refused(faces: Faces) -> None:
    embeddings, people, domains, photos = faces
    with pytest.raises(ValueError, match="margin must be at least 0. Received: margin=-1"):
        check_labels(EmbeddedFaces(*faces), margin=-1)
    with pytest.raises(ValueError, match="at least three people must have an unmasked face"):
        check_labels(EmbeddedFaces(embeddings, ["p0"] * len(people), domains, photos))
    with pytest.raises(ValueError, match="must have the same length"):
        check_labels(EmbeddedFaces(embeddings[:3], people, domains, photos))
