"""Who looks like whom under a mask that is drawn over the mask."""

from __future__ import annotations

import numpy as np
import pytest

from maskedface.datasets import Face, FaceIndex
from maskedface.datasets.face_index import Domain
from maskedface.engines import Embedder

PEOPLE = 12


class Colors(Embedder):
    """The mean color of the upper and of the lower half."""

    def __init__(self) -> None:
        super().__init__(size=64, alignment="arcface", features=6, fingerprint="colors")

    def embed(self, images: np.ndarray) -> np.ndarray:
        halves = np.stack([images[:, :24], images[:, -24:]], axis=1).astype("float32")
        found: np.ndarray = halves.mean(axis=(2, 3)).reshape(len(images), 6)
        return found


def test_the_same_masks_make_a_masked_and_a_bare_lower_half_alike() -> None:
    from measure_covering import with_masks

    chips = np.full((2, 64, 64, 3), 60, "uint8")
    chips[1, 32:] = 220  # the second wears a bright mask
    bare = Colors()(chips)
    covered = with_masks(Colors(), chips, bare, 2)
    before, after = (
        1 - rows[0] @ rows[1] for rows in (bare / np.linalg.norm(bare, axis=1)[:, None], covered)
    )
    assert np.linalg.norm(covered, axis=1) == pytest.approx(1, abs=1e-5)
    assert after < 0.8 * before


def test_an_unmasked_probe_is_looked_up_without_drawn_masks() -> None:
    from measure_covering import measured

    domains: tuple[Domain, ...] = ("unmasked", "unmasked", "masked")
    faces = [
        Face(f"{n}/{d}", f"person {n:02d}", domain, photo=f"{n} {d}")
        for n in range(PEOPLE)
        for d, domain in enumerate(domains)
    ]
    rows = FaceIndex("people", faces)
    own = np.repeat(np.eye(PEOPLE), 3, axis=0)
    cells, found = measured(rows, own, own)
    assert found.tolist() == [1.0] * PEOPLE
    assert cells == "1.000, 1.000, 1.000 | 1.000 / 1.000"
    bare = np.roll(own, 1, axis=1)  # all unmasked probes look like the next person
    cells, found = measured(rows, own, bare)
    assert found.tolist() == [1.0] * PEOPLE
    assert cells == "1.000, 1.000, 0.000 | 1.000 / 1.000"
