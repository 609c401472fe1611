"""Two networks side by side: one for faces that seem to wear a mask, one for all others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from maskedface.masking import SEEMS_MASKED, masked_probability
from maskedface.names import person_name
from maskedface.recognition.found import FoundFace, Identity, Photo, Verification
from maskedface.recognition.gallery import Gallery
from maskedface.recognition.recognizer import Recognizer
from maskedface.recognition.remembered import read_photo


class ByMask:
    """Compares faces that seem masked by one recognizer and all others by another.

    A network trained for masked faces may lose some bare ones; so keep the one that you have for
    these. Everybody is enrolled with both, so a photograph to enroll takes twice the time, one to
    identify hardly more: each face is embedded once, by the network meant for it. The two galleries
    are ordinary ones, each with its own file, cohort and thresholds.

    Args:
        bare: names faces that seem to wear no mask; it also finds all faces, of both kinds.
        masked: names faces that seem to wear one, from a probability of .5 on
            (`masking.masked_probability`).

    Raises:
        ValueError: if not the same people are enrolled with both.
    """

    def __init__(self, bare: Recognizer, masked: Recognizer) -> None:
        differing = sorted(bare.gallery.people.keys() ^ masked.gallery.people.keys())
        if differing:
            raise ValueError(
                "the same people must be enrolled with both networks. "
                f"Received: {len(differing)} with one alone, the first {differing[0]!r}"
            )
        self.bare, self.masked = bare, masked

    @property
    def gallery(self) -> Gallery:
        """That of the network for bare faces; the same people are in the other's."""
        return self.bare.gallery

    def meant_for(self, *faces: FoundFace) -> Recognizer:
        """The recognizer that compares some faces: `masked` where one of them seems to wear a mask.

        Args:
            faces: found by either.
        """
        seems_masked = any(face.masked >= SEEMS_MASKED for face in faces)
        return self.masked if seems_masked else self.bare

    def enroll(self, person: str, photos: Iterable[Photo]) -> tuple[FoundFace, ...]:
        """Adds a person's faces to both galleries; where one photograph is refused, to neither.

        Args:
            person, photos: as for `Recognizer.enroll`.

        Returns:
            The faces enrolled, as the network for bare faces embeds them.

        Raises:
            ValueError, OSError, ModuleNotFoundError: as `Recognizer.enroll`.
        """
        name = person_name(person)
        bare, masked = [], []
        for photo in photos:
            file = read_photo(photo)
            image, place, face = self.bare.located_face(file.image)
            bare.append(self.bare.enrollable(file, place, face))
            (face,) = self.masked.embedded(image, [place])
            masked.append(self.masked.enrollable(file, place, face))
        # Whatever one gallery would refuse is refused before the other is changed.
        good = all(face.to_enroll.any() for face in (*bare, *masked))
        if not bare or not good:
            raise ValueError(
                "person must have a photograph at least, of which neither network makes "
                f"zeros. Received: person={person!r}, {len(bare)} photographs"
            )
        for recognizer, faces in ((self.bare, bare), (self.masked, masked)):
            rows = np.stack([face.to_enroll for face in faces])
            recognizer.gallery.enroll([name] * len(rows), rows, [face.photo for face in faces])
        return tuple(bare)

    def identify(
        self, photo: Photo, *, candidates: int = 3, threshold: float | None = None
    ) -> tuple[Identity, ...]:
        """Says who the faces of a photograph are.

        Args:
            photo: as for `Recognizer.faces`.
            candidates: int >= 1, how many of the most alike people to return.
            threshold: None: each gallery has its own, since scores of two networks do not compare.

        Returns:
            One `Identity` a face, from left to right.

        Raises:
            ValueError: if nobody is enrolled, a threshold is given, and as `Recognizer.faces`.
            OSError, ModuleNotFoundError: as `Recognizer.faces`.
        """
        if threshold is not None:
            raise ValueError(
                "threshold must be None: each of the two galleries has its own. "
                f"Received: threshold={threshold}"
            )
        image, places = self.bare.located(photo)
        seems_masked = [masked_probability(image, place[-1]) >= SEEMS_MASKED for place in places]
        named: dict[int, Identity] = {}
        for chosen, kind in ((self.bare, False), (self.masked, True)):
            numbers = [number for number, seems in enumerate(seems_masked) if seems == kind]
            faces = chosen.embedded(image, [places[number] for number in numbers])
            named |= {
                n: chosen.name(face, candidates) for n, face in zip(numbers, faces, strict=True)
            }
        return tuple(named[number] for number in sorted(named))

    def verify(self, first: Photo, second: Photo) -> Verification:
        """Says whether two photographs, one face each, show the same person: by the network for masked
        faces where one of them seems masked, at that gallery's threshold.

        Args:
            first, second: as for `Recognizer.one_face`.

        Raises:
            FaceError, ImageError, OSError, ValueError, ModuleNotFoundError: as `Recognizer.one_face`.
        """
        found = [self.bare.located_face(photo) for photo in (first, second)]
        chosen = self.meant_for(*(face for *_, face in found))
        one, other = (
            face if chosen is self.bare else chosen.embedded(image, [place])[0]
            for image, place, face in found
        )
        return chosen.compare(one, other)
