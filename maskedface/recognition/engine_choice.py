"""The choice of an inference engine instead of Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maskedface.datasets import FaceIndex
    from maskedface.engines.engine import Precision


@dataclass(frozen=True)
class EngineChoice:
    """An inference engine for embeddings, and the faces on which it is compared with Keras.

    >>> from maskedface import recognition
    >>> recognition.EngineChoice("openvino").precision
    'float32'

    Args:
        engine: a key of `engines.ENGINES`, or "auto", the fastest that is accurate enough.
        precision: "float32", "bfloat16" or "int8"; for "auto" the lowest that it may select.
        faces: a `FaceIndex` of real faces for the comparison and for int8 calibration, of people on
            whom no results are reported. None uses a run's training faces if they still exist, else
            drawn faces, except for int8.
        tolerance: float in [0, 1], by how much int8 may lower the rank-1 accuracy on these faces.

    Raises:
        ValueError: if an argument has another value, or the processor does not support the
            precision.
        ModuleNotFoundError: if the engine is not installed; the message has the pip command.
    """

    engine: str = "keras"
    precision: Precision = "float32"
    faces: FaceIndex | None = None
    tolerance: float = 0.02

    def __post_init__(self) -> None:
        if self.is_keras:
            return
        # Imported late: the engines import Keras, which a recognizer does not always need.
        from maskedface.engines.registry import check_engine

        check_engine(self.engine, self.precision)

    @property
    def is_keras(self) -> bool:
        """Whether the network is run by Keras in float32, unchanged."""
        return (self.engine, self.precision) == ("keras", "float32")
