"""What stands for a bare face where masked ones are compared with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maskedface.evaluation import normalised
from maskedface.masking import RandomMask


def masked_gallery(
    embed: Callable[[np.ndarray], np.ndarray],
    faces: np.ndarray,
    masked: np.ndarray,
    *,
    count: int,
    template: str,
    seed: int,
) -> np.ndarray:
    """Embeds each unmasked face also with masks drawn on, so that a masked probe meets its like.

    Args:
        embed: faces -> float array, shape (faces, features).
        faces: uint8 array, shape (faces, size, size, 3).
        masked: bool array, shape (faces,), whether a face wears a mask already.
        count: int >= 1, how many masks, of different styles, each is given.
        template: the faces' alignment, a key of `geometry.TEMPLATES`.
        seed: int >= 0, of the masks.

    Returns:
        float array, shape (faces, features), of unit length: of an unmasked face its embedding plus
        the mean of those with masks (as much of the one as of the other: on a validation part of MLFW's
        training people that found most, `docs/results.md`); of a masked face its embedding.
    """
    rows = np.flatnonzero(~masked)
    found = normalised(embed(faces))
    if not len(rows):
        return found
    bare = np.asarray(faces[rows])
    masks = RandomMask(1.0, seed=seed, template=template, size=faces.shape[1], fixed=count)
    drawn = [
        normalised(embed(masks.lay(bare.copy(), choice))) for choice in masks.masks_of(rows).T
    ]
    found[rows] = normalised(found[rows] + np.mean(drawn, axis=0))
    return found
