"""What is to embed in place of Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maskedface.datasets import FaceIndex
    from maskedface.engines.engine import Precision


@dataclass(frozen=True)
class EngineChoice:
    """What embeds in place of Keras, and on which faces it is compared with Keras.

    >>> from maskedface import recognition
    >>> recognition.EngineChoice("openvino").precision
    'float32'

    Args:
        engine: a key of `engines.ENGINES`, or "auto", the fastest that is near enough.
        precision: "float32", "bfloat16" or "int8"; of "auto" the least exact that it may take.
        faces: real faces of people, as a `FaceIndex`, for the comparison and for int8, of whom nothing is
            reported; None: of a run its training faces, where they are there still; else, but for int8,
            drawn ones.
        tolerance: float in [0, 1], the share of rank-1 on those faces that int8 may lose.

    Raises:
        ValueError: if a word is none of these, or the processor cannot compute so.
        ModuleNotFoundError: if the engine is not installed; the message has the pip line.
    """

    engine: str = "keras"
    precision: Precision = "float32"
    faces: FaceIndex | None = None
    tolerance: float = 0.02

    def __post_init__(self) -> None:
        if self.is_keras:
            return
        # The engines import Keras, which a recognizer may do without.
        from maskedface.engines.registry import check_engine

        check_engine(self.engine, self.precision)

    @property
    def is_keras(self) -> bool:
        """Whether the network stays as it is."""
        return (self.engine, self.precision) == ("keras", "float32")
