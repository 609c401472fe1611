"""An ensemble scores as its members do together, whatever alignment each of them takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maskedface import geometry, synthetic
from maskedface.engines import Embedder, Ensemble
from maskedface.evaluation.scoring import normalized
from maskedface.recognition import Recognizer


class Place(Embedder):
    """The colors where an alignment has its five points."""

    def embed(self, faces: np.ndarray) -> np.ndarray:
        points = geometry.alignment_points(self.alignment, self.size, self.size).round().astype(int)
        return faces[:, points[:, 1], points[:, 0]].reshape(len(faces), -1).astype("float32") - 100


def place(alignment: str, size: int, name: str = "place") -> Place:
    return Place(size=size, alignment=alignment, features=15, fingerprint=f"{name} {alignment}")


def faces(size: int, people: int = 4) -> np.ndarray:
    return np.stack([synthetic.draw_face(person, 0, False, size=size) for person in range(people)])


def test_a_cosine_is_the_weighted_mean_of_the_members() -> None:
    one, other = place("arcface", 112), place("arcface", 112, "other")
    other.embed = lambda seen: seen.mean((1, 2)) - 90  # type: ignore[method-assign]
    both = Ensemble([one, other], weights=[3, 1])(faces(112))
    parts = [normalized(member(faces(112))) for member in (one, other)]
    expected = 0.75 * parts[0] @ parts[0].T + 0.25 * parts[1] @ parts[1].T
    np.testing.assert_allclose(both @ both.T, expected, atol=1e-5)


@pytest.mark.parametrize("alignment", ["arcface", "dlib", "vggface2"])
@pytest.mark.parametrize("other", ["arcface", "dlib", "vggface2"])
def test_members_see_their_own_alignment(alignment: str, other: str) -> None:
    """Through the wide face a member sees nearly what it would see of the photograph itself."""
    ensemble = Ensemble([place(alignment, 112), place(other, 150)])
    photo = faces(448)
    seen = {}
    for target, size in ((ensemble.alignment, ensemble.size), (alignment, 112)):
        matrix = geometry.chip_matrix(448, 448, source="arcface", target=target, size=size)
        seen[target, size] = np.stack([geometry.warp(face, matrix, size) for face in photo])
    through = ensemble._seen_by(ensemble.members[0], seen[ensemble.alignment, ensemble.size])
    middle = np.s_[:, 25:80, 25:80]
    direct = seen[alignment, 112].astype(float)
    assert np.abs(through[middle] - direct[middle]).mean() < 4


def test_no_member_gets_an_enlarged_face() -> None:
    assert Ensemble([place("arcface", 112), place("dlib", 150)]).size >= 192
    assert Ensemble([place("arcface", 112), place("vggface2", 448)]).size >= 500


@pytest.mark.parametrize(
    ("members", "weights"),
    [(1, None), (2, [1.0]), (2, [1.0, 0.0]), (2, [1.0, -1.0]), (2, [1.0, float("nan")])],
)
def test_wrong_members_and_weights_are_refused(members: int, weights: Any) -> None:
    with pytest.raises(ValueError, match="members must be at least two, with one finite weight"):
        Ensemble([place("arcface", 112)] * members, weights)


def test_another_weight_is_another_network() -> None:
    members = [place("arcface", 112), place("dlib", 150)]
    prints = {Ensemble(members, weights).fingerprint for weights in (None, [1, 2], [2, 1])}
    assert len(prints) == 3
    assert Ensemble(members, [2, 4]).fingerprint == Ensemble(members, [1, 2]).fingerprint


def test_a_gallery_takes_an_ensemble() -> None:
    ensemble = Ensemble([place("arcface", 112), place("dlib", 150)], [2, 1])
    recognizer = Recognizer(ensemble, aligned_to="arcface")
    for name, face in zip("abcd", faces(224), strict=True):
        recognizer.enroll(name, [face])
    found = [recognizer.identify(face, threshold=0.0)[0].person for face in faces(224)]
    assert found == list("abcd")
