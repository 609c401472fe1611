"""What is enrolled of an unmasked face, so that the same face under a mask is found: masks drawn on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maskedface.masking.bank import MaskBank
from maskedface.masking.hashed_draws import uniform
from maskedface.masking.styles import STYLES

MOST_MASKS = 100  # a template's mean has long settled
_VARIANTS = 24  # masks drawn of each style, of which every face gets the same
_FIRST, _ORDER = 3, 4  # streams: of the first variant, and from 4 on of the styles' order


def masked_templates(
    embed: Callable[[np.ndarray], np.ndarray],
    faces: np.ndarray,
    embeddings: np.ndarray,
    *,
    count: int,
    alignment: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Half each unmasked face's embedding, half the mean of its embeddings under drawn masks.

    It trains nothing: a network that never saw a mask finds about half of the faces it loses to
    them (docs/results.md). Every face is given the same masks, of different styles as far as there are
    so many: a template depends on nothing but its face. Our own; that the two halves weigh alike was
    chosen on held-out people.

    >>> import numpy as np
    >>> from maskedface import masking, synthetic
    >>> faces = np.stack([synthetic.draw_face(person, 0, False, size=32) for person in (0, 1)])
    >>> embed = lambda images: images.mean(axis=(1, 2))  # your network's
    >>> templates, last = masking.masked_templates(
    ...     embed, faces, embed(faces), count=2, alignment="arcface"
    ... )
    >>> templates.shape, np.linalg.norm(templates, axis=1).round(3).tolist()
    ((2, 3), [1.0, 1.0])

    Args:
        embed: faces -> embeddings, float array, shape (faces, features).
        faces: uint8 array, shape (faces, size, size, 3), RGB, 0-255, none masked.
        embeddings: float array, shape (faces, features), what `embed` says of them.
        count: int in [1, 100], how many masks are drawn on each.
        alignment: the faces' alignment, a key of `geometry.ALIGNMENTS`.

    Returns:
        (templates; the faces' embeddings under the last of the masks, which a threshold can be chosen
        on): float32 arrays, shape (faces, features), of unit length.

    Raises:
        ValueError: if `count` is out of its range, or no alignment has that name.
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
        masked = _unit(embed(bank.lay(faces, np.full(len(faces), number))))
        total += masked
    return _unit(_unit(embeddings) + _unit(total)), masked


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = (rows / np.where(lengths > 0, lengths, 1)).astype("float32")
    return unit
