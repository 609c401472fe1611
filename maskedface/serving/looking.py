"""Processes photographs in the service's single thread: detection, alignment, batched embedding."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from maskedface.images import read_image
from maskedface.recognition.enrollment import EnrolledPhoto, face_to_enroll
from maskedface.recognition.faces import DetectedFace
from maskedface.recognition.photo import PhotoFile
from maskedface.recognition.recognizer import Recognizer, one_of
from maskedface.recognition.stores.store import GalleryStore
from maskedface.serving.batching import GalleryError, Job

ENROLL, ONE, ALL = "enroll", "one", "all"


class Looker:
    """Runs a recognizer with its store's gallery on batches of jobs.

    Args:
        recognizer: the service's recognizer.
        store: the gallery's storage, which other processes may modify.
        max_pixels: int, the maximum number of pixels of a photograph.
    """

    def __init__(self, recognizer: Recognizer, store: GalleryStore, *, max_pixels: int) -> None:
        self.recognizer, self.store, self._max_pixels = recognizer, store, max_pixels
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "photographs")

    def __call__(self, jobs: Sequence[Job]) -> list[Any]:
        """The result or the exception for each job.

        Args:
            jobs: jobs of kind "all" (result: a tuple of `EmbeddedFace`), "one" (an `EmbeddedFace`)
                and "enroll" (an `EnrolledPhoto` without a person).
        """
        try:
            gallery = self.store.gallery()
            gallery.check_model(self.recognizer.fingerprint)
        except (OSError, ValueError) as error:
            raise GalleryError(str(error)) from error
        self.recognizer.gallery = gallery
        found: list[Any] = list(self._pool.map(self._decoded, jobs))
        many = [
            place
            for place, job in enumerate(jobs)
            if isinstance(found[place], np.ndarray) and job.kind != ENROLL
        ]
        for place, answer in zip(many, self._together(jobs, found, many), strict=True):
            found[place] = answer
        # What is enrolled is embedded one by one, with its drawn masks.
        return [self._enrolled(one) if isinstance(one, np.ndarray) else one for one in found]

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def _decoded(self, job: Job) -> Any:
        try:
            return read_image(job.photo, max_pixels=self._max_pixels, name="the photograph")
        except Exception as error:
            return error

    def _together(self, jobs: Sequence[Job], images: Sequence[Any], places: list[int]) -> list[Any]:
        """The faces of some photographs, embedded in one batch; if that fails, one by one, so that
        an error only affects its own photograph."""
        if not places:
            return []
        try:
            some = [images[place] for place in places]
            faces, errors = [], {}
            for place, image, seen in zip(places, some, self.recognizer.find(some), strict=True):
                try:
                    faces.append(_wanted(jobs[place], image, seen))
                except ValueError as error:  # a FaceError
                    faces.append(())
                    errors[place] = error
            embedded = self.recognizer.embed_all(some, faces)
        except Exception as error:
            if len(places) == 1:
                return [error]
            return [self._together(jobs, images, [place])[0] for place in places]
        return [
            errors.get(place, rows[0] if jobs[place].kind == ONE and rows else rows)
            for place, rows in zip(places, embedded, strict=True)
        ]

    def _enrolled(self, image: np.ndarray) -> EnrolledPhoto:
        try:
            return EnrolledPhoto("", "", face_to_enroll(self.recognizer, image))
        except (ValueError, OSError) as error:
            return EnrolledPhoto("", "", None, str(error))


def _wanted(job: Job, image: np.ndarray, faces: Sequence[DetectedFace]) -> Sequence[DetectedFace]:
    """The faces of a photograph that a job needs.

    Raises:
        FaceError: if it needs exactly one, and there is none or there are several.
    """
    return (one_of(faces, PhotoFile(image)),) if job.kind == ONE else faces
