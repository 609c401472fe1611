"""A photograph in, embedded faces out: find them, warp them, embed them."""

from __future__ import annotations

import os
from typing import Any, Literal, get_args

import keras
import numpy as np

from maskedface import geometry, models
from maskedface.datasets import read_image
from maskedface.datasets.file_facts import blankness
from maskedface.evaluation import normalized
from maskedface.landmarks import Cascade, Detector, detect
from maskedface.landmarks.detection import check_image
from maskedface.masking import masked_probability
from maskedface.recognition.embedding import embedder_of
from maskedface.recognition.found import FaceError, FoundFace, Photo, Place
from maskedface.recognition.remembered import WHOLE

FallBack = Literal["never", "always"]

# A photograph shows one person where the largest face has this many times the next one's area.
_DOMINATES = 4.0


class FaceReader:
    """Finds and embeds the faces of photographs that are neither cropped nor aligned.

    What a `Recognizer` does before it compares. It works in the process that made it: a child forked
    from that gets a RuntimeError where TensorFlow would hang.

    Args:
        model: images -> embeddings, or a classifier of this library, whose head is taken off.
        alignment: the alignment of the model's input, a key of `geometry.ALIGNMENTS`; by default
            what the model states (`models.alignment_of`).
        detector: what finds the faces; by default a `landmarks.Cascade`, made when first needed.
        aligned_to: "" where faces must be found; else the key of `geometry.ALIGNMENTS` that every
            photograph is aligned to already, and no face is searched for.
        fall_back: where no face is found: "never" takes the photograph for none, "always" the whole of it
            for one. Either way a nearly black or uniform image shows nobody.

    Raises:
        ValueError: if the model takes or gives something else, or states no alignment and none is given,
            or a word is none of these.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        alignment: str | None = None,
        detector: Detector | None = None,
        aligned_to: str = "",
        fall_back: FallBack = "never",
    ) -> None:
        if fall_back not in get_args(FallBack):
            raise ValueError(
                f"fall_back must be one of {get_args(FallBack)}. Received: fall_back={fall_back!r}"
            )
        self.embedder = embedder_of(model)
        self.alignment = models.alignment_of(self.embedder) if alignment is None else alignment
        for name in (self.alignment, aligned_to or self.alignment):
            geometry.alignment_points(name, 1, 1)  # refuses an unknown one
        self._size = int(self.embedder.input_shape[1])
        self._process = os.getpid()
        self._detector, self._aligned_to, self._fall_back = detector, aligned_to, fall_back

    def faces(self, photo: Photo) -> tuple[FoundFace, ...]:
        """Finds and embeds every face of a photograph.

        Args:
            photo: an image file, or a uint8 array, shape (height, width, 3), RGB.

        Returns:
            The faces, from left to right; none where no face is found and `fall_back` does not take
            the photograph for one, or nearly all of it has one color.

        Raises:
            ImageError: if the file is no image, damaged or too large.
            OSError: if it cannot be read.
            ValueError: if an array has another shape or type, or the detector gives something else than
                faces (`landmarks.detect`).
            ModuleNotFoundError: if the detector wants a package that is not installed.
        """
        return self.embedded(*self.located(photo))

    def located(self, photo: Photo) -> tuple[np.ndarray, list[Place]]:
        """Finds the faces of a photograph; `faces` embeds them too.

        Args:
            photo: as for `faces`.

        Returns:
            (the upright photograph, uint8 array, shape (height, width, 3), RGB; a place a face, from left
            to right: its box, the detector's confidence or None, what it is aligned by, and where it is,
            as for `geometry.chip_matrix`).

        Raises:
            ImageError, OSError, ValueError, ModuleNotFoundError: as `faces`.
        """
        self._check_process()
        image = photo if isinstance(photo, np.ndarray) else read_image(photo)
        check_image(image)
        return image, self._find(image)

    def embedded(self, image: np.ndarray, places: list[Place]) -> tuple[FoundFace, ...]:
        """Embeds faces that were found.

        Args:
            image: uint8 array, shape (height, width, 3), RGB.
            places: some of those that `located` gave for it, by this recognizer or another.

        Returns:
            The faces, in the places' order.
        """
        self._check_process()
        if not places:
            return ()
        chips = [self._cut(image, source) for *_, source in places]
        return tuple(
            FoundFace(box, confidence, by, masked_probability(image, source), embedding)
            for (box, confidence, by, source), embedding in zip(
                places, self._embed(chips), strict=True
            )
        )

    def chip(self, photo: Photo) -> np.ndarray:
        """The model's view of a photograph's largest face.

        Args:
            photo: as for `faces`.

        Returns:
            uint8 array, shape (size, size, 3), RGB: the model's input.

        Raises:
            FaceError: if no face is found.
            ImageError, OSError, ValueError, ModuleNotFoundError: as `faces`.
        """
        image, places = self.located(photo)
        if not places:
            raise FaceError(f"a photograph must show a face. Received: none in {image.shape}")
        largest = max(places, key=lambda p: (p[0][2] - p[0][0]) * (p[0][3] - p[0][1]))
        return self._cut(image, largest[3])

    def one_face(self, photo: Photo) -> FoundFace:
        """The face of a photograph of one person: the only one, or one far larger than the others.

        Args:
            photo: as for `faces`.

        Raises:
            FaceError: if there is no face, or the largest does not have four times the area of the
                next one.
            ImageError, OSError, ValueError, ModuleNotFoundError: as `faces`.
        """
        return self.located_face(photo)[2]

    def located_face(self, photo: Photo) -> tuple[np.ndarray, Place, FoundFace]:
        """The face of a photograph of one person, and where it is.

        Args:
            photo: as for `faces`.

        Returns:
            (the photograph and the face's place, as `located` gives them; the face, as `one_face`).

        Raises:
            FaceError, ImageError, OSError, ValueError, ModuleNotFoundError: as `one_face`.
        """
        image, places = self.located(photo)
        place, face = self._one_of(photo, image, places)
        return image, place, face

    def _one_of(
        self, photo: Photo, image: np.ndarray, places: list[Place]
    ) -> tuple[Place, FoundFace]:
        """The only face of an image, or the one that is far larger than the others."""
        found = zip(places, self.embedded(image, places), strict=True)
        pairs = sorted(found, key=lambda pair: _area(pair[1]), reverse=True)
        if not pairs or (len(pairs) > 1 and _area(pairs[0][1]) < _DOMINATES * _area(pairs[1][1])):
            name = f"an array of {photo.shape}" if isinstance(photo, np.ndarray) else repr(photo)
            raise FaceError(
                "a photograph must show one face, or one far larger than the others. "
                f"Received: {len(pairs) or 'no'} face{'s'[: len(pairs) != 1]} in {name}"
            )
        return pairs[0]

    def _find(self, image: np.ndarray) -> list[Place]:
        if self._aligned_to:
            return whole_place(image, "alignment", self._aligned_to)
        return self._searched(image) or (
            whole_place(image, WHOLE, "") if self._fall_back == "always" else []
        )

    def _searched(self, image: np.ndarray) -> list[Place]:
        if self._detector is None:
            self._detector = Cascade()
        (found,) = detect(self._detector, [image])
        return [(face.box, face.confidence, face.source, face.points) for face in found]

    def _cut(self, image: np.ndarray, source: geometry.Source) -> np.ndarray:
        matrix = geometry.chip_matrix(
            *image.shape[:2], source=source, target=self.alignment, size=self._size
        )
        return geometry.warp(image, matrix, self._size)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_process"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _process=os.getpid())

    def _check_process(self) -> None:
        """Refuses what would hang: a forked child has none of the threads of TensorFlow or JAX."""
        if os.getpid() != self._process:
            raise RuntimeError(
                "a recognizer must be used in the process that made it: make it in the child, or start "
                "children by multiprocessing's 'spawn'. "
                f"Received: process {os.getpid()}, forked after process {self._process} made it"
            )

    def _embed(self, chips: list[np.ndarray]) -> np.ndarray:
        # Filled up to a power of two, so that few batch sizes are traced.
        rows = np.zeros((1 << (len(chips) - 1).bit_length(), *chips[0].shape), "uint8")
        rows[: len(chips)] = chips
        return normalized(models.predict(self.embedder, rows)[: len(chips)])


def whole_place(image: np.ndarray, by: str, source: geometry.Source) -> list[Place]:
    """The whole of an image as the place of its face; of a nearly black or uniform one no place."""
    height, width = image.shape[:2]
    return [] if blankness(image) else [((0.0, 0.0, float(width), float(height)), None, by, source)]


def _area(face: FoundFace) -> float:
    left, top, right, bottom = face.box
    return (right - left) * (bottom - top)
