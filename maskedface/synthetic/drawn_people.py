"""Simple drawn people, with and without masks, in RMFRD's layout: data without a download."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from maskedface.checks import check_least
from maskedface.datasets.face_index import Domain, Face, FaceIndex
from maskedface.synthetic.face_drawing import draw_face

JPEG_QUALITY = 90


def draw_people(
    root: str | os.PathLike[str],
    *,
    people: int = 12,
    photos: int = 8,
    masked_photos: int | None = None,
    size: int = 112,
    seed: int = 0,
) -> FaceIndex:
    """Draws people and writes them as JPEGs in RMFRD's layout.

    The files are `AFDB_masked_face_dataset/<person>/0_0_0.jpg ..` and
    `AFDB_face_dataset/<person>/0_0_<person>_0000.jpg ..`, for `datasets.rmfrd`. Equal arguments
    give equal files; a face never depends on the number of others.

    >>> from maskedface import synthetic
    >>> index = synthetic.draw_people("drawn", people=3, photos=2, masked_photos=1, size=32)
    >>> len(index), index.people[0]
    (9, 'person_0000')

    Args:
        root: the folder to write to; created if it does not exist.
        people: int >= 1, the number of people, named person_0000, person_0001, ..
        photos: int >= 1, unmasked photos per person.
        masked_photos: int >= 0, masked photos per person, which are not unmasked photos with an
            added mask; by default as many as `photos`.
        size: int >= 32, the images' height and width in pixels.
        seed: int >= 0, the seed of the set of people.

    Returns:
        A `FaceIndex` of both domains; each row is a photo of its own ("person_0000_u03"), with the
        alignment "arcface".

    Raises:
        ValueError: if a number is out of range.
        FileExistsError: if one of the two AFDB folders contains other files than those to be
            written.
    """
    masked_photos = photos if masked_photos is None else masked_photos
    check_least(people=(people, 1), photos=(photos, 1), masked_photos=(masked_photos, 0))
    check_least(size=(size, 32), seed=(seed, 0))
    faces = {}
    for person in range(people):
        name = f"person_{person:04d}"
        for n in range(photos):
            path = f"AFDB_face_dataset/{name}/0_0_{name}_{n:04d}.jpg"
            faces[person, n, False] = _face(path, name, "unmasked", n)
        for n in range(masked_photos):
            path = f"AFDB_masked_face_dataset/{name}/0_0_{n}.jpg"
            faces[person, n, True] = _face(path, name, "masked", n)
    _refuse_to_mix(os.fspath(root), {face.path for face in faces.values()})
    for (person, n, masked), face in faces.items():
        path = os.path.join(root, face.path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        image = Image.fromarray(draw_face(person, n, masked, size=size, seed=seed))
        image.save(path, quality=JPEG_QUALITY)
    return FaceIndex(root, faces.values())


def _face(path: str, person: str, domain: Domain, photo: int) -> Face:
    return Face(path, person, domain, f"{person}_{domain[0]}{photo:02d}", "arcface")


def _refuse_to_mix(root: str, planned: set[str]) -> None:
    for folder in ("AFDB_face_dataset", "AFDB_masked_face_dataset"):
        files = (path for path in Path(root, folder).rglob("*") if path.is_file())
        found = {path.relative_to(root).as_posix() for path in files}
        if found and found != {path for path in planned if path.startswith(folder + "/")}:
            raise FileExistsError(
                f"{os.path.join(root, folder)!r} contains other files than the people to draw: "
                "choose another root, or delete that folder first"
            )
