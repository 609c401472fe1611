"""Templates of unmasked faces with drawn masks, so that masked probes match them."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from maskedface.masking.bank import MaskBank
from maskedface.masking.hashed_draws import uniform
from maskedface.masking.styles import STYLES

MOST_MASKS = 100  # the mean has converged long before
_VARIANTS = 24  # masks per style; all faces get the same ones
_FIRST, _ORDER = 3, 4  # random streams: the first variant, and from 4 on the order of styles


def masked_templates(
    embed: Callable[[np.ndarray], np.ndarray],
    faces: np.ndarray,
    embeddings: np.ndarray,
    *,
    count: int,
    alignment: str,
) -> np.ndarray:
    """Averages each unmasked face's embedding with its mean embedding under drawn masks.

    Nothing is trained: a network that was trained without masks recovers about half of the faces
    that it loses to masks (docs/results.md). All faces get the same masks, of as many different
    styles as possible, so a template depends only on its face. The method is ours; the equal
    weights of the two halves were chosen on held-out people.

    >>> import numpy as np
    >>> from maskedface import masking, synthetic
    >>> faces = np.stack([synthetic.draw_face(person, 0, False, size=32) for person in (0, 1)])
    >>> embed = lambda images: images.mean(axis=(1, 2))  # your network's
    >>> templates = masking.masked_templates(
    ...     embed, faces, embed(faces), count=2, alignment="arcface"
    ... )
    >>> templates.shape, np.linalg.norm(templates, axis=1).round(3).tolist()
    ((2, 3), [1.0, 1.0])

    Args:
        embed: a function from faces to embeddings, float array, shape (faces, features).
        faces: uint8 array, shape (faces, size, size, 3), RGB, 0-255: unmasked faces to enroll, or
            masked probes to compare with such templates (docs/experiments.md, "A mask drawn over
            the probe's mask").
        embeddings: float array, shape (faces, features), the result of `embed` for the faces.
        count: int in [1, 100], number of masks drawn on each face.
        alignment: the faces' alignment, a key of `geometry.ALIGNMENTS`.

    Returns:
        float32 array, shape (faces, features), of unit length.

    Raises:
        ValueError: if `count` is out of range, or the alignment is unknown.
    """
    if not 1 <= count <= MOST_MASKS:
        raise ValueError(f"count must be in [1, {MOST_MASKS}]. Received: count={count}")
    bank = MaskBank.draw(alignment=alignment, size=faces.shape[1], variants=_VARIANTS)
    styles = np.argsort(uniform(0, 0, np.zeros(len(STYLES), int), _ORDER + np.arange(len(STYLES))))
    first = int(uniform(0, 0, np.zeros(1, int), _FIRST)[0] * _VARIANTS)
    total = np.zeros(embeddings.shape, "float32")
    for mask in range(count):
        turn, style = divmod(mask, len(STYLES))
        number = styles[style] * _VARIANTS + (first + turn) % _VARIANTS
        total += _unit(embed(bank.lay(faces, np.full(len(faces), number))))
    return _unit(_unit(embeddings) + _unit(total))


def masked_once(
    embed: Callable[[np.ndarray], np.ndarray], faces: np.ndarray, *, alignment: str
) -> np.ndarray:
    """Embeds unmasked faces under one drawn mask each, as strangers to choose thresholds on.

    The faces get different masks, as masked strangers wear. Which mask depends only on the face's
    pixels, so a face gets the same one whatever it is embedded with.

    >>> import numpy as np
    >>> from maskedface import masking, synthetic
    >>> faces = np.stack([synthetic.draw_face(person, 0, False, size=32) for person in (0, 1)])
    >>> embed = lambda images: images.mean(axis=(1, 2))  # your network's
    >>> masking.masked_once(embed, faces, alignment="arcface").shape
    (2, 3)

    Args:
        embed, faces, alignment: as for `masked_templates`.

    Returns:
        float32 array, shape (faces, features), of unit length.

    Raises:
        ValueError: if the alignment is unknown.
    """
    bank = MaskBank.draw(alignment=alignment, size=faces.shape[1], variants=_VARIANTS)
    numbers = np.array([zlib.crc32(face.tobytes()) % len(bank) for face in faces], int)
    return _unit(embed(bank.lay(faces, numbers)))


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = (rows / np.where(lengths > 0, lengths, 1)).astype("float32")
    return unit
