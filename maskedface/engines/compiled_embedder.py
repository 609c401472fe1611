"""An embedder that runs a Keras model with another engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskedface.engines.comparing import RealFaces
from maskedface.engines.compiling import compile_model
from maskedface.engines.embedder import Embedder
from maskedface.engines.engine import AUTO, Precision
from maskedface.engines.keras_embedder import KerasEmbedder


class CompiledEmbedder(Embedder):
    """An embedder that runs a Keras model with another engine.

    It has the fingerprint of the Keras model: its embeddings are compared with Keras' when it is
    created, so a gallery enrolled with one can be searched with the other.

    Args:
        embedder: the model.
        faces: as for `compile_model`: real faces in the embedder's alignment.
        engine, precision, tolerance: as for `compile_model`.

    Attributes:
        compiled: the `CompiledModel`.

    Raises:
        ModuleNotFoundError, ValueError: as `compile_model`.

    >>> import keras
    >>> import numpy as np
    >>> from maskedface import engines, synthetic
    >>> network = keras.Sequential(
    ...     [keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> faces = np.stack([synthetic.draw_face(n, 0, False, size=64) for n in range(4)])
    >>> plain = engines.KerasEmbedder(network, "arcface")
    >>> fast = engines.CompiledEmbedder(plain, engines.RealFaces(faces), engine="openvino")
    >>> np.allclose(fast(faces), plain(faces), atol=1e-4), fast.fingerprint == plain.fingerprint
    (True, True)
    """

    def __init__(
        self,
        embedder: KerasEmbedder,
        faces: RealFaces,
        *,
        engine: str = AUTO,
        precision: Precision = "float32",
        tolerance: float = 0.02,
    ) -> None:
        super().__init__(
            size=embedder.size,
            alignment=embedder.alignment,
            features=embedder.features,
            fingerprint=embedder.fingerprint,
        )
        self.plain = embedder
        self.compiled = compile_model(
            embedder.model, faces, engine=engine, precision=precision, tolerance=tolerance
        )
        self.engine = self.compiled.engine  # type: ignore[misc]  # each one's own

    def embed(self, faces: np.ndarray) -> np.ndarray:
        return self.compiled(faces)

    def with_flip(self) -> Embedder:
        flipped = super().with_flip()
        flipped.fingerprint = self.plain.with_flip().fingerprint
        return flipped

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), **self.compiled.facts()}
