"""Heat maps of a network on faces, and their shares in the mask area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from maskedface.datasets import FaceIndex, read_aligned_faces
from maskedface.evaluation import attention_share, grad_cam
from maskedface.evaluation.scoring import normalized
from maskedface.masking import mask_area
from maskedface.models import predict


@dataclass(frozen=True)
class HeatMaps:
    """Heat maps of several faces.

    Attributes:
        rows: list of int, indices of the faces in an index.
        chips: uint8 array, shape (N, size, size, 3), RGB, the network's inputs.
        maps: float32 array, shape (N, size, size), in [0, 1], from `evaluation.grad_cam`.
        shares: float64 array, shape (N,), in [0, 1], the share of each map in the mask area; 0 for
            an all-zero map.
        even: float in [0, 1], the share of uniform attention.
    """

    rows: list[int]
    chips: np.ndarray
    maps: np.ndarray
    shares: np.ndarray
    even: float


def heat_maps(
    network: keras.Model,
    chips: np.ndarray,
    alignment: str,
    *,
    rows: Sequence[int] = (),
    references: np.ndarray | None = None,
) -> HeatMaps:
    """Computes the heat maps of faces.

    Args:
        network: images -> one vector each, as for `evaluation.grad_cam`.
        chips: uint8 array, shape (N, size, size, 3), RGB, faces in the network's alignment.
        alignment: their alignment, a key of `geometry.ALIGNMENTS`.
        rows: the faces' indices; default: 0 to N - 1.
        references: float array, shape (N, outputs), the embeddings that each face is compared with;
            None explains the highest output.

    Returns:
        The `HeatMaps`.
    """
    maps = grad_cam(network, chips, references=references)
    area = mask_area(alignment, chips.shape[1])
    shares = np.nan_to_num(attention_share(maps, area))  # no attention anywhere: none in the area
    return HeatMaps(list(rows) or [*range(len(chips))], chips, maps, shares, float(area.mean()))


def masked_heat_maps(
    network: keras.Model, test: FaceIndex, alignment: str, *, progress: bool = False
) -> HeatMaps:
    """Heat maps of each masked face that can be compared with another photograph of its person: the
    score is the similarity to the mean of the person's unmasked faces from other photographs.

    Args:
        network: images -> embeddings.
        test: the faces.
        alignment: the network's alignment, a key of `geometry.ALIGNMENTS`.
        progress: whether to show a progress bar while the faces are read.

    Returns:
        The `HeatMaps`; `rows` are those of `test`.

    Raises:
        ValueError: if there is no such face.
        ImageError: if an image cannot be decoded.
    """
    pairs = masked_with_others(test)
    if not pairs:
        raise ValueError(
            "a masked face must have an unmasked face from another photo. Received: none"
        )
    size = int(network.input_shape[1])
    chips = read_aligned_faces(test, size=size, alignment=alignment, progress=progress)
    rows = [row for row, _ in pairs]
    references = means_of_others(normalized(predict(network, chips)), pairs)
    return heat_maps(network, chips[rows], alignment, rows=rows, references=references)


def masked_with_others(test: FaceIndex) -> list[tuple[int, list[int]]]:
    """Finds masked faces that can be compared with another photograph of the same person.

    Args:
        test: the rows; faces with an unknown photograph ("") count as one photograph.

    Returns:
        (row of a masked face, rows of at least one unmasked face of the person from other
        photographs).
    """
    unmasked: dict[str, list[int]] = {}
    for row, face in enumerate(test.faces):
        if face.domain == "unmasked":
            unmasked.setdefault(face.person, []).append(row)
    found = []
    for row, face in enumerate(test.faces):
        others = [n for n in unmasked.get(face.person, []) if test.faces[n].photo != face.photo]
        if face.domain == "masked" and others:
            found.append((row, others))
    return found


def means_of_others(
    embeddings: np.ndarray, pairs: Sequence[tuple[int, Sequence[int]]]
) -> np.ndarray:
    """The mean embedding of the other photographs of each pair.

    Args:
        embeddings: float array, shape (rows, features), normalized.
        pairs: from `masked_with_others`, at least one.

    Returns:
        Array, shape (pairs, features).
    """
    return np.stack([embeddings[list(others)].mean(axis=0) for _, others in pairs])
