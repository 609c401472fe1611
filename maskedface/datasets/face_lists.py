"""Reads c-RMFRD's lists of gallery and probe faces together."""

from __future__ import annotations

import os
from typing import NamedTuple

from maskedface.datasets.face_index import Domain, FaceIndex
from maskedface.datasets.pairs import read_face_list


class GalleryAndProbes(NamedTuple):
    """Faces to enroll and faces to identify.

    Attributes:
        gallery, probes: the faces that exist; each of the two has a single domain.
        missing: tuple of str, the files that do not exist, sorted.
    """

    gallery: FaceIndex
    probes: FaceIndex
    missing: tuple[str, ...]


def read_gallery_and_probes(
    gallery: str | os.PathLike[str],
    probes: str | os.PathLike[str],
    root: str | os.PathLike[str],
    *,
    alignment: str = "",
) -> GalleryAndProbes:
    """Reads a list of gallery faces and a list of probes.

    The lists do not state which of them is masked: both directions are tried, and the one with
    fewer missing files is used; on a tie, the gallery is unmasked.

    Args:
        gallery, probes: the lists, as for `read_face_list`.
        root, alignment: as for `read_face_list`.

    Returns:
        A `GalleryAndProbes`.

    Raises:
        ValueError: if neither direction has faces in both lists.
        FileNotFoundError: if a list or the folder is missing.

    >>> from pathlib import Path
    >>> from maskedface import synthetic
    >>> from maskedface.datasets.face_lists import read_gallery_and_probes
    >>> _ = synthetic.draw_people("drawn", people=1, photos=1, size=32)
    >>> _ = Path("gallery.csv").write_text("person_0000/0_0_person_0000_0000.jpg")
    >>> _ = Path("probes.csv").write_text("person_0000/0_0_0.jpg")
    >>> read = read_gallery_and_probes("gallery.csv", "probes.csv", "drawn")
    >>> read.gallery.faces[0].domain, read.probes.faces[0].domain, read.missing
    ('unmasked', 'masked', ())
    """
    directions: tuple[tuple[Domain, Domain], ...] = (("unmasked", "masked"), ("masked", "unmasked"))
    found = []
    for domains in directions:
        try:
            (enrolled, lost), (asked, more) = (
                read_face_list(file, root, domain, alignment=alignment)
                for file, domain in zip((gallery, probes), domains, strict=True)
            )
        except ValueError:
            continue
        found.append(GalleryAndProbes(enrolled, asked, tuple(sorted(lost + more))))
    if not found:
        raise ValueError(
            "root must contain RMFRD's two AFDB folders with faces of the lists. "
            f"Received: root={os.fspath(root)!r} with none"
        )
    return min(found, key=lambda one: len(one.missing))
