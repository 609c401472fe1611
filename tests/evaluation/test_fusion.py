"""Weights of networks whose scores are fused."""

from __future__ import annotations

import numpy as np
import pytest

from maskedface.datasets import Face
from maskedface.evaluation import EmbeddedFaces, fusion_weights


def faces(people: int = 20, photos: int = 4) -> list[Face]:
    return [
        Face(f"{n}.png", f"p{n // photos}", "masked" if n % 2 else "unmasked")
        for n in range(people * photos)
    ]


def embedded(noise: float, seed: int, scale: float = 1.0) -> EmbeddedFaces:
    """People's directions, with noise; `scale` < 1 has all cosines near 1, as dlib's network has."""
    random = np.random.default_rng(seed)
    rows = np.repeat(random.normal(size=(20, 16)), 4, axis=0) + random.normal(size=(80, 16)) * noise
    return EmbeddedFaces.of(faces(), np.hstack([rows * scale, np.full((80, 1), 4.0)]))


def test_the_better_network_weighs_more() -> None:
    weights = fusion_weights([embedded(0.3, 0), embedded(1.5, 1)])
    assert weights[0] > 2 * weights[1] > 0
    assert weights.sum() == pytest.approx(1)


def test_a_network_whose_cosines_hardly_differ_is_made_up_for() -> None:
    narrow, wide = fusion_weights([embedded(0.5, 0, scale=0.3), embedded(0.5, 1)])
    assert narrow > 2 * wide


def test_fusing_by_the_weights_separates_better_than_the_best_member() -> None:
    parts = [embedded(0.9, seed) for seed in (0, 1)]
    weights = fusion_weights(parts)

    def separation(cosines: np.ndarray) -> float:
        people = np.arange(80) // 4
        same = (people[:, None] == people) & ~np.eye(80, dtype=bool)
        other = people[:, None] != people
        spread = np.sqrt(cosines[same].var() + cosines[other].var())
        return float((cosines[same].mean() - cosines[other].mean()) / spread)

    alone = [part.unit @ part.unit.T for part in parts]
    fused = sum(weight * one for weight, one in zip(weights, alone, strict=True))
    assert separation(fused) > 1.2 * max(map(separation, alone))


def test_a_photograph_with_a_mask_drawn_on_is_no_genuine_pair() -> None:
    """A network that knows photographs alone is worth nothing, though each has the same face twice."""
    rows = [face._replace(photo=f"photo{n // 2}") for n, face in enumerate(faces())]
    random = np.random.default_rng(0)
    photos = EmbeddedFaces.of(rows, np.repeat(random.normal(size=(40, 16)), 2, axis=0))
    good = EmbeddedFaces.of(rows, embedded(0.5, 1).embeddings)
    assert fusion_weights([photos, good])[0] < 0.1


def test_it_is_a_function_of_its_arguments() -> None:
    parts = [embedded(0.5, 0), embedded(0.9, 1)]
    np.testing.assert_array_equal(fusion_weights(parts, seed=3), fusion_weights(parts, seed=3))


def test_other_faces_and_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="at least two, with the same faces"):
        fusion_weights([embedded(0.5, 0)])
    strangers = [Face(f"{n}.png", f"p{n}", "unmasked") for n in range(4)]
    part = EmbeddedFaces.of(strangers, np.eye(4))
    with pytest.raises(ValueError, match="0 genuine"):
        fusion_weights([part, part])
