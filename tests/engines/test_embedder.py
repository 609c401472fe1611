"""Embedders: faces are checked before they are embedded; flips are averaged."""

from __future__ import annotations

import numpy as np
import pytest

from maskedface.engines import Embedder


class Halves(Embedder):
    """The mean of the left and of the right half."""

    def embed(self, faces: np.ndarray) -> np.ndarray:
        middle = self.size // 2
        return np.stack(
            [faces[:, :, :middle].mean((1, 2, 3)), faces[:, :, middle:].mean((1, 2, 3))], 1
        )


def embedder() -> Halves:
    return Halves(size=8, alignment="arcface", features=2, fingerprint="halves")


@pytest.mark.parametrize(
    "faces",
    [
        np.zeros((2, 8, 8, 3), "float32"),
        np.zeros((2, 9, 9, 3), "uint8"),
        np.zeros((8, 8, 3), "uint8"),
        np.zeros((0, 8, 8, 3), "uint8"),
    ],
)
def test_other_faces_are_refused(faces: np.ndarray) -> None:
    with pytest.raises(
        ValueError, match=r"faces must be a uint8 array of shape \(faces, 8, 8, 3\)"
    ):
        embedder()(faces)


def test_a_face_and_its_flip_have_one_embedding_with_flip() -> None:
    faces = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype("uint8")
    flipped = embedder().with_flip()
    np.testing.assert_allclose(flipped(faces), flipped(faces[:, :, ::-1]), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(flipped(faces), axis=1), 1, atol=1e-6)
    assert flipped.fingerprint != embedder().fingerprint


@pytest.mark.parametrize("wrong", [{"alignment": "arcfaces"}, {"size": 0}, {"features": 0}])
def test_words_are_checked(wrong: dict[str, object]) -> None:
    words = {"size": 8, "alignment": "arcface", "features": 2, "fingerprint": "f"} | wrong
    with pytest.raises(ValueError, match="must be"):
        Halves(**words)  # type: ignore[arg-type]
