"""The vectors that probes are compared with."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskedface.evaluation.cohort import Cohort
from maskedface.reprs import short_repr


@dataclass(frozen=True, eq=False)
class Templates:
    """The vectors that probes are compared with: cosine similarities with cohort score
    normalization.

    Evaluation, galleries, search and calibration all compute scores with it.

    Args:
        vectors: float32 array, shape (templates, features), of unit length (`normalized`).
        cohort: the cohort for score normalization, or None for plain cosine similarities.
        known_offsets: float32 array, shape (templates,): the cohort's offsets, if already computed.
        photos: as for `Cohort.offsets`.

    Raises:
        ValueError: as `Cohort.offsets`, when the offsets are computed.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> ada_and_bo = evaluation.Templates(np.array([[1, 0], [0, 1]], "float32"))
    >>> ada_and_bo.scores(np.array([[0.6, 0.8]], "float32")).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    vectors: np.ndarray
    cohort: Cohort | None = None
    known_offsets: np.ndarray | None = None
    photos: np.ndarray | None = None

    __repr__ = short_repr

    @functools.cached_property
    def offsets(self) -> np.ndarray | None:
        """float32 array, shape (templates,), subtracted from each template's scores; None without a
        cohort."""
        if self.cohort is None or self.known_offsets is not None:
            return self.known_offsets
        if not len(self.vectors):
            return np.empty(0, "float32")
        return self.cohort.offsets(self.vectors, self.photos)

    def scores(self, probes: np.ndarray, rows: Any = slice(None)) -> np.ndarray:
        """The score of each probe with each template.

        Args:
            probes: float32 array, shape (probes, features) or (features,), of unit length.
            rows: a slice or int array that selects templates; default: all.

        Returns:
            float32 array, shape (probes, templates) or (templates,): cosine similarities in
            [-1, 1]; with a cohort minus `Cohort.offsets`, in [-2, 2].
        """
        return self._less_offsets(probes @ self.vectors[rows].T, rows)

    def only(self, rows: np.ndarray) -> Templates:
        """Selects some of the templates.

        Args:
            rows: int or bool array.
        """
        offsets = None if self.offsets is None else self.offsets[rows]
        return Templates(self.vectors[rows], self.cohort, offsets)

    def own_scores(self, probes: np.ndarray) -> np.ndarray:
        """The score of each probe with the template in the same row.

        Args:
            probes: float32 array, shape (templates, features), of unit length.

        Returns:
            float32 array, shape (templates,), as `scores`.
        """
        return self._less_offsets(np.einsum("ij,ij->i", probes, self.vectors), slice(None))

    def _less_offsets(self, cosines: np.ndarray, rows: Any) -> np.ndarray:
        cosines = cosines.clip(-1, 1)
        return cosines if self.offsets is None else cosines - self.offsets[rows]
