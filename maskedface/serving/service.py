"""The service's operations, independent of HTTP: one recognizer, one queue, one store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from maskedface.extras import from_extra
from maskedface.masking import SEEMS_MASKED
from maskedface.recognition import enrollment
from maskedface.recognition.enrollment import EnrolledPhoto
from maskedface.recognition.faces import DetectedFace, EmbeddedFace, Identity, Verification
from maskedface.recognition.recognizer import Recognizer
from maskedface.recognition.stores.store import GalleryStore
from maskedface.serving.batching import Batcher, Job
from maskedface.serving.limits import Limits
from maskedface.serving.looking import ALL, ENROLL, ONE, Looker
from maskedface.serving.watching import Log, Metrics

with from_extra("serve", "FastAPI"):
    from starlette.exceptions import HTTPException

Existing = Literal["refuse", "add", "replace"]
_WAIT = 10.0  # seconds for another writer of the gallery
_PAGE = 1000  # people per answer


class Service:
    """A recognizer for concurrent requests.

    Args:
        recognizer: a recognizer with the store's gallery.
        store: the gallery's storage.
        limits: the service's limits.
        log: the event log.
    """

    def __init__(
        self, recognizer: Recognizer, store: GalleryStore, limits: Limits, log: Log
    ) -> None:
        self.recognizer, self.store, self.limits, self.log = recognizer, store, limits, log
        self.metrics = Metrics(lambda: self.batcher.waiting)
        self._looker = Looker(recognizer, store, max_pixels=limits.photo_pixels)
        self._changes = asyncio.Lock()
        self.batcher = Batcher(
            self._looker,
            size=limits.batch,
            room=limits.waiting,
            watch=self.metrics.batches.observe,
        )

    def close(self) -> None:
        """Answers waiting requests, then closes the store."""
        self.batcher.close()
        self._looker.close()
        self.store.close()

    async def identify(
        self, photo: bytes, candidates: int, threshold: float | None
    ) -> tuple[Identity, ...]:
        """Identifies the faces of a photograph, as `Recognizer.identify`."""

        self.recognizer.gallery.check_threshold(threshold)

        def name(faces: Sequence[EmbeddedFace]) -> tuple[Identity, ...]:
            return self.recognizer.named(faces, candidates, threshold)

        (found,) = await self._look([photo], ALL, name)
        self._count([one.face for one in found])
        return tuple(found)

    async def embed(self, photo: bytes) -> tuple[EmbeddedFace, ...]:
        """The faces of a photograph with their embeddings."""
        (found,) = await self._look([photo], ALL)
        self._count(found)
        return tuple(found)

    async def verify(self, first: bytes, second: bytes, threshold: float | None) -> Verification:
        """Whether two photographs show the same person, as `Recognizer.verify`."""
        one, other = await self._look([first, second], ONE)
        self._count([one, other])
        # A database may be asked for its threshold.
        return await asyncio.to_thread(
            self.recognizer.compare_faces, one, other, threshold=threshold
        )

    async def enroll(
        self, person: str, photos: Sequence[bytes], existing: Existing, who: str
    ) -> list[EnrolledPhoto]:
        """Enrolls a person's photographs; those without exactly one face are skipped and listed.

        Raises:
            HTTPException: 409 if the person is already enrolled and `existing` is "refuse"; 422 if
                no photograph shows exactly one face.
        """
        if existing == "refuse" and await asyncio.to_thread(self._knows, person):
            raise _enrolled_already(person)
        rows = await self._look(photos, ENROLL)
        rows = [EnrolledPhoto("", person, row.face, row.error) for row in rows]
        if all(row.face is None for row in rows):
            raise HTTPException(
                422,
                f"at least one photograph must show exactly one face. Received: {rows[0].error}",
            )
        self._count([row.face for row in rows if row.face is not None])
        async with self._changes:
            await asyncio.to_thread(self._enroll, person, rows, existing, who)
        return rows

    async def forget(self, person: str, who: str) -> None:
        """Deletes a person.

        Raises:
            HTTPException: 404 if no person with that name is enrolled.
        """
        async with self._changes:
            await asyncio.to_thread(self._forget, person, who)

    async def people(self, after: str) -> dict[str, Any]:
        """Enrolled people after a name with their numbers of faces; their total; the thresholds."""

        def listed() -> dict[str, Any]:
            gallery = self.store.gallery()
            everybody, made = gallery.people, gallery.calibration
            later = [item for item in everybody.items() if item[0] > after]
            thresholds = made and made.to_dict()
            return {
                "people": dict(later[:_PAGE]),
                "count": len(everybody),
                "calibration": thresholds,
            }

        return await asyncio.to_thread(listed)

    async def is_well(self) -> bool:
        """Whether the gallery exists and can be read."""

        def there() -> bool:
            return self.store.exists() and self.store.gallery() is not None

        try:
            return await asyncio.to_thread(there)
        except (OSError, ValueError):
            return False

    async def _look(
        self, photos: Sequence[bytes], kind: str, finish: Callable[[Any], Any] = lambda found: found
    ) -> list[Any]:
        until = time.monotonic() + self.limits.answer_seconds
        jobs = [Job(photo, kind, finish, until) for photo in photos]
        self.batcher.submit(jobs)
        try:
            async with asyncio.timeout(self.limits.answer_seconds):
                return [await asyncio.wrap_future(job.result) for job in jobs]
        finally:
            for job in jobs:
                job.result.cancel()

    def _knows(self, person: str) -> bool:
        return person in self.store.gallery()

    def _enroll(self, person: str, rows: list[EnrolledPhoto], existing: Existing, who: str) -> None:
        with self.store.changing(wait=_WAIT, who=who) as gallery:
            gallery.check_model(self.recognizer.fingerprint)
            if person in gallery and existing == "refuse":
                raise _enrolled_already(person)
            if person in gallery and existing == "replace":
                gallery.remove(person)
            enrollment.enroll_rows(gallery, rows)

    def _forget(self, person: str, who: str) -> None:
        with self.store.changing(wait=_WAIT, who=who) as gallery:
            if person not in gallery:
                raise HTTPException(404, "person must be enrolled. Received: an unknown name")
            gallery.remove(person)

    def _count(self, faces: Sequence[DetectedFace]) -> None:
        for face in faces:
            self.metrics.faces.labels(str(face.masked >= SEEMS_MASKED).lower()).inc()


def _enrolled_already(person: str) -> HTTPException:
    return HTTPException(
        409,
        "person must be new, or existing be 'add' or 'replace'. Received: an enrolled person",
    )
