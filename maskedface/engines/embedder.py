"""The interface of embedders: faces -> embeddings."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import numpy as np

from maskedface import geometry
from maskedface.evaluation.scoring import normalized


class Embedder(abc.ABC):
    """A network that embeds faces, with the properties of its input and output.

    A custom subclass needs an `embed` method; it can then be used with galleries, evaluation and
    the library functions behind all commands.

    Args:
        size: int >= 1, height and width of the faces in pixels.
        alignment: the alignment of the faces, a key of `geometry.ALIGNMENTS`.
        features: int >= 1, the length of an embedding.
        fingerprint: str, a hash of everything that determines an embedding: embedders with the same
            fingerprint give comparable embeddings.

    Raises:
        ValueError: if the alignment is unknown, or `size` or `features` is below 1.

    >>> import numpy as np
    >>> from maskedface import engines
    >>> class Mean(engines.Embedder):
    ...     engine = "numpy"
    ...     def embed(self, faces):
    ...         return faces.mean((1, 2)).astype("float32")
    >>> mean = Mean(size=32, alignment="arcface", features=3, fingerprint="mean color")
    >>> mean(np.full((2, 32, 32, 3), 7, "uint8")).tolist()
    [[7.0, 7.0, 7.0], [7.0, 7.0, 7.0]]
    """

    engine: ClassVar[str] = "custom"
    """The engine: "keras", "onnx", ..."""

    def __init__(self, *, size: int, alignment: str, features: int, fingerprint: str) -> None:
        geometry.alignment_points(alignment, 1, 1)  # refuses an unknown one
        if size < 1 or features < 1:
            raise ValueError(
                f"size and features must be at least 1. Received: size={size}, features={features}"
            )
        self.size, self.alignment = size, alignment
        self.features, self.fingerprint = features, fingerprint

    @abc.abstractmethod
    def embed(self, faces: np.ndarray) -> np.ndarray:
        """Embeds faces that have been validated.

        Args:
            faces: uint8 array, shape (faces, size, size, 3), RGB, 0-255, at least one face.

        Returns:
            float32 array, shape (faces, features).
        """

    def __call__(self, faces: np.ndarray) -> np.ndarray:
        """Embeds faces.

        Args:
            faces: uint8 array, shape (faces, size, size, 3), RGB, 0-255, in the embedder's alignment.

        Returns:
            float32 array, shape (faces, features).

        Raises:
            ValueError: if the faces have another shape or type, or there are none.
        """
        shape = (self.size, self.size, 3)
        if faces.dtype != np.uint8 or faces.ndim != 4 or faces.shape[1:] != shape or not len(faces):
            raise ValueError(
                f"faces must be a uint8 array of shape (faces, {', '.join(map(str, shape))}), at least "
                f"one face. Received: {faces.dtype} of shape {faces.shape}"
            )
        return self.embed(faces)

    def with_flip(self) -> Embedder:
        """This embedder with flip test-time augmentation: the unit embeddings of each face and of
        its mirror image are added, which takes twice as long.

        Returns:
            An `Embedder` with the same number of features, whose embeddings have unit length.
        """
        return _Flipped(self)

    def facts(self) -> dict[str, Any]:
        """A description as plain values: "engine", "alignment", "size", "features"."""
        return {
            "engine": self.engine,
            "alignment": self.alignment,
            "size": self.size,
            "features": self.features,
        }


class _Flipped(Embedder):
    def __init__(self, embedder: Embedder) -> None:
        super().__init__(
            size=embedder.size,
            alignment=embedder.alignment,
            features=embedder.features,
            fingerprint=f"{embedder.fingerprint} with flip",
        )
        self.embedder = embedder

    def embed(self, faces: np.ndarray) -> np.ndarray:
        flipped = np.ascontiguousarray(faces[:, :, ::-1])
        return normalized(normalized(self.embedder(faces)) + normalized(self.embedder(flipped)))

    def facts(self) -> dict[str, Any]:
        return {**self.embedder.facts(), "flip": True}
