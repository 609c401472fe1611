"""Templates of unmasked faces with drawn masks."""

from __future__ import annotations

import numpy as np
import pytest

from maskedface.masking import masked_once, masked_templates
from tests.faces import draw_face

FACES = np.stack([draw_face(person, 0, False) for person in range(2)])


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def colors(faces: np.ndarray) -> np.ndarray:
    """The mean colors of the upper and of the lower half."""
    halves = faces.reshape(len(faces), 2, -1, 3).astype("float32")
    return halves.mean(2).reshape(len(faces), 6) - 100


# Hundreds of masks.
@pytest.mark.long
def test_half_is_the_bare_face_and_half_the_mean_under_masks() -> None:
    seen = []

    def embed(faces: np.ndarray) -> np.ndarray:
        seen.append(unit(colors(faces)))
        return 7 * seen[-1]  # lengths do not count

    bare = 3 * colors(FACES)
    found = masked_templates(embed, FACES, bare, count=4, alignment="arcface")
    assert len(seen) == 4
    np.testing.assert_allclose(found, unit(unit(bare) + unit(sum(seen))), atol=1e-6)


# Masks of every style are drawn.
@pytest.mark.long
def test_the_masks_are_of_different_styles_and_cover_the_lower_face() -> None:
    seen: list[np.ndarray] = []

    def embed(faces: np.ndarray) -> np.ndarray:
        seen.append(faces.copy())
        return colors(faces)

    masked_templates(embed, FACES, colors(FACES), count=6, alignment="arcface")
    for faces in seen:
        changed = (faces != FACES).any(-1)
        assert changed[:, 56:].mean() > 0.2 and changed[:, :30].mean() < 0.02
    assert len({faces.tobytes() for faces in seen}) == 6


# Hundreds of masks.
@pytest.mark.long
def test_a_template_depends_on_its_face_alone() -> None:
    words = {"count": 3, "alignment": "arcface"}
    both = masked_templates(colors, FACES, colors(FACES), **words)
    alone = masked_templates(colors, FACES[1:], colors(FACES[1:]), **words)
    np.testing.assert_allclose(both[1:], alone, atol=1e-6)


# Hundreds of masks.
@pytest.mark.long
def test_strangers_wear_different_masks_that_depend_on_their_faces_alone() -> None:
    faces = np.stack([draw_face(person, 0, False) for person in range(6)])
    seen: list[np.ndarray] = []

    def embed(images: np.ndarray) -> np.ndarray:
        seen.append(images.copy())
        return 7 * colors(images)

    found = masked_once(embed, faces, alignment="arcface")
    (masked,) = seen
    np.testing.assert_allclose(found, unit(colors(masked)), atol=1e-6)
    below = masked[:, 66:100, 40:72].astype(float)
    assert len({tuple(mean) for mean in below.mean((1, 2)).round()}) > 3
    assert (masked != faces).any(-1)[:, :30].mean() < 0.02
    alone = masked_once(embed, faces[3:], alignment="arcface")
    np.testing.assert_allclose(found[3:], alone, atol=1e-6)


@pytest.mark.parametrize("count", [0, 101])
def test_a_count_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=r"count must be in \[1, 100\]. Received: count="):
        masked_templates(colors, FACES, colors(FACES), count=count, alignment="arcface")
