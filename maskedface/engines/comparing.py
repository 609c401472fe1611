"""Measures how much an engine's outputs deviate from Keras', on real faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskedface.engines.engine import Precision, Run
from maskedface.evaluation.scoring import normalized

# What an image's outputs may differ by at most: the length of the difference as a share of the length of
# Keras' outputs. Found on dlib's network and ResNet50, of the face that differs most: 9e-7 in float32 (the
# order of sums alone differs), 1.1e-2 in bfloat16, .2 in int8, which rank-1 judges: above its limit
# something is broken rather than rounded.
TOLERANCES: dict[Precision, float] = {"float32": 1e-4, "bfloat16": 5e-2, "int8": 0.5}
COMPARED = 96  # faces, of each person two: they cost Keras two seconds with ResNet50
CALIBRATED = 32
_SMALLEST = 1e-12


@dataclass(frozen=True, eq=False)
class RealFaces:
    """A network's input faces, to compare an engine with Keras and to calibrate int8.

    >>> import numpy as np
    >>> from maskedface import engines
    >>> engines.RealFaces(np.zeros((2, 64, 64, 3), "uint8")).people is None
    True

    Args:
        images: uint8 array, shape (N, height, width, 3), N >= 1, RGB.
        people: the person in each image; needed for int8, which is evaluated by rank-1 accuracy.
        calibration: uint8 array, shape (M, height, width, 3): other faces, for int8.
    """

    images: np.ndarray
    people: Sequence[str | int] | None = None
    calibration: np.ndarray | None = None

    @staticmethod
    def of(images: np.ndarray, people: Sequence[str | int]) -> RealFaces:
        """Selects from many faces: for the comparison two faces of each of some people, and for
        calibration some of the others. The selection is deterministic.

        >>> import numpy as np
        >>> from maskedface import engines
        >>> faces = engines.RealFaces.of(np.zeros((200, 8, 8, 3), "uint8"), np.arange(200) // 4)
        >>> len(faces.images), len(faces.calibration)
        (96, 32)

        Args:
            images: uint8 array, shape (faces, height, width, 3), possibly memory-mapped; at least
                one.
            people: the person in each image.
        """
        compared, rest = choose(people)
        calibration = np.ascontiguousarray(images[rest]) if len(rest) else None
        of_each = [people[row] for row in compared]
        return RealFaces(np.ascontiguousarray(images[compared]), of_each, calibration)

    def check(self, shape: tuple[int, ...]) -> None:
        """Checks that a network accepts the faces.

        Args:
            shape: (height, width, 3) of the network.

        Raises:
            ValueError: if there are none, they have another shape or type, or `people` has another
                length.
        """
        given = self.images
        fits = given.dtype == np.uint8 and given.ndim == 4 and given.shape[1:] == shape
        if not fits or not len(given):
            raise ValueError(
                f"faces to compare on must be uint8, of shape (N, {', '.join(map(str, shape))}), N at "
                f"least 1. Received: {given.dtype} of shape {given.shape}"
            )
        if self.people is not None and len(self.people) != len(given):
            raise ValueError(
                "people must have one entry per face. "
                f"Received: {len(self.people)} for {len(given)} faces"
            )

    def check_people(self) -> None:
        """Checks that rank-1 accuracy can be computed on the faces.

        Raises:
            ValueError: unless at least two people have two faces each.
        """
        people = [] if self.people is None else list(self.people)
        twice = {one for one in people if people.count(one) > 1}
        if len(twice) < 2:
            raise ValueError(
                "int8 must be compared on at least two people with two faces each. "
                f"Received: {len(people)} faces of {len(set(people))} people, {len(twice)} with two"
            )


def choose(people: Sequence[str | int]) -> tuple[np.ndarray, np.ndarray]:
    """Selects rows for the comparison, and other rows for calibration.

    Args:
        people: the person in each row, at least one.

    Returns:
        Two disjoint, sorted int arrays. First, two rows of each of up to 48 people (at most half of
        the rows), evenly spaced among those with two rows, or up to 96 rows if nobody has two.
        Second, up to 32 of the other rows.
    """
    rows_of: dict[str | int, list[int]] = {}
    for row, person in enumerate(people):
        rows_of.setdefault(person, []).append(row)
    pairs = [rows[:2] for rows in rows_of.values() if len(rows) > 1]
    most = min(COMPARED // 2, max(2, len(people) // 4))  # half of few rows is left
    chosen = [pairs[at] for at in _evenly(len(pairs), most)]
    compared = np.sort(np.array(chosen, int).ravel())
    if not len(compared):
        compared = _evenly(max(1, len(people) // 2), COMPARED)
    rest = np.setdiff1d(np.arange(len(people)), compared)
    return compared, rest[_evenly(len(rest), CALIBRATED)]


def _evenly(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


@dataclass(frozen=True)
class Difference:
    """The deviation of an engine's outputs from Keras'.

    >>> from maskedface import engines
    >>> engines.Difference(2e-7, 96).facts()
    {'difference': 2e-07, 'compared_on': 96}

    Attributes:
        relative: float, the maximum over faces of the norm of the difference, relative to the norm
            of Keras' outputs; infinite if an output is not finite.
        faces: int, the number of faces compared.
        rank_one: rank-1 accuracies (Keras', the engine's), floats in [0, 1]: the share of faces
            whose nearest other face is of the same person; None except for int8.
    """

    relative: float
    faces: int
    rank_one: tuple[float, float] | None = None

    def facts(self) -> dict[str, Any]:
        """The values for run.json."""
        told: dict[str, Any] = {"difference": self.relative, "compared_on": self.faces}
        if self.rank_one is not None:
            told["rank_one"] = {"keras": self.rank_one[0], "engine": self.rank_one[1]}
        return told

    def refuse(self, engine: str, precision: Precision, tolerance: float) -> None:
        """Rejects an engine that deviates too much.

        Args:
            engine, precision: the engine and its precision.
            tolerance: float, the loss of rank-1 accuracy that is allowed; the loss of a single face
                is always allowed.

        Raises:
            ValueError: if the deviation is too large.
        """
        limit = TOLERANCES[precision]
        if not self.relative <= limit:
            raise ValueError(
                f"outputs of the engine {engine!r} in {precision} must be within {limit:g} of Keras'. "
                f"Received: a relative difference of {self.relative:.2g} on {self.faces} faces"
            )
        if self.rank_one is None:
            return
        before, after = self.rank_one
        lost = round((before - after) * self.faces)
        if lost > max(1, tolerance * self.faces):
            raise ValueError(
                f"the engine {engine!r} in {precision} must lose at most {tolerance:g} of rank-1 "
                f"accuracy. Received: {after:.3f}, Keras {before:.3f}, on {self.faces} faces"
            )


def difference(
    run: Run,
    expected: np.ndarray,
    faces: RealFaces,
    tail: Callable[[np.ndarray], np.ndarray] | None,
    precision: Precision,
) -> Difference:
    """Runs the engine on all faces and on the first one only, and compares with Keras.

    Args:
        run: the engine's function.
        expected: Keras' outputs for the faces.
        faces: the faces; for int8 with `people`.
        tail: outputs -> embeddings; None if the outputs are the embeddings.
        precision: the engine's precision.
    """
    together, alone = run(faces.images), run(faces.images[:1])
    away = max(_relative(together, expected), _relative(alone, expected[:1]))
    if precision != "int8" or not np.isfinite(away):
        return Difference(away, len(expected))
    assert faces.people is not None
    embeddings = [found if tail is None else tail(found) for found in (expected, together)]
    keras, engine = (_rank_one(found, faces.people) for found in embeddings)
    return Difference(away, len(expected), (keras, engine))


def _relative(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    one, other = (rows.reshape(len(rows), -1).astype("float64") for rows in (found, expected))
    lengths = np.linalg.norm(other, axis=1)
    # An embedding close to zero is compared relative to the longest one, not to itself.
    least = max(_SMALLEST, float(lengths.max()) * 1e-3)
    return float((np.linalg.norm(one - other, axis=1) / np.maximum(lengths, least)).max())


def _rank_one(embeddings: np.ndarray, people: Sequence[str | int]) -> float:
    """The share of faces whose nearest other face is of the same person."""
    unit = normalized(np.asarray(embeddings, "float32"))
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    labels = np.unique(np.asarray(people), return_inverse=True)[1]
    return float((labels[cosines.argmax(1)] == labels).mean())
