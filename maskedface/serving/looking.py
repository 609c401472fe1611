"""What is done with photographs in the service's one thread: found, aligned, embedded together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from maskedface.evaluation.scoring import normalized
from maskedface.images import read_image
from maskedface.recognition.enrollment import EnrolledPhoto, face_to_enroll
from maskedface.recognition.faces import DetectedFace, EmbeddedFace
from maskedface.recognition.photo import PhotoFile
from maskedface.recognition.recognizer import Recognizer
from maskedface.recognition.stores.store import GalleryStore
from maskedface.serving.batching import GalleryError, Job

ENROLL, ONE, ALL = "enroll", "one", "all"


class Looker:
    """A recognizer with its store's gallery, for batches of jobs.

    Args:
        recognizer: the one that there is.
        store: where its gallery is kept; others may change it meanwhile.
        max_pixels: int, of a photograph.
    """

    def __init__(self, recognizer: Recognizer, store: GalleryStore, *, max_pixels: int) -> None:
        self.recognizer, self.store, self._max_pixels = recognizer, store, max_pixels
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "photographs")

    def __call__(self, jobs: Sequence[Job]) -> list[Any]:
        """What was found for each job, or the error that it ended with.

        Args:
            jobs: of kind "all" (a tuple of `EmbeddedFace`), "one" (an `EmbeddedFace`) and "enroll" (an
                `EnrolledPhoto` of nobody).
        """
        try:
            gallery = self.store.gallery()
            gallery.check_model(self.recognizer.fingerprint)
        except (OSError, ValueError) as error:
            raise GalleryError(str(error)) from error
        self.recognizer.gallery = gallery
        # What is enrolled is embedded one by one, with its drawn masks; a network has one user at a time.
        looked = {job: self._pool.submit(self._find, job) for job in jobs if job.kind != ENROLL}
        found = [looked[job].result() if job in looked else self._find(job) for job in jobs]
        chips = [chip for one in found if isinstance(one, _Found) for chip in one.chips]
        rows = normalized(self.recognizer.embedder(np.stack(chips))) if chips else np.empty((0, 0))
        answers, start = [], 0
        for one in found:
            if isinstance(one, _Found):
                answers.append(one.answer(rows[start : start + len(one.chips)]))
                start += len(one.chips)
            else:
                answers.append(one)
        return answers

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def _find(self, job: Job) -> Any:
        try:
            image = read_image(job.photo, max_pixels=self._max_pixels, name="the photograph")
            if job.kind == ENROLL:
                return self._enrolled(image)
            faces = self.recognizer.detect(image)
            if job.kind == ONE:
                faces = (self.recognizer.only_face(PhotoFile(image), faces),)
            return _Found(faces, [self.recognizer.align(image, face) for face in faces], job.kind)
        except Exception as error:
            return error

    def _enrolled(self, image: np.ndarray) -> EnrolledPhoto:
        try:
            return EnrolledPhoto("", "", face_to_enroll(self.recognizer, image))
        except (ValueError, OSError) as error:
            return EnrolledPhoto("", "", None, str(error))


class _Found:
    """The faces of a photograph, and the network's view of each."""

    def __init__(self, faces: Sequence[DetectedFace], chips: list[np.ndarray], kind: str) -> None:
        self.faces, self.chips, self.kind = faces, chips, kind

    def answer(self, rows: np.ndarray) -> Any:
        """The faces with their embeddings."""
        embedded = tuple(
            EmbeddedFace.of(face, row) for face, row in zip(self.faces, rows, strict=True)
        )
        return embedded[0] if self.kind == ONE else embedded
