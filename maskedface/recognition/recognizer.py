"""A photograph in, names out: a gallery of people to compare its faces with."""

from __future__ import annotations

import os
from collections.abc import Iterable

import keras
import numpy as np

from maskedface.evaluation import Cohort
from maskedface.landmarks import Detector
from maskedface.masking import SEEMS_MASKED, masked_templates
from maskedface.names import person_name
from maskedface.recognition.calibration import check_threshold
from maskedface.recognition.embedding import fingerprint
from maskedface.recognition.face_reader import FaceReader, FallBack, whole_place
from maskedface.recognition.found import FoundFace, Identity, Photo, Place, Verification
from maskedface.recognition.gallery import Gallery
from maskedface.recognition.remembered import (
    WHOLE,
    PhotoFile,
    Remembered,
    read_photo,
    remembered,
    thinned,
)
from maskedface.training import last_run


class Recognizer(FaceReader):
    """Recognizes the people of a gallery in photographs that are neither cropped nor aligned.

    Args:
        model, alignment, detector, aligned_to, fall_back: as for `FaceReader`.
        gallery: the people known; by default nobody, with `keep="mean"`.
        source: str, where the model came from, kept in a new gallery.
        cohort, masks: of a new gallery (`Gallery`); one that is given has its own, or none.

    Raises:
        ValueError: as `FaceReader`, and if `masks` is out of [0, 100], or the gallery was made with another
            model.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        alignment: str | None = None,
        gallery: Gallery | None = None,
        detector: Detector | None = None,
        aligned_to: str = "",
        fall_back: FallBack = "never",
        source: str = "",
        cohort: Cohort | None = None,
        masks: int = 0,
    ) -> None:
        super().__init__(
            model,
            alignment=alignment,
            detector=detector,
            aligned_to=aligned_to,
            fall_back=fall_back,
        )
        self.fingerprint = fingerprint(self.embedder, self.alignment)
        if gallery is None:
            gallery = Gallery(
                self.fingerprint,
                source=source,
                cohort=cohort,
                masks=masks,
                alignment=self.alignment,
            )
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
        fall_back: FallBack = "never",
    ) -> Recognizer:
        """A recognizer with the network of a finished run, and in a new gallery with its cohort and its
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

    def face_to_enroll(self, photo: Photo | PhotoFile) -> FoundFace:
        """The face of a photograph of one person, with what the gallery keeps of it (`enrollable`).

        Args:
            photo: as for `faces`, or read already.

        Raises:
            FaceError, ImageError, OSError, ValueError, ModuleNotFoundError: as `one_face`.
        """
        file = photo if isinstance(photo, PhotoFile) else read_photo(photo)
        image, places = self.located(file.image)
        return self.enrollable(file, *self._one_of(file.path or image, image, places))

    def enrollable(self, file: PhotoFile, place: Place, face: FoundFace) -> FoundFace:
        """A face with what the gallery keeps of it.

        Args:
            file: the photograph.
            place: where its face is, of `located`.
            face: as this recognizer embedded it.

        Returns:
            The face with `photo`, and with `template` and `covered` where the gallery wants drawn masks,
            it does not seem to wear one already, and somebody found its mouth (not "whole image").
        """
        photo = remembered(file, place, self.gallery.remember)
        return self._with_template(file.image, place, face)._replace(photo=photo)

    def face_again(self, photo: Remembered) -> tuple[np.ndarray, FoundFace]:
        """The face of a photograph that another gallery remembers, as `face_to_enroll` gives it.

        Args:
            photo: of that gallery's `photos`.

        Returns:
            (the photograph or its crop, uint8 array, shape (height, width, 3), RGB; its face).

        Raises:
            FaceError: if it does not show one face.
            FileNotFoundError, OSError, ImageError, ValueError: as `Remembered.read`.
            ModuleNotFoundError: as `one_face`.
        """
        self._check_process()
        image, source = photo.read(), photo.source
        if not isinstance(source, str):
            places = whole_place(image, "crop", np.array(source))
        elif source:
            known = source != WHOLE
            places = whole_place(image, "alignment" if known else WHOLE, source if known else "")
        else:
            places = self._searched(image)
        place, face = self._one_of(photo.path or image, image, places)
        found = self._with_template(image, place, face)
        if photo.crop or self.gallery.remember != "crops":
            return image, found._replace(photo=thinned(photo, self.gallery.remember))
        file = PhotoFile(image, photo.path, photo.sha256)
        return image, found._replace(photo=remembered(file, place, "crops"))

    def _with_template(self, image: np.ndarray, place: Place, face: FoundFace) -> FoundFace:
        where_is_unknown = face.aligned_by == WHOLE
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

    def enroll(self, person: str, photos: Iterable[Photo]) -> tuple[FoundFace, ...]:
        """Adds a person's faces to the gallery; where one photograph is refused, none.

        Args:
            person: their name (`names.person_name`). If they are enrolled already, the faces join the
                old ones.
            photos: photographs of them, one face each.

        Returns:
            The faces enrolled.

        Raises:
            ValueError: if there is no name or photograph, and as `one_face`.
            OSError, ModuleNotFoundError: as `faces`.
        """
        name = person_name(person)
        found = tuple(self.face_to_enroll(photo) for photo in photos)
        if not found:
            raise ValueError(
                f"person must have a photograph at least. Received: person={person!r}, 0 photographs"
            )
        self.gallery.enroll(
            [name] * len(found),
            np.stack([face.to_enroll for face in found]),
            [face.photo for face in found],
        )
        return found

    def identify(
        self, photo: Photo, *, candidates: int = 3, threshold: float | None = None
    ) -> tuple[Identity, ...]:
        """Says who the faces of a photograph are.

        Args:
            photo: as for `faces`.
            candidates: int >= 1, how many of the most alike people to return.
            threshold: a score (`Candidate.score`), in its range; by default the gallery's calibrated one.
                With neither nobody is named.

        Returns:
            One `Identity` a face, from left to right.

        Raises:
            ValueError: if nobody is enrolled, the threshold is no score, and as `faces`.
            OSError, ModuleNotFoundError: as `faces`.
        """
        self.check_threshold(threshold)
        return tuple(self.name(face, candidates, threshold) for face in self.faces(photo))

    def check_threshold(self, threshold: float | None) -> None:
        """Refuses a threshold to name from that no score can have.

        Args:
            threshold: float in [-1, 1], with a cohort in [-2, 2]; or None.

        Raises:
            ValueError: if it is another.
        """
        check_threshold(threshold, 1 if self.gallery.cohort is None else 2)

    def name(self, face: FoundFace, candidates: int, threshold: float | None = None) -> Identity:
        """Says who a face is.

        Args:
            face: embedded by this recognizer.
            candidates, threshold: as for `identify`.

        Returns:
            The `Identity`.

        Raises:
            ValueError: if nobody is enrolled, or the threshold is no score.
        """
        self.check_threshold(threshold)
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
            threshold: float in [-1, 1], a cosine; by default the gallery's calibrated one. With neither
                there is no verdict.

        Raises:
            ValueError: if the threshold is no cosine.
            FaceError, ImageError, OSError, ValueError, ModuleNotFoundError: as `one_face`.
        """
        check_threshold(threshold, 1)
        return self.compare(self.one_face(first), self.one_face(second), threshold)

    def compare(
        self, first: FoundFace, second: FoundFace, threshold: float | None = None
    ) -> Verification:
        """Says whether two faces are the same person's.

        Args:
            first, second: embedded by this recognizer.
            threshold: as for `verify`.

        Returns:
            The `Verification`.

        Raises:
            ValueError: if the threshold is no cosine.
        """
        check_threshold(threshold, 1)
        if threshold is None and self.gallery.calibration is not None:
            threshold = self.gallery.calibration.verify
        faces = first, second
        score = float(np.clip(faces[0].embedding @ faces[1].embedding, -1, 1))
        same = None if threshold is None else score >= threshold
        return Verification(score, same, threshold, faces)
