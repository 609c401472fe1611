"""Photographs in, people out: faces found, embedded, grouped."""

from __future__ import annotations

import logging
import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from maskedface.clustering.clusters import ClusteredFace, Clusters
from maskedface.clustering.grouping import group_faces
from maskedface.evaluation.false_matches import CONDITIONS, Condition, pair_rates
from maskedface.masking import SEEMS_MASKED
from maskedface.recognition.batch import each
from maskedface.recognition.default_rates import DefaultRates
from maskedface.recognition.enrollment import photos_of_people, read_people
from maskedface.recognition.faces import EmbeddedFace
from maskedface.recognition.photo import PhotoFile, read_photo
from maskedface.recognition.recognizer import Recognizer

_LOG = logging.getLogger("maskedface")
_NEVER = 2.0  # above every cosine

FAR = 0.05
"""The false match rate by default: of those tried on training people (docs/experiments.md) the one with the
best pairwise F1. It holds of the mean over two groups' pairs, so far fewer groups are joined wrongly."""


def cluster_photos(
    recognizer: Recognizer,
    paths: Iterable[str | os.PathLike[str]],
    *,
    far: float = FAR,
    rates: DefaultRates | None = None,
    progress: bool = True,
) -> Clusters:
    """Groups the faces of unsorted photographs into people (`group_faces`).

    Args:
        recognizer: any; its gallery is not used.
        paths: image files, for example from `recognition.photo_files`.
        far: float in (0, 1), the false match rate: faces are grouped where they are, in the mean, more
            similar than all but this share of pairs of different people under the same condition.
        rates: the network's false match rates; by default the recognizer's, which dlib's network has, and a
            run that was tested on unseen identities. `measure_rates` measures those of others.
        progress: whether a progress bar is drawn, on stderr.

    Returns:
        The `Clusters`, people numbered from the most frequent; what could not be read is in `errors`.

    Raises:
        ValueError: if there are no rates, or they cannot tell `far`; and as `group_faces`.
        ModuleNotFoundError: if the detector needs a package that is not installed.

    >>> from maskedface import clustering, recognition
    >>> recognizer = recognition.Recognizer.load("dlib")  # doctest: +SKIP
    >>> photos = recognition.photo_files("photographs")  # doctest: +SKIP
    >>> clustering.cluster_photos(recognizer, photos).people  # doctest: +SKIP
    {'person 001': 12, 'person 002': 7, 'person 003': 1}
    """
    rates = recognizer.rates if rates is None else rates
    thresholds = thresholds_at(rates, far)
    settings = {
        "far": far,
        "thresholds": thresholds,
        "source": "" if rates is None else rates.source,
        "model": recognizer.gallery.source,
    }
    return group_photos(embed_photos(recognizer, paths, progress=progress), thresholds, settings)


class EmbeddedPhotos(NamedTuple):
    """What was found on photographs.

    Attributes:
        photos: (path, SHA-256, faces) of each that could be read.
        errors: {photograph: why it could not be read}.
    """

    photos: list[tuple[str, str, tuple[EmbeddedFace, ...]]]
    errors: dict[str, str]


def embed_photos(
    recognizer: Recognizer, paths: Iterable[str | os.PathLike[str]], *, progress: bool
) -> EmbeddedPhotos:
    """Finds and embeds the faces of photographs.

    Args:
        recognizer, paths, progress: as for `cluster_photos`.
    """

    def look(files: Sequence[PhotoFile]) -> list[tuple[str, str, tuple[EmbeddedFace, ...]]]:
        images = [file.image for file in files]
        faces = recognizer.embed_all(images, recognizer.find(images))
        return [(file.path, file.sha256, some) for file, some in zip(files, faces, strict=True)]

    found = EmbeddedPhotos([], {})
    size = operator.attrgetter("image.nbytes")
    done = each(
        [os.fspath(path) for path in paths],
        read_photo,
        look,
        "finding faces",
        size=size,
        progress=progress,
    )
    for path, seen, error in done:
        if seen is None:
            found.errors[path] = error
        else:
            found.photos.append(seen)
    return found


def group_photos(
    found: EmbeddedPhotos, thresholds: Mapping[Condition, float], settings: Mapping[str, Any]
) -> Clusters:
    """Groups the faces of photographs.

    Args:
        found: the photographs.
        thresholds: as for `group_faces`.
        settings: as of `Clusters`.

    Raises:
        ValueError: as `group_faces`.
    """
    faces = [(path, sha256, face) for path, sha256, some in found.photos for face in some]
    grouped = group_faces(
        np.stack([face.embedding for *_, face in faces]) if faces else np.empty((0, 1)),
        np.array([face.masked >= SEEMS_MASKED for *_, face in faces], bool),
        thresholds,
        photos=[path for path, *_ in faces],
    )
    names = [f"person {number:03d}" for number in range(1, len(grouped.nearest) + 1)]
    pairs = zip(names, grouped.nearest, strict=True)
    return Clusters(
        tuple(
            ClusteredFace(path, sha256, face.box, face.masked, names[group])
            for (path, sha256, face), group in zip(faces, grouped.labels, strict=True)
        ),
        found.errors,
        tuple(path for path, _, some in found.photos if not some),
        {name: names[near[0]] for name, near in pairs if near is not None},
        settings,
    )


def measure_rates(
    recognizer: Recognizer, folder: str | os.PathLike[str], *, progress: bool = True
) -> DefaultRates:
    """Measures a network's false match rates on people who are known apart.

    Args:
        recognizer: with the network.
        folder: a folder a person in it, of people whom the network was not trained on; photographs that do
            not show one face are left out.
        progress: whether a progress bar is drawn, on stderr.

    Returns:
        The rates by condition, of those of which there are 100 pairs of different people.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if there are too few people, and as `recognition.enrollment.photos_of_people`.

    >>> from maskedface import clustering, recognition
    >>> recognizer = recognition.Recognizer.load("my.onnx")  # doctest: +SKIP
    >>> rates = clustering.measure_rates(recognizer, "colleagues")  # doctest: +SKIP
    """
    person_of = photos_of_people([os.fspath(folder)])
    seen = read_people(recognizer, person_of, enroll=False, progress=progress)
    faces = [(row.person, row.path, row.face) for row in seen if row.face is not None]
    found = (
        pair_rates(
            np.stack([face.embedding for *_, face in faces]),
            [person for person, *_ in faces],
            np.array([face.masked >= SEEMS_MASKED for *_, face in faces]),
            data=os.fspath(folder),
            photos=[path for _, path, _ in faces],
        )
        if faces
        else {}
    )
    if not found:
        raise ValueError(
            "a folder to measure rates on must have 100 pairs of faces of different people. "
            f"Received: {len(faces)} faces in {os.fspath(folder)!r}"
        )
    source = f"the people in {os.fspath(folder)}"
    return DefaultRates({name: (table,) for name, table in found.items()}, source)


def thresholds_at(rates: DefaultRates | None, far: float) -> dict[Condition, float]:
    """The thresholds of a false match rate. Where nothing was measured of a condition no pair is similar
    enough, which is logged.

    Args:
        rates: the network's.
        far: float in (0, 1).

    Returns:
        {condition: cosine} of every condition.

    Raises:
        ValueError: as `cluster_photos`.
    """
    if not 0 < far < 1:
        raise ValueError(f"far must be in (0, 1). Received: far={far}")
    if rates is None:
        raise ValueError(
            "there must be false match rates of the network: dlib's has them, and a run that was tested on "
            "unseen identities; --strangers FOLDER (measure_rates) measures others. Received: rates=None"
        )
    found: dict[Condition, float] = {}
    for condition in CONDITIONS:
        tables = rates.rates.get(condition, ())
        if not tables:
            _LOG.warning("no false match rates of %s: such faces are not grouped", condition)
        threshold = rates.threshold(far, [condition]) if tables else _NEVER
        if threshold is None:
            least = max(table.false_matches[-1][0] for table in tables)
            raise ValueError(
                f"far must be at least {least:g}: the pairs of {rates.source} tell no lower rate of faces "
                f"of which {condition}. Received: far={far}"
            )
        found[condition] = threshold
    return found
