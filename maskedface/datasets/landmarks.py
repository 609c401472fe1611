"""The five facial landmarks of one face, with their source and confidence."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

Point = tuple[float, float]

COLUMNS = ("landmarks", "landmarks_source", "landmarks_confidence")
"""The manifest's columns that hold a row's landmarks."""
ASPECT = "pixel_aspect"
"""The optional column beside them; if it is missing or empty, pixels are square."""


@dataclass(frozen=True)
class Landmarks:
    """The positions of five facial landmarks in an image.

    >>> from maskedface import datasets, geometry
    >>> five = geometry.alignment_points("arcface", 112, 112)
    >>> datasets.Landmarks(five, "given", confidence=1).points[0]
    (38.29, 51.7)

    Args:
        points: five (x, y) pairs in pixels of the upright image (`geometry` defines the origin), in
            the order of `geometry.ALIGNMENTS`: left eye, right eye, nose tip, left and right mouth
            corner, as seen by the viewer. They may lie outside the image. Rounded to two decimals,
            as in manifests.
        source: str, the method that found them: "aligner", "blazeface+mesh", "given"; not empty.
        confidence: float in [0, 1], rounded to four decimals.
        pixel_aspect: float in [0.1, 10], the width of the image's pixels relative to their height
            (`geometry.FacePoints`), rounded to four decimals; 1 unless the image was squashed.

    Raises:
        ValueError: if there are not five pairs of finite numbers, all points coincide, the source
            is empty, or the confidence or the pixel aspect is out of range.
    """

    points: tuple[Point, Point, Point, Point, Point]
    source: str
    confidence: float
    pixel_aspect: float = 1.0

    def __post_init__(self) -> None:
        try:
            points = np.asarray(self.points, "float64").round(2)
        except (TypeError, ValueError):
            points = np.empty(0)
        if points.shape != (5, 2) or not np.isfinite(points).all():
            raise ValueError(
                "points must be five pairs (x, y) of finite numbers. "
                f"Received: points={self.points!r}"
            )
        if not np.ptp(points, axis=0).any():
            raise ValueError(f"points must not all coincide. Received: points={self.points}")
        if not isinstance(self.source, str) or not self.source.strip():
            raise ValueError(f"source must not be empty. Received: source={self.source!r}")
        if not (isinstance(self.confidence, Real) and 0 <= self.confidence <= 1):
            raise ValueError(
                f"confidence must be in [0, 1]. Received: confidence={self.confidence!r}"
            )
        if not 0.1 <= self.pixel_aspect <= 10:
            raise ValueError(
                f"pixel_aspect must be in [0.1, 10]. Received: pixel_aspect={self.pixel_aspect!r}"
            )
        points += 0.0  # makes -0.0 plain, which would be written "-0"
        object.__setattr__(self, "points", tuple(map(tuple, points.tolist())))
        object.__setattr__(self, "confidence", round(float(self.confidence), 4))
        object.__setattr__(self, "pixel_aspect", round(float(self.pixel_aspect), 4))

    def to_cells(self) -> tuple[str, str, str, str]:
        """The cells of `COLUMNS`, starting with ten numbers x1 y1 x2 y2 .. separated by spaces, and
        of `ASPECT`."""
        points = " ".join(f"{number:.10g}" for pair in self.points for number in pair)
        return points, self.source, f"{self.confidence:g}", f"{self.pixel_aspect:g}"

    @staticmethod
    def from_cells(points: str, source: str, confidence: str, aspect: str = "") -> Landmarks | None:
        """Parses the result of `to_cells`; None if all four cells are empty.

        Raises:
            ValueError: if some cells are empty or not numbers, and as `Landmarks`.
        """
        cells = (points, source, confidence)
        if not any((*cells, aspect)):
            return None
        if not all(cells):
            raise ValueError(f"{', '.join(COLUMNS)} must all be filled, or none. Received: {cells}")
        try:
            numbers = np.array(points.split(), "float64")
            sure, square = float(confidence), float(aspect or "1")
        except ValueError:
            raise ValueError(
                "landmarks, landmarks_confidence and pixel_aspect must be numbers. "
                f"Received: {points!r}, {confidence!r} and {aspect!r}"
            ) from None
        if len(numbers) != 10:
            raise ValueError(
                f"landmarks must be ten numbers x1 y1 x2 y2 ... Received: landmarks={points!r}"
            )
        return Landmarks(numbers.reshape(5, 2), source, sure, square)  # type: ignore[arg-type]
