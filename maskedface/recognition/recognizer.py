"""A photograph in, names out: find the faces, warp them, embed them, compare them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Literal, get_args

import keras
import numpy as np

from maskedface import geometry, models
from maskedface.datasets import read_image
from maskedface.evaluation import Cohort, normalised
from maskedface.masking import SEEMS_MASKED, masked_probability, masked_templates
from maskedface.recognition.detection import Detector, MtcnnDetector, check_image
from maskedface.recognition.embedding import embedder_of, fingerprint
from maskedface.recognition.found import FaceError, FoundFace, Identity, Photo, Place, Verification
from maskedface.recognition.gallery import Gallery
from maskedface.training import last_run

FallBack = Literal["crops", "always", "never"]

# Our own choices. RMFRD's images and others that were cut out by somebody's detector are this small
# and about square; a larger photograph without a face found has none, or none that can be used.
CROP_SIDE, CROP_RATIO = 320, 1.6
_LEAST_CROP = 24  # pixels: nobody can be told in fewer
# A photograph shows one person where the largest face has this many times the next one's area.
_DOMINATES = 4.0


class Recognizer:
    """Recognises the people of a gallery in photographs that are neither cropped nor aligned.

    Args:
        model: images -> embeddings, or a classifier of this library, whose head is taken off.
        alignment: the alignment of the model's input, a key of `geometry.ALIGNMENTS`; by default
            what the model states (`models.alignment_of`).
        gallery: the people known; by default nobody, with `keep="mean"`.
        detector: what finds the faces; by default a `MtcnnDetector`, made when first needed.
        aligned_to: "" where faces must be found; else the key of `geometry.ALIGNMENTS` that every
            photograph is aligned to already, and no face is searched for.
        fall_back: where no face is found, take the whole photograph as one: "crops" if it is small
            and about square (no side above 320 px), "always" or "never".
        source: str, where the model came from, kept in a new gallery.
        cohort, masks: of a new gallery (`Gallery`); one that is given has its own, or none.

    Raises:
        ValueError: if the model takes or gives something else, or states no alignment and none is given,
            a word is none of these, `masks` is out of [0, 100], or the gallery was made with another model.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        alignment: str | None = None,
        gallery: Gallery | None = None,
        detector: Detector | None = None,
        aligned_to: str = "",
        fall_back: FallBack = "crops",
        source: str = "",
        cohort: Cohort | None = None,
        masks: int = 0,
    ) -> None:
        if fall_back not in get_args(FallBack):
            raise ValueError(
                f"fall_back must be one of {get_args(FallBack)}. Received: fall_back={fall_back!r}"
            )
        self.embedder = embedder_of(model)
        self.alignment = models.alignment_of(self.embedder) if alignment is None else alignment
        for name in (self.alignment, aligned_to or self.alignment):
            geometry.alignment_points(name, 1, 1)  # refuses an unknown one
        self.fingerprint = fingerprint(self.embedder, self.alignment)
        self._size = int(self.embedder.input_shape[1])
        self._detector, self._aligned_to, self._fall_back = detector, aligned_to, fall_back
        if gallery is None:
            gallery = Gallery(self.fingerprint, source=source, cohort=cohort, masks=masks)
        self.gallery = gallery
        self.gallery.check_model(self.fingerprint)

    @classmethod
    def from_run(
        cls,
        path: str | os.PathLike[str],
        *,
        gallery: Gallery | None = None,
        detector: Detector | None = None,
        aligned_to: str = "",
        fall_back: FallBack = "crops",
    ) -> Recognizer:
        """A recogniser with the network of a finished run, and in a new gallery with its cohort and its
        masks drawn on those enrolled.

        Args:
            path: the run's folder.
            gallery, detector, aligned_to, fall_back: as for `Recognizer`.

        Raises:
            FileNotFoundError: if it is no finished run's folder.
            ValueError: as `Recognizer`.
        """
        run = last_run(path)
        return cls(
            run.model,
            alignment=run.record["alignment"],
            gallery=gallery,
            detector=detector,
            aligned_to=aligned_to,
            fall_back=fall_back,
            source=os.path.abspath(run.path),
            cohort=run.cohort if gallery is None else None,
            masks=run.recipe.enroll_masks,
        )

    def faces(self, photo: Photo) -> tuple[FoundFace, ...]:
        """Finds and embeds every face of a photograph.

        Args:
            photo: an image file, or a uint8 array, shape (height, width, 3), RGB.

        Returns:
            The faces, from left to right; none where no face is found and `fall_back` does not take
            the photograph for one.

        Raises:
            ImageError: if the file is no image, damaged or too large.
            OSError: if it cannot be read.
            ValueError: if an array has another shape or type.
            ModuleNotFoundError: if `mtcnn` is needed and not installed.
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
        image = photo if isinstance(photo, np.ndarray) else read_image(photo)
        check_image(image)
        return image, self._find(image)

    def embedded(self, image: np.ndarray, places: list[Place]) -> tuple[FoundFace, ...]:
        """Embeds faces that were found.

        Args:
            image: uint8 array, shape (height, width, 3), RGB.
            places: some of those that `located` gave for it, by this recogniser or another.

        Returns:
            The faces, in the places' order.
        """
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

    def face_to_enroll(self, photo: Photo) -> FoundFace:
        """The face of a photograph of one person, with its `template` where the gallery wants masks drawn
        on those enrolled and it does not seem to wear one already.

        Args:
            photo: as for `faces`.

        Raises:
            FaceError, ImageError, OSError, ValueError, ModuleNotFoundError: as `one_face`.
        """
        return self.with_template(*self.located_face(photo))

    def with_template(self, image: np.ndarray, place: Place, face: FoundFace) -> FoundFace:
        """A face with what a gallery keeps of it where it wants drawn masks.

        Args:
            image, place: where it is, of `located`.
            face: as this recogniser embedded it.

        Returns:
            The face with `template` and `covered`; as it is where no masks are wanted, it seems to wear
            one, or nobody found its mouth ("whole image").
        """
        where_is_unknown = face.aligned_by == "whole image"
        if not self.gallery.masks or face.masked >= SEEMS_MASKED or where_is_unknown:
            return face
        (template,), (covered,) = masked_templates(
            lambda chips: self._embed(list(chips)),
            self._cut(image, place[-1])[None],
            face.embedding[None],
            count=self.gallery.masks,
            alignment=self.alignment,
        )
        return face._replace(template=template, covered=covered)

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
        found = zip(places, self.embedded(image, places), strict=True)
        pairs = sorted(found, key=lambda pair: _area(pair[1]), reverse=True)
        if not pairs or (len(pairs) > 1 and _area(pairs[0][1]) < _DOMINATES * _area(pairs[1][1])):
            name = f"an array of {photo.shape}" if isinstance(photo, np.ndarray) else repr(photo)
            raise FaceError(
                "a photograph must show one face, or one far larger than the others. "
                f"Received: {len(pairs) or 'no'} face{'s'[: len(pairs) != 1]} in {name}"
            )
        return image, *pairs[0]

    def enroll(self, person: str, photos: Iterable[Photo]) -> tuple[FoundFace, ...]:
        """Adds a person's faces to the gallery; where one photograph is refused, none.

        Args:
            person: their name, not "". If they are enrolled already, the faces join the old ones.
            photos: photographs of them, one face each.

        Returns:
            The faces enrolled.

        Raises:
            ValueError: if there is no photograph, and as `one_face`.
            OSError, ModuleNotFoundError: as `faces`.
        """
        found = tuple(self.face_to_enroll(photo) for photo in photos)
        if not found or not person:
            raise ValueError(
                "person must have a name, and a photograph at least. "
                f"Received: person={person!r}, {len(found)} photographs"
            )
        self.gallery.enroll([person] * len(found), np.stack([face.to_enroll for face in found]))
        return found

    def identify(
        self, photo: Photo, *, candidates: int = 3, threshold: float | None = None
    ) -> tuple[Identity, ...]:
        """Says who the faces of a photograph are.

        Args:
            photo: as for `faces`.
            candidates: int >= 1, how many of the most alike people to return.
            threshold: a score (`Candidate.score`); by default the gallery's calibrated one. With
                neither nobody is named.

        Returns:
            One `Identity` a face, from left to right.

        Raises:
            ValueError: if nobody is enrolled, and as `faces`.
            OSError, ModuleNotFoundError: as `faces`.
        """
        return tuple(self.name(face, candidates, threshold) for face in self.faces(photo))

    def name(self, face: FoundFace, candidates: int, threshold: float | None = None) -> Identity:
        """Says who a face is.

        Args:
            face: embedded by this recogniser.
            candidates, threshold: as for `identify`.

        Returns:
            The `Identity`.

        Raises:
            ValueError: if nobody is enrolled.
        """
        if threshold is None and self.gallery.calibration is not None:
            threshold = self.gallery.calibration.identify
        found = self.gallery.search(face.embedding, candidates)
        accepted = threshold is not None and found[0].score >= threshold
        return Identity(face, found[0].person if accepted else "", found, threshold)

    def verify(
        self, first: Photo, second: Photo, *, threshold: float | None = None
    ) -> Verification:
        """Says whether two photographs, one face each, show the same person.

        Args:
            first, second: as for `one_face`.
            threshold: a cosine; by default the gallery's calibrated one. With neither there is no
                verdict.

        Raises:
            FaceError, ImageError, OSError, ValueError, ModuleNotFoundError: as `one_face`.
        """
        return self.compare(self.one_face(first), self.one_face(second), threshold)

    def compare(
        self, first: FoundFace, second: FoundFace, threshold: float | None = None
    ) -> Verification:
        """Says whether two faces are the same person's.

        Args:
            first, second: embedded by this recogniser.
            threshold: as for `verify`.

        Returns:
            The `Verification`.
        """
        if threshold is None and self.gallery.calibration is not None:
            threshold = self.gallery.calibration.verify
        faces = first, second
        score = float(np.clip(faces[0].embedding @ faces[1].embedding, -1, 1))
        same = None if threshold is None else score >= threshold
        return Verification(score, same, threshold, faces)

    def _find(self, image: np.ndarray) -> list[Place]:
        height, width = image.shape[:2]
        whole = (0.0, 0.0, float(width), float(height))
        if self._aligned_to:
            return [(whole, None, "alignment", self._aligned_to)]
        if self._detector is None:
            self._detector = MtcnnDetector()
        found = self._detector(image)
        if found:
            return [(face.box, face.confidence, "points", face.points) for face in found]
        sides = max(height, width), min(height, width)
        is_crop = sides[1] >= _LEAST_CROP and sides[0] <= min(CROP_SIDE, CROP_RATIO * sides[1])
        if self._fall_back == "always" or (self._fall_back == "crops" and is_crop):
            return [(whole, None, "whole image", "")]
        return []

    def _cut(self, image: np.ndarray, source: str | np.ndarray) -> np.ndarray:
        matrix = geometry.chip_matrix(
            *image.shape[:2], source=source, target=self.alignment, size=self._size
        )
        return geometry.warp(image, matrix, self._size)

    def _embed(self, chips: list[np.ndarray]) -> np.ndarray:
        # Filled up to a power of two, so that few batch sizes are traced.
        rows = np.zeros((1 << (len(chips) - 1).bit_length(), *chips[0].shape), "uint8")
        rows[: len(chips)] = chips
        return normalised(models.predict(self.embedder, rows)[: len(chips)])


def _area(face: FoundFace) -> float:
    left, top, right, bottom = face.box
    return (right - left) * (bottom - top)
