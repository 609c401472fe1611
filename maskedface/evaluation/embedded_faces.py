"""Embedded faces, with everything that determines their scores."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from maskedface.evaluation.cohort import Cohort
from maskedface.evaluation.scoring import normalized
from maskedface.reprs import short_repr

_EMBEDDINGS, _TEMPLATES = "embeddings", "templates"


class _Face(Protocol):
    """A row of a `FaceIndex`."""

    @property
    def person(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def photo(self) -> str: ...


@dataclass(frozen=True, eq=False)
class EmbeddedFaces:
    """Faces with a model's embeddings and templates, and the cohort for score normalization.

    Args:
        embeddings: float array, shape (faces, features), of any length.
        people, domains: each face's person and "masked" or "unmasked".
        photos: the photograph that each face was made from; None or "" means unknown.
        templates: float array of the embeddings' shape, each face's vector when it is enrolled
            (`masking.masked_templates`); default: its embedding. Only those of unmasked faces are
            used.
        cohort: people for cohort score normalization (`Cohort`), which applies to enrolled people
            but not to pairs.

    Raises:
        ValueError: when they are scored, if lengths or shapes differ or a value is not finite.

    >>> import numpy as np
    >>> from maskedface import evaluation
    >>> domains = ["unmasked", "unmasked", "masked"]
    >>> faces = evaluation.EmbeddedFaces(np.eye(2)[[0, 1, 0]], ["Ada", "Bo", "Ada"], domains)
    >>> evaluation.rank_one_report(faces)["masked"]["accuracy"]
    1.0
    """

    embeddings: np.ndarray
    people: Sequence[str]
    domains: Sequence[str]
    photos: Sequence[str] | None = None
    templates: np.ndarray | None = None
    cohort: Cohort | None = None

    __repr__ = short_repr

    @classmethod
    def of(
        cls,
        faces: Sequence[_Face],
        embeddings: np.ndarray,
        templates: np.ndarray | None = None,
        cohort: Cohort | None = None,
    ) -> EmbeddedFaces:
        """Makes them from the rows of a `FaceIndex`.

        Args:
            faces: `FaceIndex.faces`, in the order of the embeddings.
            embeddings, templates, cohort: as for `EmbeddedFaces`.
        """
        people, domains, photos = (
            [getattr(face, name) for face in faces] for name in ("person", "domain", "photo")
        )
        return cls(embeddings, people, domains, photos, templates, cohort)

    @classmethod
    def among(cls, arrays: Mapping[str, np.ndarray], faces: Sequence[_Face]) -> EmbeddedFaces:
        """Makes them from the arrays of a file, as returned by `arrays`.

        Args:
            arrays: the file's arrays; must include "embeddings".
            faces: as for `of`.
        """
        templates = arrays.get(_TEMPLATES)
        return cls.of(faces, arrays[_EMBEDDINGS], templates, Cohort.among(arrays))

    @classmethod
    def joined(cls, parts: Sequence[EmbeddedFaces]) -> EmbeddedFaces:
        """Joins the embeddings of the same faces by several networks, with equal weights.

        Args:
            parts: one per network, in the same order of faces.

        Returns:
            The concatenated embeddings, and the joined cohort if every part has one.

        Raises:
            ValueError: as `Cohort.joined`.
        """
        first, templates = parts[0], None
        if any(part.templates is not None for part in parts):
            templates = np.hstack([part.enrolled_as for part in parts])
        embeddings = np.hstack([part.unit for part in parts])
        cohort = Cohort.joined([part.cohort for part in parts])
        return cls(embeddings, first.people, first.domains, first.photos, templates, cohort)

    @functools.cached_property
    def unit(self) -> np.ndarray:
        """The embeddings, scaled to length 1: float32 array, shape (faces, features)."""
        return normalized(self.embeddings)

    @functools.cached_property
    def enrolled_as(self) -> np.ndarray:
        """The templates, or else the embeddings, scaled to length 1: float32 array, as `unit`."""
        if self.templates is None:
            return self.unit
        found = normalized(self.templates)
        if found.shape != self.unit.shape:
            raise ValueError(
                "templates must have the embeddings' shape. "
                f"Received: {found.shape} for {self.unit.shape}"
            )
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays to store in a file; `EmbeddedFaces.among` restores them."""
        templates = {} if self.templates is None else {_TEMPLATES: self.templates}
        cohort = {} if self.cohort is None else self.cohort.arrays()
        return {_EMBEDDINGS: self.embeddings, **templates, **cohort}
